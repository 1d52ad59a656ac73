/**
 * Starts pusher.ts and hears when its feed began. Invariant: the feed's start is known before anybody gets it.
 */
import { type Running, start, until } from '../service-process.ts';
import { LOOP_MS } from './feed-clip.ts';
import type { Feed } from './figures.ts';

export interface Pusher extends Running {
  readonly feed: Feed;
  /** The latest send behind its plan so far, ms. */
  lateMs(): number;
}

/** Arguments of node for a program of this folder. */
export const program = (name: string): string[] => ['--import', 'tsx', new URL(name, import.meta.url).pathname];

/** @param targets `PORT/STREAM`, on loopback */
export async function startPusher(clip: string, jitterMs: number, targets: readonly string[]): Promise<Pusher> {
  let startMs: number | undefined;
  let lateMs = 0;
  const running = start(process.execPath, [...program('./pusher.ts'), clip, String(jitterMs), ...targets], (line) => {
    const said = JSON.parse(line) as { startMs?: number; lateMs?: number };
    startMs ??= said.startMs;
    lateMs = Math.max(lateMs, said.lateMs ?? 0);
  });
  await until('the pusher pushes', () => startMs !== undefined, running);
  return {
    pid: running.pid,
    get hasEnded() {
      return running.hasEnded;
    },
    said: running.said,
    stop: running.stop,
    feed: { startMs: startMs ?? Number.NaN, loopMs: LOOP_MS },
    lateMs: () => lateMs,
  };
}
