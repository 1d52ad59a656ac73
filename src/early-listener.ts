/**
 * The origin's port, opened as soon as the settings are known and before the rest of the program is loaded: who asks meanwhile waits and
 * is not refused. Until now the RTMP child of the service before has kept it (ingest/http-gap.ts), or a service manager has a socket that
 * outlives the service (sd_listen_fds(3)).
 * It never fails: a port that cannot be opened is tried again, and complained of, by the origin itself.
 */
import { join } from 'node:path';
import type { HttpLimitSettings, Settings } from './config/model.ts';
import { takeHttpPort } from './ingest/http-gap.ts';
import { listenOrigin, type OriginListener } from './origin/listener.ts';
import { RUN_FOLDER } from './service-folder.ts';

/** sd_listen_fds(3): descriptors begin after stdin, stdout and stderr. */
const LISTEN_FDS_START = 3;

export type Environment = Readonly<Record<string, string | undefined>>;

/** The first socket that was handed to this very process; sd_listen_fds(3): LISTEN_PID is another's in what it has started. */
export function handedSocket({ LISTEN_PID, LISTEN_FDS }: Environment, pid: number): number | undefined {
  return LISTEN_PID === String(pid) && Number(LISTEN_FDS) >= 1 ? LISTEN_FDS_START : undefined;
}

export async function listenEarly(
  { http, dataDirectory }: Pick<Settings, 'http' | 'dataDirectory'>,
  env: Environment,
): Promise<OriginListener | undefined> {
  const { host, port, limits } = http;
  const fd = handedSocket(env, process.pid);
  const yielded = dataDirectory === undefined ? undefined : await takeHttpPort(join(dataDirectory, RUN_FOLDER));
  try {
    return await listenOrigin({ host, port, limits: httpLimitsOf(limits), fd });
  } catch {
    // The service before may still have it; who listens later says so.
    return undefined;
  } finally {
    yielded?.taken();
  }
}

export function httpLimitsOf(limits: HttpLimitSettings) {
  return {
    connections: limits.connections,
    waiters: limits.waiting,
    bytesInFlight: limits.megabytesInFlight * 1024 * 1024,
    stallMs: limits.stallSeconds * 1000,
    bodyMs: limits.bodySeconds * 1000,
    requestMs: limits.requestSeconds * 1000,
  };
}
