/**
 * What a Channel shows to the rooms that serve it: texts, media, status. The origin and the control room see nothing else.
 * It never blocks and never does I/O: an object that is not there yet is `pending` under a key that `onReady` will name.
 */
import type { Advice } from '../ingest/advice-model.ts';
import type { TextName } from '../package/texts.ts';
import type { DiskState, MemoryObject, StoredObject } from '../window/model.ts';

export type { TextName };

/** One revision of a manifest. The same object is returned until the text changes, so callers may cache by identity. */
export interface TextRevision {
  readonly text: string;
  readonly contentType: 'application/vnd.apple.mpegurl' | 'application/dash+xml';
  /** UTC ms of the last real change. */
  readonly changedMs: number;
}

/** Delivery directives of a playlist request that are well formed (RFC 8216bis 6.2.5). */
export interface PlaylistDirectives {
  readonly msn: number | undefined;
  readonly part: number | undefined;
  readonly skip: 'YES' | 'v2' | undefined;
}

export type TextAnswer =
  | {
      readonly kind: 'ready';
      readonly revision: TextRevision;
      /**
       * edge: the answer to a blocking request for what is newest; its URL will not be asked for anything newer, so caches may
       * keep it. past: (msn, part) is older than that. current: asked without msn.
       */
      readonly of: 'current' | 'edge' | 'past';
    }
  /** Not there yet; `key` wakes. After holdMs: `expired` is 503 (a blocking request, RFC 8216bis 6.2.5.2), `not-yet` is 404. */
  | { readonly kind: 'pending'; readonly key: string; readonly holdMs: number; readonly late: 'not-yet' | 'expired' }
  /** 400: the directives ask for what a server must or should refuse; `why` names the rule. */
  | { readonly kind: 'refused'; readonly why: string }
  /** A Track that was withdrawn. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'unknown' };

export type MediaName =
  | {
      readonly kind: 'init';
      readonly track: string;
      readonly gen: string;
      readonly hash: string;
    }
  | {
      readonly kind: 'segment';
      readonly track: string;
      readonly gen: string;
      readonly number: number;
    }
  | {
      readonly kind: 'part';
      readonly track: string;
      readonly gen: string;
      readonly number: number;
      readonly part: number;
    };

export type MediaAnswer =
  | { readonly kind: 'ready'; readonly object: StoredObject }
  /**
   * The Segment at the edge: these parts of it are there, in order, at least one; `key` wakes when there is more, then ask again.
   * It ends as `ready` with a body that begins with these bytes, or never (anything else: its socket must be destroyed).
   */
  | {
      readonly kind: 'growing';
      readonly parts: readonly MemoryObject[];
      readonly contentType: string;
      readonly key: string;
    }
  /** The next object, due within one Segment: hold the request, `key` wakes. */
  | { readonly kind: 'pending'; readonly key: string }
  /** Beyond the next Segment. */
  | { readonly kind: 'too-early' }
  /** Was here, has left the window. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'unknown' };

export interface TrackStatus {
  readonly id: string;
  readonly kind: 'video' | 'audio';
  readonly codec: string;
  readonly bitrateBps: number;
  readonly width: number | undefined;
  readonly height: number | undefined;
  readonly frameRate: string | undefined;
}

/** One unbroken run of one encoder. */
export interface RunStatus {
  readonly id: string;
  readonly startedMs: number;
  /** Where it begins: index of the Grid and part. */
  readonly index: number;
  readonly part: number;
  /** Of all Tracks. */
  readonly fragments: number;
  /** Whole ones, of its first Track. */
  readonly segments: number;
  /** undefined while it runs. `how`: a signal's name or `code N`; wasAsked: its worker was told to stop. */
  readonly end: { readonly atMs: number; readonly how: string; readonly wasAsked: boolean } | undefined;
}

export interface ChannelStatus {
  readonly id: string;
  /** One of the table in channel-state.ts. */
  readonly state: string;
  /** Newest at the edge. live: media of a publisher; slate: filler; gap: nothing, by choice; starting: nothing is servable yet. */
  readonly onAir: 'live' | 'slate' | 'gap' | 'starting';
  /** True while what is served is fresh: the newest Segment is not older than it may be. */
  readonly fresh: boolean;
  readonly newestNumber: number | undefined;
  readonly newestEndMs: number | undefined;
  readonly windowBytes: number;
  readonly windowSegments: number;
  /** Of the window and its journal. */
  readonly disk: DiskState;
  readonly segmentMs: number | undefined;
  readonly tracks: readonly TrackStatus[];
  readonly droppedRungs: readonly {
    readonly id: string;
    readonly reason: string;
  }[];
  readonly publisher:
    | {
        readonly address: string;
        readonly sinceMs: number;
        readonly source: string;
      }
    | undefined;
  readonly encoder:
    | {
        readonly pid: number;
        readonly fps: number;
        readonly speed: number | undefined;
      }
    | undefined;
  readonly ladder: string;
  /** What the publisher should set in its encoder, oldest first; empty while nobody publishes. */
  readonly advice: readonly Advice[];
  /** The last 20 at most, newest last. */
  readonly runs: readonly RunStatus[];
  readonly lastFaults: readonly {
    readonly atMs: number;
    readonly code: string;
    readonly message: string;
    /** What to do, where the message does not say it. */
    readonly hint?: string;
  }[];
}

export interface ChannelView {
  readonly id: string;
  /** Directives count for `hls-media` and are passed over elsewhere. */
  text(name: TextName, directives?: PlaylistDirectives): TextAnswer;
  media(name: MediaName): MediaAnswer;
  /**
   * Calls with the key of each object that became ready; with `all` when any answer may be another now (the presentation has
   * ended: who waits shall ask again); with `closed` when the Channel closes.
   */
  onReady(listener: (key: string) => void): () => void;
  /** Longest time a request for the next object may be held. */
  readonly holdMs: number;
  readonly segmentMs: number;
  status(): ChannelStatus;
}

/** The Channels by id; unknown ids are undefined. Nothing is kept for names that do not exist. */
export interface ChannelDirectory {
  get(id: string): ChannelView | undefined;
  all(): readonly ChannelView[];
  /** UTC ms of the Channels' clock, for `/time`. */
  nowMs(): number;
}
