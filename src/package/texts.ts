/**
 * Which renderer writes which text of a Channel, with what window: the one place where a text's name becomes bytes.
 * It keeps nothing and never compresses. Invariant: a text is a function of its name, the presentation and the settings alone,
 * so that what is planned and what is served are the same bytes.
 */
import { renderMpd } from './dash/mpd.ts';
import { listedTracks } from './hls/listed-tracks.ts';
import { renderLowLatencyPlaylist } from './hls/low-latency-playlist.ts';
import { renderMediaPlaylist } from './hls/media-playlist.ts';
import { renderMultivariantPlaylist } from './hls/multivariant-playlist.ts';
import type { Presentation } from './model.ts';

export type TextName =
  | { readonly kind: 'hls-master' }
  | { readonly kind: 'hls-media'; readonly track: string }
  | { readonly kind: 'hls-dvr-master' }
  | { readonly kind: 'hls-dvr-media'; readonly track: string }
  | { readonly kind: 'dash' }
  | { readonly kind: 'dash-dvr' };

export interface TextSettings {
  readonly channel: string;
  readonly windowMs: number;
  /** What the ordinary live manifests list, where the window is that long. */
  readonly listedMs: number;
  readonly publishMarginMs: number;
  readonly targetLatencyMs: number;
  /** Latencies `low` and `ultra`: the live manifests say what is published part by part. */
  readonly hasParts?: boolean;
}

/** The text, or undefined when the presentation has no such Track or is empty. `isDelta` counts for `hls-media` with parts. */
export function renderText(
  settings: TextSettings,
  name: TextName,
  presentation: Presentation,
  isDelta: boolean,
): string | undefined {
  // HLS shows a Period with its first whole Segment: a playlist may not be shorter than that. The MPD with its first part.
  if (presentation.segments.length === 0) return undefined;
  switch (name.kind) {
    case 'hls-master':
      return renderMultivariantPlaylist(listedTracks(presentation, shownMs(settings)), 'media.m3u8');
    case 'hls-dvr-master':
      return renderMultivariantPlaylist(listedTracks(presentation, Number.POSITIVE_INFINITY), 'dvr.m3u8');
    case 'hls-media':
    case 'hls-dvr-media': {
      const isDvr = name.kind === 'hls-dvr-media';
      const listedMs = isDvr ? Number.POSITIVE_INFINITY : shownMs(settings);
      if (!listedTracks(presentation, listedMs).some((track) => track.id === name.track)) return undefined;
      if (isDvr) return renderMediaPlaylist(presentation, name.track, { listedMs });
      return settings.hasParts === true
        ? renderLowLatencyPlaylist(presentation, name.track, { listedMs, isDelta })
        : renderMediaPlaylist(presentation, name.track, { listedMs, isBlocking: true });
    }
    case 'dash':
      return mpd(settings, presentation, shownMs(settings));
    case 'dash-dvr':
      return mpd(settings, presentation, settings.windowMs);
  }
}

/** What the ordinary live manifests list of this window. */
export function shownMs({ listedMs, windowMs }: TextSettings): number {
  return Math.min(listedMs, windowMs);
}

function mpd(settings: TextSettings, presentation: Presentation, timeShiftBufferMs: number): string | undefined {
  const { channel, publishMarginMs, targetLatencyMs, hasParts = false } = settings;
  return renderMpd(presentation, { channel, timeShiftBufferMs, publishMarginMs, targetLatencyMs, hasParts });
}
