/**
 * What the journal of a Channel says of the life before: its timeline, the source its plan was made for, and its clock.
 * It never reads a file. Invariant: entries that nobody understands end in another incarnation, never in a refusal to start.
 */
import { isTimelineEntry } from '../package/entry-shape.ts';
import type { TimelineEntry } from '../package/journal-entry.ts';
import { compacted, replay } from '../package/replay.ts';
import type { TimelineSnapshot } from '../package/snapshot.ts';
import type { PlanSource } from '../transcode/model.ts';

/** A line of a Channel's journal. */
export type ChannelEntry =
  | TimelineEntry
  /** The plan was fixed by a publish; `key` says of which ladder. */
  | { readonly kind: 'plan'; readonly key: string; readonly source: PlanSource }
  /** UTC ms of the zero of the machine's monotonic clock, as this life sees it. */
  | { readonly kind: 'clock'; readonly bootId: string | null; readonly zeroMs: number }
  /** What came before could not be understood; GENs of what follows are made with this mark. */
  | { readonly kind: 'anew'; readonly mark: string };

type PlanEntry = ChannelEntry & { readonly kind: 'plan' };
type ClockEntry = ChannelEntry & { readonly kind: 'clock' };

export interface FormerLife {
  /** undefined: there was none, or nothing of it can be understood. */
  readonly snapshot: TimelineSnapshot | undefined;
  readonly plan: PlanEntry | undefined;
  readonly clock: ClockEntry | undefined;
  /** Part of every GEN beside the journal's incarnation; empty but after `problem`. */
  readonly mark: string;
  /** Why the entries cannot be understood; the life that reads them must note `anew`. */
  readonly problem: string | undefined;
}

export function planEntry(key: string, { width, height, frameRate, profile, level }: PlanSource): PlanEntry {
  return { kind: 'plan', key, source: { width, height, frameRate, profile, level } };
}

export function readFormerLife(entries: readonly unknown[]): FormerLife {
  const from = entries.findLastIndex((entry) => kindOf(entry) === 'anew');
  const anew = entries[from] as { readonly mark?: unknown } | undefined;
  const mark = typeof anew?.mark === 'string' ? anew.mark : '';
  const { timeline, plan, clock, foreign } = sorted(entries.slice(from + 1));
  const replayed = foreign === undefined ? replay(timeline) : { kind: 'bad' as const, reason: foreign };
  if (replayed.kind === 'bad') return { snapshot: undefined, plan: undefined, clock, mark, problem: replayed.reason };
  return { snapshot: timeline.length === 0 ? undefined : replayed.snapshot, plan, clock, mark, problem: undefined };
}

/** Fewer entries that say the same (window/open-window.ts: snapshot). */
export function fewerEntries(entries: readonly ChannelEntry[]): readonly ChannelEntry[] {
  const from = entries.findLastIndex(({ kind }) => kind === 'anew');
  const { timeline, plan, clock, foreign } = sorted(entries.slice(from + 1));
  // What this program does not understand it leaves as it is.
  if (foreign !== undefined) return entries;
  return [...entries.slice(Math.max(0, from), from + 1), plan, clock, ...compacted(timeline)].filter(
    (entry) => entry !== undefined,
  );
}

function sorted(entries: readonly unknown[]) {
  const timeline: TimelineEntry[] = [];
  let plan: PlanEntry | undefined;
  let clock: ClockEntry | undefined;
  let foreign: string | undefined;
  for (const entry of entries) {
    if (isTimelineEntry(entry)) timeline.push(entry);
    else if (isPlan(entry)) plan = entry;
    else if (isClock(entry)) clock = entry;
    else foreign ??= `an entry of kind ${String(kindOf(entry))} is not understood`;
  }
  return { timeline, plan, clock, foreign };
}

function kindOf(entry: unknown): unknown {
  return (entry as { readonly kind?: unknown } | null | undefined)?.kind;
}

function isClock(entry: unknown): entry is ClockEntry {
  const { kind, bootId, zeroMs } = (entry ?? {}) as Readonly<Record<string, unknown>>;
  return kind === 'clock' && (bootId === null || typeof bootId === 'string') && Number.isFinite(zeroMs);
}

function isPlan(entry: unknown): entry is PlanEntry {
  const { kind, key, source } = (entry ?? {}) as Readonly<Record<string, unknown>>;
  const { width, height, frameRate } = (source ?? {}) as Readonly<Record<string, unknown>>;
  const { num, den } = (frameRate ?? {}) as Readonly<Record<string, unknown>>;
  return kind === 'plan' && typeof key === 'string' && [width, height, num, den].every(Number.isSafeInteger);
}

/** What a step of the machine's clock may be without being one. */
const SAME_CLOCK_MS = 1000;
/** Media may be ahead of the clock by so much. */
const AHEAD_MS = 10_000;

/**
 * By how much this life's clock is to run ahead of the machine's, so that numbers go on where they were when that was stepped back: in ms,
 * 0 while it was not. The monotonic clock says it exactly while the machine is up; else the newest Segment does.
 */
export function clockAheadMs(
  { clock, snapshot }: FormerLife,
  now: { readonly bootId: string | undefined; readonly zeroMs: number; readonly nowMs: number },
): number {
  const isSameBoot = clock !== undefined && clock.bootId !== null && clock.bootId === now.bootId;
  const edgeMs = snapshot?.segments.at(-1)?.endMs ?? Number.NEGATIVE_INFINITY;
  const aheadMs = isSameBoot ? clock.zeroMs - now.zeroMs : edgeMs - now.nowMs;
  return aheadMs > (isSameBoot ? SAME_CLOCK_MS : AHEAD_MS) ? aheadMs : 0;
}
