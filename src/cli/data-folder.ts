/**
 * The data folder at start: one that was named has to be a folder, or to become one.
 * It never refuses one that can't be written: what is kept in it is used, and live goes on from memory.
 */
import { constants } from 'node:fs';
import { access, mkdir, stat } from 'node:fs/promises';
import { messageOf, ServiceError } from '../system/errors.ts';

const READ_ONLY: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM', 'EROFS']);

/** `isNamed`: by an option or a variable, so it is made where it is not there. Throws DATA_DIRECTORY. */
export async function checkDataFolder(
  folder: string | undefined,
  isNamed: boolean,
  note: (line: string) => void,
): Promise<void> {
  if (folder === undefined) return;
  try {
    if (!(await isThere(folder))) {
      if (!isNamed) return;
      await mkdir(folder, { recursive: true, mode: 0o700 });
    }
    if (!(await stat(folder)).isDirectory()) throw new Error('it is no folder');
    await access(folder, constants.X_OK);
    await access(folder, constants.W_OK).catch((thrown: NodeJS.ErrnoException) => {
      if (!READ_ONLY.has(thrown.code)) throw thrown;
      note(`${folder} cannot be written (${thrown.code}): nothing new is kept in it. Make it writable for this user.`);
    });
  } catch (thrown) {
    throw new ServiceError('DATA_DIRECTORY', `the data directory ${folder} cannot be used: ${messageOf(thrown)}`, {
      hint: 'Make it writable for this user, name another one with --data FOLDER, or keep nothing with --data none.',
      cause: thrown,
    });
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
