/**
 * What a viewer is to a server: the requests it makes, and the answers as far as it looks at them.
 * Nothing here waits, sends or draws. Invariant: a viewer is plain data, so a run can be kept and replayed.
 */
import type { DashList } from './dash-list.ts';
import type { HlsList, HlsRungs, Position } from './hls-list.ts';

/** How a viewer plays: by polling, by blocking reload with parts where there are any, or by the clock of an MPD. */
export type ViewerKind = 'hls' | 'll-hls' | 'dash';
export const VIEWER_KINDS: readonly ViewerKind[] = ['hls', 'll-hls', 'dash'];

/** `blocked` playlists name what they wait for; a `hint` is a part that was asked for before it existed. */
export type AskKind = 'multivariant' | 'playlist' | 'blocked' | 'mpd' | 'time' | 'init' | 'segment' | 'part' | 'hint';
export const ASK_KINDS: readonly AskKind[] = [
  'multivariant',
  'playlist',
  'blocked',
  'mpd',
  'time',
  'init',
  'segment',
  'part',
  'hint',
];

/** Media as a player plays it. */
export interface Span {
  /** Media time. */
  readonly startMs: number;
  readonly durationMs: number;
}

/** One request. */
export interface Ask {
  readonly kind: AskKind;
  readonly url: string;
  /** The viewer's session when it asked: answers to another one are of no use any more. */
  readonly session: number;
  /** Of the rendition it belongs to: 0 is the picture. */
  readonly lane: number;
  /** The rendition's playlist, or the Representation's id. */
  readonly rendition: string;
  readonly span?: Span | undefined;
  /** HLS: what comes after it. */
  readonly after?: Position | undefined;
}

/** What a viewer learns of an answer. Bodies of media are counted elsewhere and not kept. */
export interface Answer {
  /** 0: there was none (refused, cut off, too slow). */
  readonly status: number;
  readonly sentMs: number;
  readonly text?: TextFacts | undefined;
}

export type TextFacts =
  | { readonly kind: 'rungs'; readonly rungs: HlsRungs }
  | { readonly kind: 'list'; readonly list: HlsList }
  | { readonly kind: 'mpd'; readonly mpd: DashList }
  | { readonly kind: 'utc'; readonly utcMs: number };

export type ViewerInput =
  | { readonly kind: 'wake' }
  | { readonly kind: 'answer'; readonly ask: Ask; readonly answer: Answer }
  /** The page is loaded again. */
  | { readonly kind: 'reload' }
  /** Back to a moment before: the share of the window from its oldest end. */
  | { readonly kind: 'rewind'; readonly share: number };

/** What comes of one input. */
export interface Step<V> {
  readonly viewer: V;
  readonly asks: readonly Ask[];
  /** When to wake it at the latest; undefined: only an answer moves it. */
  readonly wakeAtMs: number | undefined;
  /** Media that came after its player had run dry, by so much. */
  readonly lateMs: number | undefined;
}
