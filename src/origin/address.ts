/**
 * What a request target names (the URL table of the public contract), as a union.
 * It never decodes: our links hold only unreserved characters, so `%00`, `%2e`, `..`, `//`, upper case ids and leading
 * zeros name nothing, and one object has one spelling. Invariant: a query never changes which object is named.
 */
import type { MediaName, TextName } from '../channel/view.ts';

/** Longest path and query that are read, in characters (ASCII: a request target holds nothing else). */
export const ADDRESS_LIMITS = { pathLength: 1024, queryLength: 8192 } as const;

/** Delivery directives of a playlist request (RFC 8216bis 6.2.5). They change nothing for a Channel without parts. */
export type DeliveryDirectives =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'directives';
      readonly msn: number | undefined;
      readonly part: number | undefined;
      readonly skip: 'YES' | 'v2' | undefined;
    }
  /** To be answered 400 where directives are in force; `why` names the rule. */
  | { readonly kind: 'malformed'; readonly why: string };

export type OriginAddress =
  | {
      readonly kind: 'text';
      readonly channel: string;
      readonly name: TextName;
      readonly directives: DeliveryDirectives;
    }
  | {
      readonly kind: 'media';
      readonly channel: string;
      readonly name: MediaName;
    }
  | { readonly kind: 'time' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'too-long' };

const UNKNOWN: OriginAddress = { kind: 'unknown' };
const NO_DIRECTIVES: DeliveryDirectives = { kind: 'none' };

const CHANNEL = /^[a-z0-9][a-z0-9-]{0,62}$/;
const TRACK = /^[a-z0-9][a-z0-9-]{0,31}$/;
/** GEN and HASH are short content hashes; room is left for a longer alphabet. */
const TOKEN = /^[A-Za-z0-9_-]{1,64}$/;
const INIT = /^init-([A-Za-z0-9_-]{1,64})\.mp4$/;
const MEDIA = /^(0|[1-9][0-9]{0,15})(?:\.(0|[1-9][0-9]{0,3}))?\.m4s$/;
const WHOLE_NUMBER = /^[0-9]{1,16}$/;

const CHANNEL_TEXTS: ReadonlyMap<string, TextName> = new Map([
  ['master.m3u8', { kind: 'hls-master' }],
  ['dvr.m3u8', { kind: 'hls-dvr-master' }],
  ['manifest.mpd', { kind: 'dash' }],
  ['dvr.mpd', { kind: 'dash-dvr' }],
]);

/** target: as in the request line, origin-form or absolute-form (RFC 9112 3.2; a server MUST accept the latter). */
export function parseAddress(target: string): OriginAddress {
  const local = target.startsWith('/') ? target : withoutAuthority(target);
  const mark = local.indexOf('?');
  const path = mark === -1 ? local : local.slice(0, mark);
  const query = mark === -1 ? '' : local.slice(mark + 1);
  if (path.length > ADDRESS_LIMITS.pathLength || query.length > ADDRESS_LIMITS.queryLength) {
    return { kind: 'too-long' };
  }
  if (path === '/time') return { kind: 'time' };
  const [root, live, channel, ...rest] = path.split('/');
  if (root !== '' || live !== 'live' || channel === undefined || !CHANNEL.test(channel)) return UNKNOWN;
  return inChannel(channel, rest, query);
}

/** Reads each target once: shields and players ask for the same few all the time. Keeps a bounded number, and no long ones. */
export function addressBook(): (target: string) => OriginAddress {
  const known = new Map<string, OriginAddress>();
  return (target) => {
    const same = known.get(target);
    if (same !== undefined) return same;
    const address = parseAddress(target);
    if (target.length > BOOK.targetLength || address.kind === 'unknown') return address;
    if (known.size >= BOOK.targets) known.clear();
    known.set(target, address);
    return address;
  };
}

const BOOK = { targets: 2000, targetLength: 256 } as const;

/** Malformed targets come back as they are: they do not begin with `/` and so name nothing. */
function withoutAuthority(target: string): string {
  const match = /^https?:\/\/[^/?#]+(.*)$/i.exec(target);
  const rest = match?.[1];
  if (rest === undefined) return target;
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function inChannel(channel: string, rest: readonly string[], query: string): OriginAddress {
  const [first, second, third] = rest;
  if (first === undefined) return UNKNOWN;
  if (rest.length === 1) {
    const name = CHANNEL_TEXTS.get(first);
    return name === undefined ? UNKNOWN : { kind: 'text', channel, name, directives: NO_DIRECTIVES };
  }
  if (second === undefined || !TRACK.test(first)) return UNKNOWN;
  if (rest.length === 2) return trackText(channel, first, second, query);
  if (rest.length !== 3 || third === undefined || !TOKEN.test(second)) return UNKNOWN;
  const name = mediaName(first, second, third);
  return name === undefined ? UNKNOWN : { kind: 'media', channel, name };
}

function trackText(channel: string, track: string, file: string, query: string): OriginAddress {
  if (file === 'media.m3u8') {
    return {
      kind: 'text',
      channel,
      name: { kind: 'hls-media', track },
      directives: parseDirectives(query),
    };
  }
  if (file === 'dvr.m3u8') {
    return {
      kind: 'text',
      channel,
      name: { kind: 'hls-dvr-media', track },
      directives: NO_DIRECTIVES,
    };
  }
  return UNKNOWN;
}

function mediaName(track: string, gen: string, file: string): MediaName | undefined {
  const hash = INIT.exec(file)?.[1];
  if (hash !== undefined) return { kind: 'init', track, gen, hash };
  const match = MEDIA.exec(file);
  if (match?.[1] === undefined) return undefined;
  const number = Number(match[1]);
  if (!Number.isSafeInteger(number)) return undefined;
  if (match[2] === undefined) return { kind: 'segment', track, gen, number };
  return { kind: 'part', track, gen, number, part: Number(match[2]) };
}

/** Reads `_HLS_msn`, `_HLS_part` and `_HLS_skip` out of a query without its `?`; everything else is passed over. */
export function parseDirectives(query: string): DeliveryDirectives {
  if (!query.includes('_HLS_')) return NO_DIRECTIVES;
  const found = new Map<string, string>();
  for (const pair of query.split('&')) {
    const mark = pair.indexOf('=');
    const name = mark === -1 ? pair : pair.slice(0, mark);
    if (name !== '_HLS_msn' && name !== '_HLS_part' && name !== '_HLS_skip') continue;
    if (found.has(name)) return { kind: 'malformed', why: `${name} is given twice` };
    found.set(name, mark === -1 ? '' : pair.slice(mark + 1));
  }
  return found.size === 0 ? NO_DIRECTIVES : checkDirectives(found);
}

function checkDirectives(found: ReadonlyMap<string, string>): DeliveryDirectives {
  const msn = found.get('_HLS_msn');
  const part = found.get('_HLS_part');
  const skip = found.get('_HLS_skip');
  if (msn !== undefined && !isWholeNumber(msn)) return { kind: 'malformed', why: '_HLS_msn is not a whole number' };
  if (part !== undefined && !isWholeNumber(part)) return { kind: 'malformed', why: '_HLS_part is not a whole number' };
  // RFC 8216bis 6.2.5.2: "_HLS_part ... MUST also include the _HLS_msn directive".
  if (part !== undefined && msn === undefined) return { kind: 'malformed', why: '_HLS_part without _HLS_msn' };
  if (skip !== undefined && skip !== 'YES' && skip !== 'v2') {
    return { kind: 'malformed', why: '_HLS_skip is neither YES nor v2' };
  }
  return {
    kind: 'directives',
    msn: msn === undefined ? undefined : Number(msn),
    part: part === undefined ? undefined : Number(part),
    skip,
  };
}

function isWholeNumber(text: string): boolean {
  return WHOLE_NUMBER.test(text) && Number.isSafeInteger(Number(text));
}
