/**
 * Whether a value out of a journal has the shape of an entry, key by key.
 * It never throws and never repairs. Invariant: what it lets pass has all keys of its kind, of the right types, and no others.
 */
import type { TimelineEntry } from './journal-entry.ts';

type Check = (value: unknown) => boolean;
/** A key that ends with `?` may be missing. */
type Shape = Readonly<Record<string, Check>>;

const text: Check = (value) => typeof value === 'string';
const flag: Check = (value) => typeof value === 'boolean';
const whole: Check = Number.isSafeInteger;
const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
/** UTC ms, with fractions. */
const time: Check = Number.isFinite;
const oneOf =
  (...values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const tuple =
  (...checks: readonly Check[]): Check =>
  (value) =>
    Array.isArray(value) && value.length === checks.length && checks.every((check, i) => check(value[i]));

function object(shape: Shape): Check {
  const checks = Object.entries(shape).map(([key, check]) => ({
    key: key.replace('?', ''),
    check,
    isOptional: key.endsWith('?'),
  }));
  const keys = new Set(checks.map(({ key }) => key));
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    const of = value as Readonly<Record<string, unknown>>;
    return (
      Object.keys(of).every((key) => keys.has(key)) &&
      checks.every(({ key, check, isOptional }) => (of[key] === undefined ? isOptional : check(of[key])))
    );
  };
}

const rate = object({ num: count, den: count });
const grid = object({
  frameRate: rate,
  segmentFrames: count,
  partsPerSegment: count,
  segmentMs: count,
  videoTimescale: count,
  segmentTicks: count,
});
const init = object({
  base64: text,
  trackId: count,
  kind: oneOf('video', 'audio'),
  timescale: count,
  codec: text,
  language: text,
  brands: listOf(text),
  'width?': count,
  'height?': count,
  'sampleRate?': count,
  'channels?': count,
  defaults: object({ durationTicks: count, sizeBytes: count, flags: count }),
});
const track = object({
  id: text,
  kind: oneOf('video', 'audio'),
  peakBps: time,
  averageBps: time,
  'frameRate?': rate,
  language: text,
  name: text,
  'channels?': count,
  init,
});
const period = object({
  id: text,
  ordinal: count,
  gen: text,
  grid,
  startNumber: count,
  startIndex: count,
  tracks: listOf(track),
  announcedMs: time,
});
const part = tuple(count, oneOf(0, 1), count);
const retired = listOf(object({ gen: text, untilMs: time }));

const SHAPES: Readonly<Record<TimelineEntry['kind'], Shape>> = {
  period: { period },
  part: {
    track: text,
    gen: text,
    number: count,
    part: count,
    source: oneOf('live', 'slate'),
    of: part,
    atMs: time,
  },
  segment: {
    track: text,
    gen: text,
    number: count,
    source: oneOf('live', 'slate', 'gap'),
    of: tuple(whole, count, count, count),
    parts: listOf(part),
    atMs: time,
  },
  committed: { gen: text, number: count, atMs: time },
  evicted: { gen: text, belowNumber: count },
  'generation-gone': { gen: text },
  opened: { retired },
  restarted: {},
  ended: { atMs: time },
  abandoned: { gen: text, number: count, atMs: time },
  resumed: {
    periods: listOf(period),
    gen: (value) => value === null || text(value),
    retired,
    isSpent: flag,
    ordinal: count,
    restarts: count,
    abandoned: count,
    hasBeenLive: flag,
  },
  'resumed-to': { isEnded: flag, changedMs: time, mpdChangedMs: time },
};
const CHECKS = new Map<unknown, Check>(
  Object.entries(SHAPES).map(([kind, shape]) => [kind, object({ kind: oneOf(kind), ...shape })]),
);

export function isTimelineEntry(value: unknown): value is TimelineEntry {
  const kind = (value as { readonly kind?: unknown } | null | undefined)?.kind;
  return CHECKS.get(kind)?.(value) === true;
}
