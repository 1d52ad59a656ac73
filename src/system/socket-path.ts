/**
 * Addresses of UNIX sockets in folders whose path is too long for one.
 * It never lets a path be cut short, as libuv does: that would be a socket somewhere else.
 */
import { constants, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';

/** sockaddr_un holds 108 bytes on Linux and 104 elsewhere, the zero at the end included. */
const MAX_ADDRESS_BYTES = 103;

const openFolders = new Map<string, number>();

/** What to listen on or connect to for the socket at `path`; its folder is there. Good for the life of this process. */
export function socketAddress(path: string): string {
  if (Buffer.byteLength(path) <= MAX_ADDRESS_BYTES) return path;
  if (process.platform !== 'linux') throw new Error(`the path of a socket is too long: ${path}`);
  const folder = dirname(path);
  const fd = openFolders.get(folder) ?? openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  openFolders.set(folder, fd);
  return `/proc/self/fd/${fd}/${basename(path)}`;
}
