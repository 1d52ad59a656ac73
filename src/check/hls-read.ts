/**
 * Snapshots with their texts read once, for all HLS rules.
 * It never judges; the figures here are those that several rules share.
 */
import { type HlsPlaylist, readPlaylist } from './hls-text.ts';
import type { HlsRendition, PlaylistSnapshot } from './model.ts';

export interface ReadSnapshot {
  readonly snapshot: PlaylistSnapshot;
  readonly playlist: HlsPlaylist;
}

export interface ReadRendition {
  readonly url: string;
  readonly kind: HlsRendition['kind'];
  /** Answers of status 200 that are not empty, oldest first. */
  readonly reads: readonly ReadSnapshot[];
}

/** One frame at 24 Hz: as far as a date may be from the sum of the durations. */
export const DATE_TOLERANCE_MS = 42;

export function readSnapshots(snapshots: readonly PlaylistSnapshot[]): readonly ReadSnapshot[] {
  return snapshots
    .filter((snapshot) => snapshot.status === 200)
    .map((snapshot) => ({ snapshot, playlist: readPlaylist(snapshot.text) }));
}

export function readRendition(rendition: HlsRendition): ReadRendition {
  return { url: rendition.url, kind: rendition.kind, reads: readSnapshots(rendition.snapshots) };
}

export function resolveUrl(reference: string, base: string): string {
  return URL.canParse(reference, base) ? new URL(reference, base).href : reference;
}

export function targetDurationS(playlist: HlsPlaylist): number | undefined {
  return playlist.targetDurations[0]?.value;
}

/** Neighbours in a list. */
export function pairs<T>(items: readonly T[]): readonly (readonly [T, T])[] {
  return items.slice(1).flatMap((item, index) => {
    const before = items[index];
    return before === undefined ? [] : [[before, item] as const];
  });
}

export const AUDIO_CODEC = /^(mp4a|ac-3|ec-3|ac-4|opus|fLaC|alac|dts)/i;
export const VIDEO_CODEC = /^(avc|hvc1|hev1|av01|vp0?9|dvh)/i;
