/**
 * Which Tracks of the newest Period the HLS lists show: a rung that is back is shown once its playlist is as long as others are.
 * It never touches media: what is not shown yet is fetchable all the same. Invariant: where all are short, all are shown.
 */
import type { CommittedSegment, Presentation, Track } from '../model.ts';
import { listedOf } from './media-playlist.ts';

/**
 * RFC 8216bis 6.2.2 wants three target durations, the Apple HLS Authoring Specification (8.10) six Segments; players begin three
 * target durations before the end.
 */
const ENOUGH = 6;

/** Audio is never held back: a picture without its sound is worse than a short list. */
export function listedTracks(presentation: Presentation, listedMs: number): readonly Track[] {
  return shownOf(presentation, listedMs).map(({ track }) => track);
}

/** UTC ms when the newest of them came to be shown after the others; undefined: all were there from the start. */
export function lastShownMs(presentation: Presentation, listedMs: number): number | undefined {
  const shown = shownOf(presentation, listedMs);
  const longest = Math.max(0, ...shown.map(({ listed }) => listed.length));
  const later = shown.flatMap(({ listed }) => (listed.length < longest ? (listed[ENOUGH - 1] ?? []) : []));
  return later.length === 0 ? undefined : Math.max(...later.map(({ committedMs }) => committedMs));
}

function shownOf(
  presentation: Presentation,
  listedMs: number,
): { track: Track; listed: readonly CommittedSegment[] }[] {
  const tracks = presentation.segments.at(-1)?.period.tracks ?? [];
  const all = tracks.map((track) => ({ track, listed: listedOf(presentation, track.id, { listedMs }) }));
  const longest = Math.max(0, ...all.flatMap(({ track, listed }) => (track.kind === 'video' ? listed.length : [])));
  return all.filter(({ track, listed }) => track.kind !== 'video' || listed.length >= Math.min(ENOUGH, longest));
}
