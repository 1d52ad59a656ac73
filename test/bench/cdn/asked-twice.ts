/**
 * Was any object asked for again while a cache still had it? By the origin's own access log, URL by URL. Pure.
 * It never forgives the first second: two requests at once for one object are one too many. Invariant: a request may follow another one for
 * the same URL when the answer to that has outlived its max-age, or could not be kept at all.
 */
import type { AccessLine } from '../../../src/origin/access-log.ts';

export interface Asked {
  readonly requests: number;
  /** Different URLs. */
  readonly objects: number;
  /** Answers that no cache keeps: errors with no-store, and clients that went. */
  readonly unkept: number;
  /** `PATH: again 12 ms before its time`, one for each request that came too early. */
  readonly early: readonly string[];
}

/** `3s` in ms; immutable for ever; undefined: not kept. */
function lifetimeMs(cache: string): number | undefined {
  if (cache === 'immutable') return Number.POSITIVE_INFINITY;
  const seconds = /^(\d+)s$/.exec(cache)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}

/** Both clocks are the origin's, but times in its log are whole milliseconds. */
const ROUNDING_MS = 2;

export function askedTwice(log: string): Asked {
  // A line that is still being written is no line.
  const lines = log
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as AccessLine);
  const asked = lines.map((line) => ({ ...line, atMs: Date.parse(line.time) })).toSorted((a, b) => a.atMs - b.atMs);
  const keptUntil = new Map<string, number>();
  const early: string[] = [];
  let unkept = 0;
  for (const { path, atMs, holdMs, cache, whole } of asked) {
    const untilMs = keptUntil.get(path) ?? Number.NEGATIVE_INFINITY;
    const lifeMs = whole ? lifetimeMs(cache) : undefined;
    if (atMs < untilMs - ROUNDING_MS) early.push(`${path}: again ${(untilMs - atMs).toFixed(0)} ms before its time`);
    if (lifeMs === undefined) unkept += 1;
    keptUntil.set(path, lifeMs === undefined ? untilMs : Math.max(untilMs, atMs + holdMs + lifeMs));
  }
  return { requests: asked.length, objects: new Set(asked.map(({ path }) => path)).size, unkept, early };
}
