/**
 * One DASH viewer: MPD, clock, picture and sound by `$Number$`, rung switches, pauses, rewinds. Pure and replayable.
 * It asks for a Segment when the MPD and its clock say that it is there, never before. Invariant: one media request of a set is under
 * way at most, and answers to an earlier session change nothing.
 */
import { type DashList, type DashSegment, segmentAt } from './dash-list.ts';
import { BUFFER_GOAL_MS } from './hls-lane.ts';
import type { Answer, Ask, Step, ViewerInput } from './model.ts';
import { notStarted, type Playback, pieceCame, playheadMs } from './playback.ts';
import { draw } from './seeded.ts';
import { firstWhims, type Habits, otherOf, takeWhim, type Whim, type Whims } from './whims.ts';

interface DashLane {
  /** Media time of what is loaded next. */
  readonly nextMs: number;
  readonly rung: number;
  readonly underWay: string | undefined;
  readonly initUrl: string | undefined;
  readonly fromMs: number;
  readonly failures: number;
}

export interface DashViewer {
  readonly kind: 'dash';
  readonly url: string;
  readonly habits: Habits;
  readonly session: number;
  readonly whims: Whims;
  /** How long after it could a player asks: its own tick. */
  readonly reactionMs: number;
  readonly mpd: DashList | undefined;
  /** When to load it again; undefined: it is under way, or final. */
  readonly mpdAtMs: number | undefined;
  readonly mpdSentMs: number;
  readonly mpdFailures: number;
  /** The server's clock less ours. */
  readonly clockOffsetMs: number;
  readonly isClockWanted: boolean;
  /** undefined: the edge. */
  readonly share: number | undefined;
  readonly rung: number;
  readonly lanes: readonly DashLane[];
  readonly playback: Playback;
  readonly openMs: number | undefined;
}

const RETRY_MS = 1000;
const GIVE_UP_FAILURES = 4;
const REOPEN_MS = 2000;
/** dash.js looks every 100 to 500 ms whether there is something to load. */
const TICK_MS = 300;

export function newDashViewer(url: string, seed: number, habits: Habits, nowMs: number): DashViewer {
  const tick = draw(seed);
  const rung = draw(tick.seed);
  return {
    ...{ kind: 'dash', url, habits, session: 0, mpd: undefined, mpdAtMs: nowMs, mpdSentMs: nowMs, mpdFailures: 0 },
    ...{ clockOffsetMs: 0, isClockWanted: true, share: undefined, lanes: [], playback: notStarted(0), openMs: nowMs },
    whims: firstWhims(rung.seed, nowMs, habits),
    reactionMs: tick.value * TICK_MS,
    rung: Math.floor(rung.value * 1000),
  };
}

export function stepDash(viewer: DashViewer, input: ViewerInput, nowMs: number): Step<DashViewer> {
  if (input.kind === 'answer') {
    const taken = takeAnswer(viewer, input.ask, input.answer, nowMs);
    return settle(taken.viewer, nowMs, taken.lateMs);
  }
  if (input.kind === 'reload') return settle({ ...reopened(viewer, nowMs, undefined), isClockWanted: true }, nowMs);
  if (input.kind === 'rewind') return settle(reopened(viewer, nowMs, input.share), nowMs);
  return settle(viewer, nowMs);
}

function reopened(viewer: DashViewer, openMs: number, share: number | undefined): DashViewer {
  const empty = { mpd: undefined, mpdAtMs: openMs, mpdFailures: 0, lanes: [], playback: notStarted(0) };
  return { ...viewer, ...empty, session: viewer.session + 1, openMs, share };
}

interface Taken {
  readonly viewer: DashViewer;
  readonly lateMs?: number | undefined;
}

function takeAnswer(viewer: DashViewer, ask: Ask, answer: Answer, nowMs: number): Taken {
  if (ask.session !== viewer.session) return { viewer };
  if (ask.kind === 'mpd') return { viewer: takeMpd(viewer, answer, nowMs) };
  if (ask.kind === 'time') {
    if (answer.text?.kind !== 'utc') return { viewer };
    // Half the round trip is on the way back.
    return { viewer: { ...viewer, clockOffsetMs: answer.text.utcMs - (answer.sentMs + nowMs) / 2 } };
  }
  const lane = viewer.lanes[ask.lane];
  if (lane === undefined || lane.underWay !== ask.url || ask.span === undefined) return { viewer };
  if (answer.status !== 200) return { viewer: withFailure(viewer, lane, ask, nowMs) };
  const endMs = ask.span.startMs + ask.span.durationMs;
  const loaded = withLane(viewer, ask.lane, { ...lane, underWay: undefined, failures: 0, nextMs: endMs });
  return played(loaded, ask, nowMs);
}

function played(viewer: DashViewer, ask: Ask, nowMs: number): Taken {
  const { mpd } = viewer;
  if (mpd === undefined || ask.span === undefined) return { viewer };
  const growMs = segmentAt(mpd, ask.lane, viewer.rung, ask.span.startMs)?.offeredEarlyMs ?? 0;
  const isAtEdge = viewer.share === undefined;
  const leastDelayMs = isAtEdge ? mpd.availabilityStartMs + mpd.delayMs - viewer.clockOffsetMs : 0;
  const came = pieceCame(viewer.playback, ask.lane, ask.span, nowMs, { growMs, leastDelayMs });
  return { viewer: { ...viewer, playback: came.playback }, lateMs: came.lateMs };
}

function takeMpd(viewer: DashViewer, answer: Answer, nowMs: number): DashViewer {
  if (answer.status !== 200 || answer.text?.kind !== 'mpd') {
    const mpdFailures = viewer.mpdFailures + 1;
    const again = { ...viewer, mpdFailures, mpdAtMs: nowMs + RETRY_MS };
    return mpdFailures >= GIVE_UP_FAILURES ? reopened(again, nowMs + REOPEN_MS, undefined) : again;
  }
  const { mpd } = answer.text;
  // ISO/IEC 23009-1 5.3.1.2: minimumUpdatePeriod counts from the time the MPD was requested.
  const mpdAtMs = mpd.updateMs === undefined ? undefined : viewer.mpdSentMs + mpd.updateMs;
  const kept = { ...viewer, mpd, mpdFailures: 0, mpdAtMs };
  return kept.lanes.length > 0 ? kept : opened(kept, mpd, nowMs);
}

/** Position by the clock; with a share, by the window. */
function opened(viewer: DashViewer, mpd: DashList, nowMs: number): DashViewer {
  const edgeMs = nowMs + viewer.clockOffsetMs - mpd.availabilityStartMs - mpd.delayMs;
  const oldestMs = Math.max(mpd.periods[0]?.startMs ?? 0, edgeMs + mpd.delayMs - mpd.windowMs);
  const positionMs = viewer.share === undefined ? edgeMs : oldestMs + viewer.share * (edgeMs - oldestMs);
  const sets = mpd.periods.at(-1)?.sets ?? [];
  const lanes = sets.map((_, set): DashLane => {
    const nextMs = segmentAt(mpd, set, viewer.rung, Math.max(oldestMs, positionMs))?.startMs ?? oldestMs;
    const idle = { underWay: undefined, initUrl: undefined, fromMs: nowMs, failures: 0 };
    return { ...idle, nextMs, rung: set === 0 ? viewer.rung : 0 };
  });
  return { ...viewer, lanes, playback: notStarted(lanes.length) };
}

/** As dash.js does: what was not there is asked for again with the clock set anew, then left out. */
function withFailure(viewer: DashViewer, lane: DashLane, ask: Ask, nowMs: number): DashViewer {
  const failures = lane.failures + 1;
  if (failures >= GIVE_UP_FAILURES) return reopened(viewer, nowMs + REOPEN_MS, undefined);
  const endMs = (ask.span?.startMs ?? 0) + (ask.span?.durationMs ?? 0);
  const nextMs = failures > 1 ? endMs : lane.nextMs;
  const changed = { ...lane, underWay: undefined, failures, nextMs, fromMs: nowMs + RETRY_MS };
  return { ...withLane(viewer, ask.lane, changed), isClockWanted: true };
}

function withLane(viewer: DashViewer, index: number, lane: DashLane): DashViewer {
  return { ...viewer, lanes: viewer.lanes.map((one, at) => (at === index ? lane : one)) };
}

function settle(before: DashViewer, nowMs: number, lateMs?: number): Step<DashViewer> {
  const moved = moodOf(before, nowMs);
  if (moved.openMs !== undefined && moved.openMs > nowMs)
    return { viewer: moved, asks: [], wakeAtMs: moved.openMs, lateMs };
  const asks: Ask[] = [];
  let viewer = askTexts({ ...moved, openMs: undefined }, nowMs, asks);
  viewer.lanes.forEach((_, index) => {
    viewer = askMedia(viewer, index, nowMs, asks);
  });
  return { viewer, asks, wakeAtMs: wakeOf(viewer, nowMs), lateMs };
}

function askTexts(viewer: DashViewer, nowMs: number, asks: Ask[]): DashViewer {
  let next = viewer;
  const from = { session: viewer.session, lane: 0, rendition: '' };
  if (next.mpdAtMs !== undefined && next.mpdAtMs <= nowMs) {
    asks.push({ kind: 'mpd', url: next.url, ...from });
    next = { ...next, mpdAtMs: undefined, mpdSentMs: nowMs };
  }
  if (next.isClockWanted && next.mpd !== undefined) {
    if (next.mpd.timeUrl !== undefined) asks.push({ kind: 'time', url: next.mpd.timeUrl, ...from });
    next = { ...next, isClockWanted: false };
  }
  return next;
}

function segmentOf(viewer: DashViewer, index: number): DashSegment | undefined {
  const lane = viewer.lanes[index];
  return lane === undefined || viewer.mpd === undefined
    ? undefined
    : segmentAt(viewer.mpd, index, lane.rung, lane.nextMs);
}

/** When the lane asks for its next Segment: when that is there, and there is room for it. */
function dueOf(viewer: DashViewer, lane: DashLane, segment: DashSegment, nowMs: number): number {
  const availableMs = segment.availableMs - viewer.clockOffsetMs + viewer.reactionMs;
  const headMs = playheadMs(viewer.playback, nowMs);
  const roomMs = headMs === undefined ? nowMs : nowMs + segment.startMs - headMs - BUFFER_GOAL_MS;
  return Math.max(lane.fromMs, availableMs, roomMs);
}

function askMedia(viewer: DashViewer, index: number, nowMs: number, asks: Ask[]): DashViewer {
  const lane = viewer.lanes[index];
  const segment = segmentOf(viewer, index);
  if (lane === undefined || segment === undefined || lane.underWay !== undefined) return viewer;
  if (dueOf(viewer, lane, segment, nowMs) > nowMs) return viewer;
  const from = { session: viewer.session, lane: index, rendition: String(lane.rung) };
  const { initUrl, url, startMs, durationMs } = segment;
  if (initUrl !== undefined && initUrl !== lane.initUrl) asks.push({ kind: 'init', url: initUrl, ...from });
  asks.push({ kind: 'segment', url, ...from, span: { startMs, durationMs } });
  return withLane(viewer, index, { ...lane, initUrl, underWay: url });
}

function wakeOf(viewer: DashViewer, nowMs: number): number | undefined {
  const times = viewer.lanes.flatMap((lane, index) => {
    const segment = lane.underWay === undefined ? segmentOf(viewer, index) : undefined;
    return segment === undefined ? [] : [dueOf(viewer, lane, segment, nowMs)];
  });
  if (viewer.mpdAtMs !== undefined) times.push(viewer.mpdAtMs);
  if (viewer.lanes.length > 0 && Number.isFinite(viewer.whims.nextMs)) times.push(viewer.whims.nextMs);
  return times.length === 0 ? undefined : Math.min(...times);
}

function moodOf(viewer: DashViewer, nowMs: number): DashViewer {
  if (viewer.lanes.length === 0) return viewer;
  const { whims, whim } = takeWhim(viewer.whims, nowMs, viewer.habits);
  return whim === undefined ? viewer : withWhim({ ...viewer, whims }, whim, nowMs);
}

function withWhim(viewer: DashViewer, whim: Whim, nowMs: number): DashViewer {
  if (whim.kind === 'pause') return reopened(viewer, nowMs + whim.forMs, undefined);
  const count = viewer.mpd?.periods.at(-1)?.sets[0]?.length ?? 1;
  const rung = otherOf(count, viewer.rung % count, whim.share);
  const [picture] = viewer.lanes;
  if (picture === undefined || rung === viewer.rung % count) return viewer;
  // What is under way of the old rung is let go.
  return withLane({ ...viewer, rung }, 0, { ...picture, rung, underWay: undefined });
}
