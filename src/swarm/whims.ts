/**
 * The person before the screen: now and then another rung, now and then a pause. Pure, decided by the viewer's seed.
 * It never knows a protocol. Invariant: between two whims there is an exponential time with the mean that was asked for.
 */
import { draw } from './seeded.ts';

export interface Habits {
  /** Mean time between two whims of one viewer; undefined: it never moves. */
  readonly thinkMs: number | undefined;
}

export interface Whims {
  readonly seed: number;
  readonly nextMs: number;
}

export type Whim =
  /** `share` picks among the other rungs. */
  { readonly kind: 'rung'; readonly share: number } | { readonly kind: 'pause'; readonly forMs: number };

const PAUSE_SHARE = 1 / 3;
const PAUSE_LEAST_MS = 3000;
const PAUSE_SPREAD_MS = 7000;

export function firstWhims(seed: number, nowMs: number, habits: Habits): Whims {
  return after(seed, nowMs, habits);
}

function after(seed: number, nowMs: number, { thinkMs }: Habits): Whims {
  if (thinkMs === undefined) return { seed, nextMs: Number.POSITIVE_INFINITY };
  const { value, seed: next } = draw(seed);
  return { seed: next, nextMs: nowMs - Math.log(1 - value) * thinkMs };
}

/** The whim that is due, if one is. */
export function takeWhim(whims: Whims, nowMs: number, habits: Habits): { readonly whims: Whims; readonly whim?: Whim } {
  if (whims.nextMs > nowMs) return { whims };
  const what = draw(whims.seed);
  const how = draw(what.seed);
  const whim: Whim =
    what.value < PAUSE_SHARE
      ? { kind: 'pause', forMs: PAUSE_LEAST_MS + how.value * PAUSE_SPREAD_MS }
      : { kind: 'rung', share: how.value };
  return { whims: after(how.seed, nowMs, habits), whim };
}

/** Another one of `count` than `current`. */
export function otherOf(count: number, current: number, share: number): number {
  if (count < 2) return current;
  return (current + 1 + Math.floor(share * (count - 1))) % count;
}
