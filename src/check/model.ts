/**
 * What the checker collects and what it says: evidence of a stream as data, findings by rule and clause.
 * It never holds media bytes: an object is kept as its digest, its size and the facts read from it.
 * Invariant: everything a rule judges is in Evidence, so a run can be replayed without a network.
 */
import type { RuleId } from './catalogue.ts';
import type { MediaFacts } from './media-facts.ts';

export type Severity = 'error' | 'warning' | 'note';

export interface Where {
  readonly url: string;
  /** 1-based line of the text at `url`. */
  readonly line?: number | undefined;
  /** Rendition or Representation, where one is concerned. */
  readonly track?: string | undefined;
}

export interface Finding {
  /** Stable: `hls.target-duration`. Never renamed. */
  readonly rule: RuleId;
  /** The text that demands it: `RFC 8216bis 4.4.3.1`. */
  readonly clause: string;
  readonly severity: Severity;
  readonly where: Where;
  readonly message: string;
  /** What to do, a whole sentence. */
  readonly fix: string;
  /** How often the same was seen; only the first is shown. */
  readonly count: number;
}

/** Header names in lower case; repeated fields joined by `, `. */
export type HeaderMap = Readonly<Record<string, string>>;

export interface Exchange {
  readonly url: string;
  readonly status: number;
  readonly headers: HeaderMap;
  /** UTC ms when the request went out. */
  readonly sentMs: number;
  /** UTC ms when the last byte was in. */
  readonly atMs: number;
}

/** A playlist as it was answered. Answers with the same text that follow each other are one snapshot. */
export interface PlaylistSnapshot extends Exchange {
  readonly text: string;
  /** Count of snapshots of this URL; neighbours have neighbouring numbers unless some were let go for memory. */
  readonly index: number;
  /** UTC ms of the latest request that was still answered with this text. */
  readonly lastSeenMs: number;
}

export type MpdSnapshot = PlaylistSnapshot;

/** What the manifest said about an object when it was downloaded. */
export interface ListedAs {
  /** Playlist URL (HLS) or `PERIOD/REPRESENTATION` (DASH). */
  readonly track: string;
  readonly initUrl: string | undefined;
  /** Media sequence number or `$Number$`; where there is only `$Time$`, a count of the track's own (`counted`). */
  readonly number: number;
  /** True when `number` means nothing to other tracks. */
  readonly counted?: boolean | undefined;
  /** Position of a part inside its segment. */
  readonly part?: number | undefined;
  /** EXTINF, PART DURATION or S@d / @duration, seconds. */
  readonly durationS: number;
  /** First sample's UTC by EXT-X-PROGRAM-DATE-TIME. */
  readonly pdtMs?: number | undefined;
  /** Continuity group: media of one run of one track must join without a tick missing. DSN (HLS), Period@id (DASH). */
  readonly run: string;
  /** First tick by the MPD, in mpdTimescale. */
  readonly mpdTicks?: number | undefined;
  readonly mpdTimescale?: number | undefined;
  /** True when mpdTicks is number x duration, a nominal figure. */
  readonly nominal?: boolean | undefined;
  /** UTC ms from which the MPD promised the object. */
  readonly promisedMs?: number | undefined;
}

export interface MediaObject extends Exchange {
  readonly role: 'init' | 'segment' | 'part';
  readonly byteLength: number;
  /** SHA-256 of the body, hex; empty when there was no body. */
  readonly digest: string;
  readonly listed: ListedAs;
  readonly facts: MediaFacts | undefined;
  /** Why `facts` is missing though the answer was 200. */
  readonly unreadable?: string | undefined;
}

export type ResourceKind = 'multivariant' | 'playlist' | 'mpd' | 'init' | 'segment' | 'missing';

/** One question put to the server beside playing. `plain` is the ordinary GET it is compared with. */
export interface Probe {
  readonly purpose: 'missing' | 'revalidate' | 'head' | 'range' | 'range-beyond' | 'gzip' | 'repeat' | 'early';
  readonly kind: ResourceKind;
  readonly answer: Exchange & {
    readonly byteLength: number;
    readonly digest: string;
  };
  readonly plain?: (Exchange & { readonly byteLength: number; readonly digest: string }) | undefined;
  /** Digest of the first 100 bytes of the plain body, for `range`. */
  readonly headDigest?: string | undefined;
}

export interface HlsRendition {
  readonly url: string;
  readonly kind: 'variant' | 'audio' | 'subtitles';
  readonly snapshots: readonly PlaylistSnapshot[];
}

export interface Evidence {
  readonly url: string;
  readonly mode: 'hls' | 'dash';
  readonly startedMs: number;
  readonly endedMs: number;
  /** Empty when the URL was a media playlist itself. */
  readonly multivariant: readonly PlaylistSnapshot[];
  readonly renditions: readonly HlsRendition[];
  readonly mpds: readonly MpdSnapshot[];
  /** Answer of the MPD's UTCTiming, if it names an HTTP scheme. */
  readonly utcTiming: (Exchange & { readonly text: string }) | undefined;
  readonly media: readonly MediaObject[];
  readonly probes: readonly Probe[];
  /** Requests that had no answer at all. */
  readonly failures: readonly {
    readonly url: string;
    readonly atMs: number;
    readonly reason: string;
  }[];
}
