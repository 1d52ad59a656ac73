/**
 * A playlist as a player keeps it: whole Segments, parts at the edge, the hint, and how long to wait.
 * It never judges a text (the check room does) and takes what is missing by the defaults of RFC 8216bis.
 * Invariant: one text is read once for all viewers, so everything here is shared and never changed.
 */
import { resolveUrl, targetDurationS } from '../check/hls-read.ts';
import { type HlsPlaylist, type HlsSegment, readPlaylist, segmentDates } from '../check/hls-text.ts';
import type { Span } from './model.ts';

/** A place in a rendition: part 0 of a Segment is its beginning. */
export interface Position {
  readonly msn: number;
  readonly part: number;
}

interface ListedPart extends Span {
  readonly url: string;
  readonly isIndependent: boolean;
}

export interface ListedSegment extends Span {
  readonly msn: number;
  readonly url: string;
  readonly mapUrl: string | undefined;
  readonly isGap: boolean;
  /** Empty where parts are not listed any more, or never were. */
  readonly parts: readonly ListedPart[];
}

/** The Segment that is being made. */
interface OpenSegment {
  readonly msn: number;
  readonly startMs: number;
  readonly mapUrl: string | undefined;
  readonly parts: readonly ListedPart[];
}

export interface HlsList {
  /** Changes with the text. */
  readonly revision: string;
  readonly targetMs: number;
  /** Of the last whole Segment. */
  readonly lastDurationMs: number;
  readonly partTargetMs: number | undefined;
  readonly holdBackMs: number;
  readonly partHoldBackMs: number | undefined;
  readonly canBlock: boolean;
  readonly hasEnded: boolean;
  /** Oldest first, numbers without a hole. */
  readonly segments: readonly ListedSegment[];
  readonly open: OpenSegment;
  readonly hintUrl: string | undefined;
}

interface HlsRung {
  readonly url: string;
  readonly audioUrl: string | undefined;
}

export type HlsRungs = readonly HlsRung[];

export type HlsReading =
  | { readonly kind: 'rungs'; readonly rungs: HlsRungs }
  | { readonly kind: 'list'; readonly list: HlsList }
  | { readonly kind: 'nothing' };

/** Reads a text that came from `url`; `revision` names it. A text without variants and Segments is nothing to play. */
export function readHls(text: string, url: string, revision: string): HlsReading {
  // bis 4.4.1.1: EXTM3U "MUST be the first line"; what a server says instead of a playlist is not one.
  if (!/^#EXTM3U\s/.test(text)) return { kind: 'nothing' };
  const playlist = readPlaylist(text);
  if (playlist.kind === 'multivariant') {
    const rungs = rungsOf(playlist, url);
    return rungs.length === 0 ? { kind: 'nothing' } : { kind: 'rungs', rungs };
  }
  const list = listOf(playlist, url, revision);
  return list.segments.length === 0 ? { kind: 'nothing' } : { kind: 'list', list };
}

function rungsOf(playlist: HlsPlaylist, base: string): HlsRungs {
  const audio = new Map<string, string>();
  for (const { attributes } of playlist.media) {
    const [group, uri] = [attributes.get('GROUP-ID')?.value, attributes.get('URI')?.value];
    if (attributes.get('TYPE')?.value !== 'AUDIO' || group === undefined || uri === undefined) continue;
    // bis 4.4.6.1: "if the value is YES, then the client SHOULD play this Rendition ... in the absence of information from the user".
    if (!audio.has(group) || attributes.get('DEFAULT')?.value === 'YES') audio.set(group, resolveUrl(uri, base));
  }
  return playlist.variants.flatMap(({ uri, attributes }) => {
    if (uri === undefined) return [];
    const url = resolveUrl(uri, base);
    const audioUrl = audio.get(attributes.get('AUDIO')?.value ?? '');
    return [{ url, audioUrl: audioUrl === url ? undefined : audioUrl }];
  });
}

function listOf(playlist: HlsPlaylist, base: string, revision: string): HlsList {
  const targetMs = (targetDurationS(playlist) ?? 2) * 1000;
  const segments = segmentsOf(playlist, base, targetMs);
  const last = segments.at(-1);
  const control = playlist.serverControl?.attributes;
  const secondsOf = (text: string | undefined) => (text === undefined ? undefined : Number(text) * 1000);
  const openStartMs = last === undefined ? 0 : last.startMs + last.durationMs;
  const hint = playlist.preloadHints.find(({ attributes }) => attributes.get('TYPE')?.value === 'PART');
  const hintUri = hint?.attributes.get('URI')?.value;
  return {
    revision,
    targetMs,
    lastDurationMs: last?.durationMs ?? targetMs,
    partTargetMs: secondsOf(playlist.partInf?.attributes.get('PART-TARGET')?.value),
    // bis 4.4.3.8: HOLD-BACK: "Its absence implies a value of three times the Target Duration."
    holdBackMs: secondsOf(control?.get('HOLD-BACK')?.value) ?? 3 * targetMs,
    partHoldBackMs: secondsOf(control?.get('PART-HOLD-BACK')?.value),
    canBlock: control?.get('CAN-BLOCK-RELOAD')?.value === 'YES',
    hasEnded: playlist.endList,
    segments,
    open: {
      msn: (last?.msn ?? -1) + 1,
      startMs: openStartMs,
      mapUrl: playlist.openMap?.uri === undefined ? undefined : resolveUrl(playlist.openMap.uri, base),
      parts: partsOf(playlist.openParts, openStartMs, base),
    },
    hintUrl: hintUri === undefined ? undefined : resolveUrl(hintUri, base),
  };
}

function segmentsOf(playlist: HlsPlaylist, base: string, targetMs: number): readonly ListedSegment[] {
  const dates = segmentDates(playlist);
  return playlist.segments.map((segment, index) => {
    // Without dates numbers must do: they are the same in all renditions of most streams.
    const startMs = dates[index] ?? segment.msn * targetMs;
    return {
      msn: segment.msn,
      url: resolveUrl(segment.uri, base),
      startMs,
      durationMs: (segment.durationS ?? targetMs / 1000) * 1000,
      mapUrl: segment.map?.uri === undefined ? undefined : resolveUrl(segment.map.uri, base),
      isGap: segment.gap,
      parts: partsOf(segment.parts, startMs, base),
    };
  });
}

function partsOf(parts: HlsSegment['parts'], startMs: number, base: string): readonly ListedPart[] {
  let atMs = startMs;
  return parts.map((part) => {
    const durationMs = (part.durationS ?? 0) * 1000;
    const listed = {
      url: resolveUrl(part.uri ?? '', base),
      startMs: atMs,
      durationMs,
      isIndependent: part.independent,
    };
    atMs += durationMs;
    return listed;
  });
}
