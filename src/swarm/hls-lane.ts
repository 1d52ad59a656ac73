/**
 * One rendition of one HLS viewer: when its playlist is loaded again, and what media is asked for next.
 * Pure: it is handed the time. Invariant: at most one playlist and one media object of a rendition are under way, and no playlist
 * is asked for earlier than RFC 8216bis 6.3.4 allows.
 */
import type { HlsList, Position } from './hls-list.ts';
import { type Piece, placeAt, startOf, type Wish } from './hls-place.ts';
import type { Answer, Ask } from './model.ts';

type Reload =
  | { readonly kind: 'under-way'; readonly sentMs: number }
  | { readonly kind: 'due'; readonly atMs: number }
  /** The playlist is final. */
  | { readonly kind: 'never' };

export interface HlsLane {
  readonly index: number;
  /** Of the playlist, without directives. */
  readonly url: string;
  readonly list: HlsList | undefined;
  readonly reload: Reload;
  readonly next: Position | undefined;
  /** The CMAF header that was asked for. */
  readonly mapUrl: string | undefined;
  /** The media object that is under way. */
  readonly underWay: string | undefined;
  /** Media is not asked for before. */
  readonly mediaFromMs: number;
  /** Failed requests in a row. */
  readonly failures: number;
}

/** What a lane has to know of its viewer. */
export interface LaneView {
  readonly nowMs: number;
  readonly session: number;
  readonly isLowLatency: boolean;
  readonly wish: Wish;
  /** What is on the screen, in media time; undefined before the start. */
  readonly playheadMs: number | undefined;
}

/** As far ahead of the screen as is loaded; players have 10 to 60 s. */
export const BUFFER_GOAL_MS = 20_000;
const RETRY_MS = 1000;

export function openLane(index: number, url: string, nowMs: number, next?: Position): HlsLane {
  const reload = { kind: 'due', atMs: nowMs } as const;
  const empty = { list: undefined, mapUrl: undefined, underWay: undefined, mediaFromMs: nowMs, failures: 0 };
  return { ...empty, index, url, reload, next };
}

export interface LaneStep {
  readonly lane: HlsLane;
  readonly asks: readonly Ask[];
}

const NO_ASKS: readonly Ask[] = [];

/** Asks for what is due. */
export function advance(lane: HlsLane, view: LaneView): LaneStep {
  const reloaded = askPlaylist(lane, view);
  const placed = place(reloaded.lane, view);
  const loaded = askMedia(placed, view);
  if (reloaded.asks.length === 0) return loaded;
  return { lane: loaded.lane, asks: [...reloaded.asks, ...loaded.asks] };
}

/** When `advance` has something to do next, unless an answer comes before. */
export function laneWakeMs(lane: HlsLane, view: LaneView): number | undefined {
  const times: number[] = [];
  if (lane.reload.kind === 'due') times.push(lane.reload.atMs);
  const piece = lane.underWay === undefined ? pieceOf(lane, view) : undefined;
  if (piece !== undefined) times.push(Math.max(lane.mediaFromMs, roomFromMs(piece, view)));
  return times.length === 0 ? undefined : Math.min(...times);
}

function askPlaylist(lane: HlsLane, view: LaneView): LaneStep {
  const { reload } = lane;
  if (reload.kind !== 'due' || reload.atMs > view.nowMs) return { lane, asks: NO_ASKS };
  const directives = view.isLowLatency ? directivesOf(lane.list) : '';
  const ask: Ask = {
    kind: directives === '' ? 'playlist' : 'blocked',
    url: `${lane.url}${directives === '' ? '' : (lane.url.includes('?') ? '&' : '?') + directives}`,
    session: view.session,
    lane: lane.index,
    rendition: lane.url,
  };
  return { lane: { ...lane, reload: { kind: 'under-way', sentMs: view.nowMs } }, asks: [ask] };
}

/** bis 6.2.5.2: what comes next; with parts the next part. bis 6.3.2: the names stand in order. */
function directivesOf(list: HlsList | undefined): string {
  // bis 4.4.3.8: CAN-BLOCK-RELOAD "Indicates support for blocking Playlist reload"; without it there is nothing to ask for.
  if (list?.canBlock !== true) return '';
  const msn = `_HLS_msn=${list.open.msn}`;
  return list.partTargetMs === undefined ? msn : `${msn}&_HLS_part=${list.open.parts.length}`;
}

/** With its first list a lane knows where to begin; what left the window is skipped. */
function place(lane: HlsLane, view: LaneView): HlsLane {
  const { list, next } = lane;
  // What is under way says where to go on.
  if (list === undefined || lane.underWay !== undefined) return lane;
  const found = next === undefined ? undefined : placeAt(list, next, view.isLowLatency);
  if (found === undefined) return place({ ...lane, next: startOf(list, view.wish, view.isLowLatency) }, view);
  if (found.kind === 'gone') return place({ ...lane, next: startOf(list, { kind: 'edge' }, view.isLowLatency) }, view);
  return found.kind === 'gap' ? place({ ...lane, next: found.after }, view) : lane;
}

function pieceOf({ list, next }: HlsLane, view: LaneView): Piece | undefined {
  if (list === undefined || next === undefined) return undefined;
  const found = placeAt(list, next, view.isLowLatency);
  return found.kind === 'piece' ? found.piece : undefined;
}

/** From when on there is room in the buffer for it. */
function roomFromMs(piece: Piece, { nowMs, playheadMs }: LaneView): number {
  return playheadMs === undefined ? nowMs : nowMs + piece.span.startMs - playheadMs - BUFFER_GOAL_MS;
}

function askMedia(lane: HlsLane, view: LaneView): LaneStep {
  const piece = lane.underWay === undefined ? pieceOf(lane, view) : undefined;
  if (piece === undefined || lane.mediaFromMs > view.nowMs || roomFromMs(piece, view) > view.nowMs)
    return { lane, asks: NO_ASKS };
  const from = { session: view.session, lane: lane.index, rendition: lane.url };
  const asks: Ask[] = [];
  if (piece.mapUrl !== undefined && piece.mapUrl !== lane.mapUrl)
    asks.push({ kind: 'init', url: piece.mapUrl, ...from });
  asks.push({ kind: piece.kind, url: piece.url, ...from, span: piece.span, after: piece.after });
  return { lane: { ...lane, mapUrl: piece.mapUrl ?? lane.mapUrl, underWay: piece.url }, asks };
}

/** An answer to a playlist request. */
export function takeList(lane: HlsLane, answer: Answer, nowMs: number, isLowLatency: boolean): HlsLane {
  const sentMs = lane.reload.kind === 'under-way' ? lane.reload.sentMs : nowMs;
  if (answer.status !== 200 || answer.text?.kind !== 'list') {
    const pauseMs = Math.max(RETRY_MS, (lane.list?.targetMs ?? 0) / 2);
    return { ...lane, failures: lane.failures + 1, reload: { kind: 'due', atMs: nowMs + pauseMs } };
  }
  const { list } = answer.text;
  const reload = reloadOf(lane.list, list, sentMs, isLowLatency);
  return { ...lane, list, failures: 0, reload };
}

function reloadOf(before: HlsList | undefined, list: HlsList, sentMs: number, isLowLatency: boolean): Reload {
  // bis 6.3.4: "periodically ... unless it contains the EXT-X-ENDLIST tag".
  if (list.hasEnded) return { kind: 'never' };
  // bis 6.3.4: "If the client reloads a Playlist file and finds that it has not changed, then it MUST wait for a period of one-half
  // the Target Duration before retrying."
  if (before?.revision === list.revision) return { kind: 'due', atMs: sentMs + list.targetMs / 2 };
  // bis 6.2.5.2: of a blocking reload the server makes the pause.
  if (isLowLatency && list.canBlock) return { kind: 'due', atMs: sentMs };
  // bis 6.3.4: after a change at least the duration of the last Media Segment, "measured from the last time the client began
  // loading the Playlist file".
  return { kind: 'due', atMs: sentMs + list.lastDurationMs };
}

/** An answer to a request for media. */
export function takeMedia(lane: HlsLane, ask: Ask, answer: Answer, nowMs: number): HlsLane {
  if (ask.url !== lane.underWay) return lane;
  const idle = { ...lane, underWay: undefined };
  if (answer.status === 200) return { ...idle, failures: 0, next: ask.after };
  // Once more, then on with the next: a player shows what it can get.
  const isAgain = lane.failures > 0 && ask.kind !== 'hint';
  const next = isAgain ? ask.after : lane.next;
  return { ...idle, next, failures: lane.failures + 1, mediaFromMs: nowMs + RETRY_MS };
}
