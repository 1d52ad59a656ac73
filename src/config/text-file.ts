/**
 * A file that the settings name, read whole or from its begin: text, bytes, or the reason why not.
 * It never reads more than the limit and never opens what is no ordinary file (a device, a pipe, a folder).
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { messageOf } from '../system/errors.ts';

const O_READ_NOW = constants.O_RDONLY | constants.O_NONBLOCK;

export type TextFile =
  | { readonly kind: 'ok'; readonly text: string }
  | { readonly kind: 'missing'; readonly reason: string }
  | { readonly kind: 'unreadable'; readonly reason: string };

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not read it; change its permissions',
  EPERM: 'this user may not read it; change its permissions',
  EISDIR: 'it is a folder; name the file in it',
  ELOOP: 'its symbolic links go round in a circle; name the file itself',
};

type BytesFile =
  | { readonly kind: 'ok'; readonly bytes: Buffer; readonly sizeBytes: number }
  | Exclude<TextFile, { readonly kind: 'ok' }>;

/** Reads at most maxBytes + 1 bytes, so that a text that is too long can be told from one that fits. */
export async function readTextFile(path: string, maxBytes: number): Promise<TextFile> {
  const file = await readFileHead(path, maxBytes, 'name a YAML file');
  return file.kind === 'ok' ? decoded(file.bytes, file.sizeBytes > maxBytes) : file;
}

/** The first maxBytes + 1 bytes at most. `wanted` says what to name instead of what is no file. */
export async function readFileHead(path: string, maxBytes: number, wanted: string): Promise<BytesFile> {
  try {
    // O_NONBLOCK: a named pipe without a writer would otherwise hold the open for ever.
    const handle = await open(path, O_READ_NOW);
    try {
      const stat = await handle.stat();
      if (!stat.isFile())
        return {
          kind: 'unreadable',
          reason: `it is no ordinary file; ${wanted}`,
        };
      const buffer = Buffer.alloc(Math.min(stat.size, maxBytes) + 1);
      let filled = 0;
      for (;;) {
        const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, filled);
        filled += bytesRead;
        if (bytesRead === 0 || filled === buffer.length) break;
      }
      return { kind: 'ok', bytes: buffer.subarray(0, filled), sizeBytes: stat.size };
    } finally {
      await handle.close();
    }
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
    if (code === 'ENOENT' || code === 'ENOTDIR')
      return {
        kind: 'missing',
        reason: 'there is no such file; check the name',
      };
    return {
      kind: 'unreadable',
      reason: REASONS[code] ?? `it cannot be read (${messageOf(thrown)}); check the disk`,
    };
  }
}

function decoded(bytes: Buffer, tooLarge: boolean): TextFile {
  // The parser refuses it by its length; a character cut at the limit must not be called bad UTF-8.
  if (tooLarge) return { kind: 'ok', text: bytes.toString('latin1') };
  try {
    return {
      kind: 'ok',
      text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes),
    };
  } catch {
    return {
      kind: 'unreadable',
      reason: 'it is not UTF-8 text; save it as UTF-8',
    };
  }
}
