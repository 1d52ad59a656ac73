/**
 * The data folder at start: one that was named has to be usable, whether or not this start keeps anything in it.
 * It never makes the default folder: who keeps nothing needs none, and a read-only system can do without.
 */
import { constants } from 'node:fs';
import { access, mkdir, stat } from 'node:fs/promises';
import { messageOf, ServiceError } from '../system/errors.ts';

/** `isNamed`: by an option or a variable, so it is made where it is not there. Throws DATA_DIRECTORY. */
export async function checkDataFolder(folder: string | undefined, isNamed: boolean): Promise<void> {
  if (folder === undefined) return;
  try {
    if (!(await isThere(folder))) {
      if (!isNamed) return;
      await mkdir(folder, { recursive: true, mode: 0o700 });
    }
    if (!(await stat(folder)).isDirectory()) throw new Error('it is no folder');
    await access(folder, constants.W_OK | constants.X_OK);
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
