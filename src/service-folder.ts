/**
 * What the service itself needs of its data directory: that no other service uses it, and a place for the RTMP child's socket.
 * It never keeps the service from starting, but where another one is in. Invariant: nothing in the directory is touched before.
 */
import { join } from 'node:path';
import type { Clock } from './system/clock.ts';
import { ServiceError } from './system/errors.ts';
import { type InstanceFacts, type InstanceLock, lockFolder } from './system/instance-lock.ts';
import type { Logger } from './system/log.ts';

/** Of sockets: they mean something on this machine only and hold nothing that is worth a backup. */
export const RUN_FOLDER = 'run';

export interface ServiceFolder {
  /** Where the next service finds the RTMP child; undefined: there is no handover. */
  readonly handoverFolder: string | undefined;
  tell: InstanceLock['tell'];
  close(): Promise<void>;
}

const NOTHING_KEPT: ServiceFolder = {
  handoverFolder: undefined,
  tell: () => undefined,
  close: async () => undefined,
};

/** Throws DATA_DIRECTORY_IN_USE. A directory that can't be written is used without a lock, and said so. */
export async function claimServiceFolder(
  dataDirectory: string | undefined,
  log: Logger,
  clock: Clock,
): Promise<ServiceFolder> {
  if (dataDirectory === undefined) return NOTHING_KEPT;
  const folder = join(dataDirectory, RUN_FOLDER);
  const outcome = await lockFolder(folder, clock);
  if (outcome.kind === 'held') throw inUse(dataDirectory, outcome.by);
  if (outcome.kind === 'impossible') {
    const hint =
      'A second service on it would not be noticed, and publishers have to connect again after a restart: make it writable for this user.';
    log.warn({ code: 'DATA_DIRECTORY_DEGRADED', folder, reason: outcome.why, hint }, 'data directory is not locked');
    return NOTHING_KEPT;
  }
  const { lock } = outcome;
  return { handoverFolder: folder, tell: (facts) => lock.tell(facts), close: () => lock.close() };
}

function inUse(dataDirectory: string, by: InstanceFacts | undefined): ServiceError {
  const named = by === undefined ? 'a process that does not answer' : `process ${by.pid}, ${described(by)}`;
  const stop = by === undefined ? 'Stop it' : `Stop it (kill ${by.pid})`;
  return new ServiceError(
    'DATA_DIRECTORY_IN_USE',
    `the data directory ${dataDirectory} is in use by another Pitchside: ${named}`,
    { hint: `${stop}, or give this one a folder of its own with --data FOLDER.`, details: { dataDirectory, ...by } },
  );
}

function described({ sinceMs, ports, isStopping }: InstanceFacts): string {
  const open = Object.entries(ports).map(([name, port]) => `${name} ${port}`);
  const where = open.length === 0 ? 'starting' : `ports ${open.join(', ')}`;
  return `since ${new Date(sinceMs).toISOString()}, ${where}${isStopping ? ', stopping' : ''}`;
}
