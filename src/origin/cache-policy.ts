/**
 * The cache policy: for every kind of object and every outcome, the status, Cache-Control, CDN-Cache-Control (RFC 9213)
 * and why. It never sees a request. Invariant: the table is total; nothing leaves the origin without a policy.
 * s-maxage is never said: RFC 9111 5.2.2.10 gives it the sense of proxy-revalidate, which forbids the stale-if-error that
 * playlists want. Surrogate-Control has the words of CDN-Cache-Control.
 */
import type { MediaName, TextName } from '../channel/view.ts';
import { LIFETIME_SECONDS as LIFE } from '../package/lifetimes.ts';

/**
 * `hls-blocked` is the playlist as the answer to a blocking request for what is newest; `other` is what names no object:
 * unknown paths, refused methods, broken requests.
 */
export type ObjectKind = TextName['kind'] | MediaName['kind'] | 'hls-blocked' | 'time' | 'other';

export const OBJECT_KINDS: readonly ObjectKind[] = [
  'hls-master',
  'hls-media',
  'hls-blocked',
  'hls-dvr-master',
  'hls-dvr-media',
  'dash',
  'dash-dvr',
  'init',
  'segment',
  'part',
  'time',
  'other',
];

const STATUS = {
  ok: 200,
  preflight: 204,
  partial: 206,
  'not-modified': 304,
  'bad-request': 400,
  'bad-directive': 400,
  unauthorized: 401,
  forbidden: 403,
  locked: 403,
  'not-yet': 404,
  unknown: 404,
  'unknown-channel': 404,
  method: 405,
  timeout: 408,
  gone: 410,
  withdrawn: 410,
  precondition: 412,
  'too-long': 414,
  range: 416,
  'headers-too-large': 431,
  internal: 500,
  'not-implemented': 501,
  overloaded: 503,
  expired: 503,
} as const;

export type Outcome = keyof typeof STATUS;

export const OUTCOMES = Object.keys(STATUS) as readonly Outcome[];

export interface CachePolicy {
  readonly status: number;
  readonly cacheControl: string;
  readonly cdnCacheControl: string;
  /** Seconds, where the client shall come back. */
  readonly retryAfterSeconds: number | undefined;
  readonly why: string;
}

type Words = Omit<CachePolicy, 'status' | 'retryAfterSeconds'>;

function shared(seconds: number, why: string): Words {
  return {
    cacheControl: `public, max-age=${seconds}`,
    cdnCacheControl: `max-age=${seconds}`,
    why,
  };
}

/** For `seconds`, and `staleSeconds` more while the origin fails. */
function lasting(seconds: number, staleSeconds: number): Omit<Words, 'why'> {
  const life = `max-age=${seconds}, stale-if-error=${staleSeconds}`;
  return { cacheControl: `public, ${life}`, cdnCacheControl: life };
}

function never(why: string): Words {
  return { cacheControl: 'no-store', cdnCacheControl: 'no-store', why };
}

const MULTIVARIANT: Words = {
  ...lasting(LIFE.multivariant, 300),
  cdnCacheControl: `max-age=${LIFE.multivariantInCdn}, stale-if-error=300`,
  why: 'changes only with the set of Tracks; an old one may name a withdrawn Track, whose 410 players take as a reason to switch',
};
const PLAYLIST: Words = {
  ...lasting(LIFE.playlist, 6),
  why: 'grows by a Segment every few seconds; 1 s is the finest life, and still one request a second for each cache',
};
const BLOCKED_PLAYLIST: Words = shared(
  LIFE.blockedPlaylist,
  'its URL names the newest part and is never asked for anything newer; 6 target durations of 2 s, and of longer ones just shorter',
);
const MPD: Words = {
  ...lasting(LIFE.mpd, 6),
  why: 'Segments follow from the clock, so the text changes only with Periods; never older than minimumUpdatePeriod',
};
const MEDIA: Words = {
  cacheControl: `public, max-age=${LIFE.media}, immutable`,
  cdnCacheControl: `max-age=${LIFE.media}, immutable`,
  why: 'one URL has one body for ever; a day outlives every window',
};

const FOUND: Readonly<Record<ObjectKind, Words>> = {
  'hls-master': MULTIVARIANT,
  'hls-dvr-master': MULTIVARIANT,
  'hls-media': PLAYLIST,
  'hls-blocked': BLOCKED_PLAYLIST,
  'hls-dvr-media': PLAYLIST,
  dash: MPD,
  'dash-dvr': MPD,
  init: MEDIA,
  segment: MEDIA,
  part: MEDIA,
  time: shared(LIFE.time, 'the clock; edges answer it themselves'),
  other: never('nothing else has a body'),
};

const REFUSED: Readonly<Record<Exclude<Outcome, 'ok' | 'partial' | 'not-modified'>, Words>> = {
  preflight: shared(7200, 'the same for every object; browsers keep it by Access-Control-Max-Age'),
  'bad-request': never('broken on the wire; says nothing about a URL'),
  'bad-directive': shared(1, 'a function of the URL, but a cheap one to ask again'),
  unauthorized: never('about one client, never about the object'),
  forbidden: never('about one client, never about the object'),
  locked: never('about who asks, never about the object; a CDN that has lost its secret must not store it'),
  'not-yet': shared(1, 'will exist in a moment; 1 s lets early requests collapse and pins nothing'),
  unknown: shared(1, 'may exist in a moment, under a new generation or Track'),
  'unknown-channel': shared(5, 'Channels come by configuration; guesses collapse in the cache'),
  method: never('about a method; must not stand for GET'),
  timeout: never('about one connection'),
  gone: shared(60, 'has left the window and never comes back'),
  withdrawn: shared(5, 'a rung that failed may return with the next worker'),
  precondition: never('about the validators of one client'),
  'too-long': never('one life for each invented URL would fill the cache'),
  range: never('about the range of one client; must not stand for the object'),
  'headers-too-large': never('about the fields of one client'),
  internal: never('a fault that may be over at once'),
  'not-implemented': never('about a method; 501 is storable by default (RFC 9110 15.1)'),
  overloaded: never('over in a second; Retry-After says so'),
  expired: never('what was waited for is late; the next request waits anew'),
};

const NO_SUCH_PATH = shared(5, 'names nothing that is ever served; guesses collapse in the cache');

function wordsOf(kind: ObjectKind, outcome: Outcome): Words {
  if (outcome === 'ok' || outcome === 'partial') return FOUND[kind];
  // RFC 9110 15.4.5: a 304 repeats Cache-Control as the 200 would have it.
  if (outcome === 'not-modified') return FOUND[kind];
  if (kind === 'other' && outcome === 'unknown') return NO_SUCH_PATH;
  return REFUSED[outcome];
}

function row(kind: ObjectKind, outcome: Outcome): CachePolicy {
  const retryAfterSeconds = outcome === 'overloaded' || outcome === 'expired' ? 1 : undefined;
  return {
    status: STATUS[outcome],
    retryAfterSeconds,
    ...wordsOf(kind, outcome),
  };
}

const TABLE: ReadonlyMap<string, CachePolicy> = new Map(
  OBJECT_KINDS.flatMap((kind) => OUTCOMES.map((outcome) => [`${kind} ${outcome}`, row(kind, outcome)] as const)),
);

/** The row for this kind and outcome; the same object each time. */
export function cachePolicy(kind: ObjectKind, outcome: Outcome): CachePolicy {
  return TABLE.get(`${kind} ${outcome}`) ?? row(kind, outcome);
}
