/**
 * One HLS viewer: multivariant playlist, picture and sound, start, rung switches, pauses, rewinds. Pure and replayable.
 * It never decodes and never measures a bandwidth: its rung is its seed's. Invariant: answers to requests of an earlier session or of
 * another rung change nothing.
 */
import {
  advance,
  type HlsLane,
  type LaneStep,
  type LaneView,
  laneWakeMs,
  openLane,
  takeList,
  takeMedia,
} from './hls-lane.ts';
import type { HlsRungs } from './hls-list.ts';
import type { Wish } from './hls-place.ts';
import type { Answer, Ask, Step, ViewerInput } from './model.ts';
import { notStarted, type Playback, pieceCame, playheadMs } from './playback.ts';
import { draw } from './seeded.ts';
import { firstWhims, type Habits, otherOf, takeWhim, type Whim, type Whims } from './whims.ts';

export interface HlsViewer {
  readonly kind: 'hls' | 'll-hls';
  readonly url: string;
  readonly habits: Habits;
  /** Counts page loads and pauses. */
  readonly session: number;
  readonly whims: Whims;
  readonly rungs: HlsRungs | undefined;
  readonly rung: number;
  readonly wish: Wish;
  readonly lanes: readonly HlsLane[];
  readonly playback: Playback;
  /** Asks for the multivariant playlist, or comes back from a pause, at this time; undefined: asked, or watching. */
  readonly openMs: number | undefined;
}

/** Failed requests of one rendition in a row after which a player starts over. */
const GIVE_UP_FAILURES = 4;
const REOPEN_MS = 2000;

export function newHlsViewer(
  kind: HlsViewer['kind'],
  url: string,
  seed: number,
  habits: Habits,
  nowMs: number,
): HlsViewer {
  const whims = firstWhims(seed, nowMs, habits);
  const start = { rungs: undefined, rung: 0, wish: { kind: 'edge' }, lanes: [], playback: notStarted(0) } as const;
  return { kind, url, habits, session: 0, whims, openMs: nowMs, ...start };
}

export function stepHls(viewer: HlsViewer, input: ViewerInput, nowMs: number): Step<HlsViewer> {
  if (input.kind === 'answer') {
    const taken = takeAnswer(viewer, input.ask, input.answer, nowMs);
    return settle(taken.viewer, nowMs, taken.lateMs);
  }
  if (input.kind === 'reload') return settle(reopened(viewer, nowMs, { kind: 'edge' }, undefined), nowMs);
  if (input.kind === 'rewind') {
    const { rungs } = viewer;
    return settle(reopened(viewer, nowMs, { kind: 'back', share: input.share }, rungs), nowMs);
  }
  return settle(viewer, nowMs);
}

/** A new session from `openMs` on; with rungs the multivariant playlist is not asked for again. */
function reopened(viewer: HlsViewer, openMs: number, wish: Wish, rungs: HlsRungs | undefined): HlsViewer {
  const session = viewer.session + 1;
  return { ...viewer, session, openMs, wish, rungs, lanes: [], playback: notStarted(0) };
}

interface Taken {
  readonly viewer: HlsViewer;
  readonly lateMs?: number | undefined;
}

function takeAnswer(viewer: HlsViewer, ask: Ask, answer: Answer, nowMs: number): Taken {
  if (ask.session !== viewer.session) return { viewer };
  if (ask.kind === 'multivariant') return { viewer: takeMultivariant(viewer, ask, answer, nowMs) };
  const lane = viewer.lanes[ask.lane];
  if (lane === undefined || lane.url !== ask.rendition || ask.kind === 'init') return { viewer };
  if (ask.kind === 'playlist' || ask.kind === 'blocked') {
    return { viewer: withLane(viewer, takeList(lane, answer, nowMs, viewer.kind === 'll-hls'), nowMs) };
  }
  const loaded = withLane(viewer, takeMedia(lane, ask, answer, nowMs), nowMs);
  if (answer.status !== 200 || ask.span === undefined || loaded.session !== viewer.session) return { viewer: loaded };
  const { playback, lateMs } = pieceCame(loaded.playback, ask.lane, ask.span, nowMs);
  return { viewer: { ...loaded, playback }, lateMs };
}

function takeMultivariant(viewer: HlsViewer, ask: Ask, answer: Answer, nowMs: number): HlsViewer {
  if (answer.status !== 200) return { ...viewer, openMs: nowMs + REOPEN_MS };
  // The address may be a media playlist itself.
  const rungs = answer.text?.kind === 'rungs' ? answer.text.rungs : [{ url: ask.url, audioUrl: undefined }];
  const { value, seed } = draw(viewer.whims.seed);
  const whims = { ...viewer.whims, seed };
  return opened({ ...viewer, whims, rung: Math.floor(value * rungs.length) }, rungs, nowMs);
}

function opened(viewer: HlsViewer, rungs: HlsRungs, nowMs: number): HlsViewer {
  const rung = rungs[viewer.rung % rungs.length];
  const urls = rung === undefined ? [] : [rung.url, ...(rung.audioUrl === undefined ? [] : [rung.audioUrl])];
  const lanes = urls.map((url, index) => openLane(index, url, nowMs));
  return { ...viewer, rungs, lanes, playback: notStarted(lanes.length), openMs: undefined };
}

function withLane(viewer: HlsViewer, lane: HlsLane, nowMs: number): HlsViewer {
  if (lane.failures >= GIVE_UP_FAILURES) return reopened(viewer, nowMs + REOPEN_MS, { kind: 'edge' }, undefined);
  return { ...viewer, lanes: viewer.lanes.map((one) => (one.index === lane.index ? lane : one)) };
}

/** Does what is due and says when to look again. */
function settle(before: HlsViewer, nowMs: number, lateMs?: number): Step<HlsViewer> {
  const moved = moodOf(before, nowMs);
  if (moved.openMs !== undefined && moved.openMs > nowMs)
    return { viewer: moved, asks: [], wakeAtMs: moved.openMs, lateMs };
  if (moved.openMs !== undefined && moved.rungs === undefined) {
    const asked = { ...moved, openMs: undefined };
    const from = { session: moved.session, lane: 0, rendition: moved.url };
    return { viewer: asked, asks: [{ kind: 'multivariant', url: moved.url, ...from }], wakeAtMs: undefined, lateMs };
  }
  const watching = moved.openMs === undefined ? moved : opened(moved, moved.rungs ?? [], nowMs);
  const { viewer, asks } = advanceLanes(watching, nowMs);
  return { viewer, asks, wakeAtMs: wakeOf(viewer, nowMs), lateMs };
}

function advanceLanes(start: HlsViewer, nowMs: number): { viewer: HlsViewer; asks: readonly Ask[] } {
  let viewer = start;
  let asks: readonly Ask[] = NO_ASKS;
  for (let index = 0; index < viewer.lanes.length; index += 1) {
    const lane = viewer.lanes[index];
    if (lane === undefined) continue;
    const step: LaneStep = advance(lane, viewOf(viewer, nowMs));
    if (step.asks.length > 0) asks = asks.length === 0 ? step.asks : [...asks, ...step.asks];
    // Most inputs change one lane or none.
    if (step.lane === lane) continue;
    viewer = { ...viewer, lanes: viewer.lanes.map((one) => (one.index === index ? step.lane : one)) };
    viewer = withSharedStart(viewer, lane, step.lane);
  }
  return { viewer, asks };
}

const NO_ASKS: readonly Ask[] = [];

/** Sound begins where the picture does: the first lane that has a list decides. */
function withSharedStart(viewer: HlsViewer, before: HlsLane, lane: HlsLane): HlsViewer {
  const { next, list } = lane;
  if (viewer.wish.kind === 'at' || before.next !== undefined || next === undefined || list === undefined) return viewer;
  const segment = list.segments.find(({ msn }) => msn === next.msn) ?? list.open;
  const mediaMs = segment.parts[next.part]?.startMs ?? segment.startMs;
  return { ...viewer, wish: { kind: 'at', mediaMs } };
}

function viewOf(viewer: HlsViewer, nowMs: number): LaneView {
  return {
    nowMs,
    session: viewer.session,
    isLowLatency: viewer.kind === 'll-hls',
    wish: viewer.wish,
    playheadMs: playheadMs(viewer.playback, nowMs),
  };
}

function wakeOf(viewer: HlsViewer, nowMs: number): number | undefined {
  const view = viewOf(viewer, nowMs);
  const times = viewer.lanes.flatMap((lane) => laneWakeMs(lane, view) ?? []);
  if (viewer.lanes.length > 0 && Number.isFinite(viewer.whims.nextMs)) times.push(viewer.whims.nextMs);
  return times.length === 0 ? undefined : Math.min(...times);
}

/** Another rung or a pause, when the person wants it. */
function moodOf(viewer: HlsViewer, nowMs: number): HlsViewer {
  if (viewer.lanes.length === 0) return viewer;
  const { whims, whim } = takeWhim(viewer.whims, nowMs, viewer.habits);
  return whim === undefined ? viewer : withWhim({ ...viewer, whims }, whim, nowMs);
}

function withWhim(viewer: HlsViewer, whim: Whim, nowMs: number): HlsViewer {
  if (whim.kind === 'pause') return reopened(viewer, nowMs + whim.forMs, { kind: 'edge' }, viewer.rungs);
  const rungs = viewer.rungs ?? [];
  const rung = otherOf(rungs.length, viewer.rung, whim.share);
  const url = rungs[rung]?.url;
  const [picture, ...others] = viewer.lanes;
  if (url === undefined || picture === undefined || url === picture.url) return viewer;
  // What is under way of the old rung is let go; the new one begins at the same place.
  return { ...viewer, rung, lanes: [openLane(0, url, nowMs, picture.next), ...others] };
}
