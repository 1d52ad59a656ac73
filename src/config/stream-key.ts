/**
 * The stream key of a channel that names none: made at the first start, kept in the data directory, the same ever after.
 * It never prints a secret and never replaces a kept one. Folder 0700, file 0600, written whole or not at all.
 */
import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, ServiceError } from '../system/errors.ts';
import { randomId, randomSecret } from '../system/ids.ts';
import type { Settings, StreamKey } from './model.ts';
import { secretSchema } from './settings-schema.ts';

export interface EnsuredKey {
  readonly key: StreamKey;
  /** True when it did not exist before: the edge then prints the OBS lines. */
  readonly made: boolean;
  /** undefined: nothing is kept and the next start makes another. */
  readonly file: string | undefined;
}

const KEY_NAME = 'primary';
/** What file systems without hard links answer (exFAT, some network and desktop mounts): there the last start wins. */
const NO_HARD_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

const READ_ONLY: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM', 'EROFS']);

/** The kept key of the channel, or a new one; of this start alone where the directory can't be written. Throws ServiceError DATA_DIRECTORY when it can be neither read nor kept. */
export async function ensureStreamKey(dataDirectory: string | undefined, channelId: string): Promise<EnsuredKey> {
  if (dataDirectory === undefined)
    return { key: { name: KEY_NAME, secret: randomSecret() }, made: true, file: undefined };
  const folder = join(dataDirectory, 'keys');
  const file = join(folder, `${channelId}.key`);
  let isKnownToBeNone = false;
  try {
    const kept = await keptSecret(file);
    if (kept !== undefined) return { key: { name: KEY_NAME, secret: kept }, made: false, file };
    isKnownToBeNone = true;
    await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const made = await keepSecret(file, randomSecret());
    // Two services started at once: the first file stands, both use it.
    const secret = made ?? (await keptSecret(file));
    if (secret === undefined) throw new Error(`${file} appeared and went away again`);
    return { key: { name: KEY_NAME, secret }, made: made !== undefined, file };
  } catch (thrown) {
    if (thrown instanceof ServiceError) throw thrown;
    // A key of this start alone, as without a data directory: better than no service. One that can't be read is never replaced.
    if (isKnownToBeNone && READ_ONLY.has((thrown as NodeJS.ErrnoException).code))
      return { key: { name: KEY_NAME, secret: randomSecret() }, made: true, file: undefined };
    throw new ServiceError(
      'DATA_DIRECTORY',
      `the data directory ${dataDirectory} cannot be used: ${messageOf(thrown)}`,
      {
        hint: 'Make it writable for this user, name another one with --data FOLDER, or keep nothing with --data none.',
        cause: thrown,
      },
    );
  }
}

/** The settings with a key for every channel that names none, and the keys that were filled in, by channel id. */
export async function withStreamKeys(
  settings: Settings,
): Promise<{ readonly settings: Settings; readonly filled: ReadonlyMap<string, EnsuredKey> }> {
  const filled = new Map<string, EnsuredKey>();
  for (const { id, keys } of settings.channels)
    if (keys.length === 0) filled.set(id, await ensureStreamKey(settings.dataDirectory, id));
  const channels = settings.channels.map((channel) => {
    const ensured = filled.get(channel.id);
    return ensured === undefined ? channel : { ...channel, keys: [ensured.key] };
  });
  return { settings: { ...settings, channels }, filled };
}

async function keptSecret(file: string): Promise<string | undefined> {
  const text = await readFile(file, 'utf8').catch((thrown: unknown) => {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
    throw thrown;
  });
  if (text === undefined) return undefined;
  const secret = text.trim();
  if (!secretSchema.safeParse(secret).success)
    throw new ServiceError('DATA_DIRECTORY', `the kept stream key ${file} is damaged`, {
      hint: `Write ${secretSchema.meta()?.title} into it, or delete it to have a new key made.`,
    });
  return secret;
}

/** The secret when this call made the file, undefined when another did: link(2) never replaces. */
async function keepSecret(file: string, secret: string): Promise<string | undefined> {
  const draft = `${file}.${randomId()}.new`;
  const handle = await open(draft, 'wx', 0o600);
  try {
    try {
      await handle.writeFile(`${secret}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await link(draft, file);
    return secret;
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
    if (code === 'EEXIST') return undefined;
    if (!NO_HARD_LINKS.has(code)) throw thrown;
    await rename(draft, file);
    return secret;
  } finally {
    await rm(draft, { force: true });
  }
}
