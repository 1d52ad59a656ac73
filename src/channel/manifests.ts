/**
 * The texts of a Channel, each rendered when first asked for after a change and kept until the next.
 * It never compresses or hashes; that is the origin's. Invariant: the same revision object while the text is the same.
 */
import { mpdChangedMs, renderMpd } from '../package/dash/mpd.ts';
import { lastShownMs, listedTracks } from '../package/hls/listed-tracks.ts';
import { renderLowLatencyPlaylist } from '../package/hls/low-latency-playlist.ts';
import { renderMediaPlaylist } from '../package/hls/media-playlist.ts';
import { renderMultivariantPlaylist } from '../package/hls/multivariant-playlist.ts';
import type { Period, Presentation } from '../package/model.ts';
import type { TextName, TextRevision } from './view.ts';

/** What the ordinary live manifests list; the dvr manifests list the whole window. */
const LISTED_MS = 60_000;

export interface ManifestSettings {
  readonly channel: string;
  readonly windowMs: number;
  readonly publishMarginMs: number;
  readonly targetLatencyMs: number;
  /** Latencies `low` and `ultra`: the live manifests say what is published part by part. */
  readonly hasParts?: boolean;
}

/** How a text is asked for. */
interface TextOptions {
  /** `_HLS_skip`, as YES or v2: there are no EXT-X-DATERANGEs, so both are the same. Counts for `hls-media` with parts. */
  readonly isDelta: boolean;
}

const FULL: TextOptions = { isDelta: false };

export class Manifests {
  readonly #settings: ManifestSettings;
  readonly #revisions = new Map<string, { revision: TextRevision; of: Presentation }>();

  constructor(settings: ManifestSettings) {
    this.#settings = settings;
  }

  /** The current revision, or undefined when the presentation has no such Track or is empty. */
  text(name: TextName, presentation: Presentation, options = FULL): TextRevision | undefined {
    const isDelta = options.isDelta && name.kind === 'hls-media' && this.#hasParts;
    const key = `${'track' in name ? `${name.kind} ${name.track}` : name.kind}${isDelta ? ' delta' : ''}`;
    const kept = this.#revisions.get(key);
    if (kept?.of === presentation) return kept.revision;
    const text = this.#render(name, presentation, isDelta);
    if (text === undefined) {
      this.#revisions.delete(key);
      return undefined;
    }
    const revision = kept?.revision.text === text ? kept.revision : this.#revise(name, text, presentation);
    this.#revisions.set(key, { revision, of: presentation });
    return revision;
  }

  #revise(name: TextName, text: string, presentation: Presentation): TextRevision {
    const isDash = name.kind === 'dash' || name.kind === 'dash-dvr';
    const contentType = isDash ? 'application/dash+xml' : 'application/vnd.apple.mpegurl';
    return { text, contentType, changedMs: this.#changedMs(name, presentation) };
  }

  #changedMs(name: TextName, presentation: Presentation): number {
    switch (name.kind) {
      case 'hls-master':
      case 'hls-dvr-master':
        return Math.max(
          this.#hasParts ? firstWholeMs(presentation) : presentation.mpdChangedMs,
          lastShownMs(presentation, name.kind === 'hls-master' ? this.#listedMs : Number.POSITIVE_INFINITY) ?? 0,
        );
      case 'hls-media':
        return presentation.changedMs;
      case 'hls-dvr-media':
        // A part changes nothing in it.
        return (presentation.open && presentation.segments.at(-1)?.committedMs) ?? presentation.changedMs;
      case 'dash':
        return mpdChangedMs(presentation, this.#listedMs);
      case 'dash-dvr':
        return mpdChangedMs(presentation, this.#settings.windowMs);
    }
  }

  get #hasParts(): boolean {
    return this.#settings.hasParts === true;
  }

  get #listedMs(): number {
    return Math.min(LISTED_MS, this.#settings.windowMs);
  }

  #render(name: TextName, presentation: Presentation, isDelta: boolean): string | undefined {
    // HLS shows a Period with its first whole Segment: a playlist may not be shorter than that. The MPD with its first part.
    const period = presentation.segments.at(-1)?.period;
    if (period === undefined) return undefined;
    switch (name.kind) {
      case 'hls-master':
        return renderMultivariantPlaylist(listedTracks(presentation, this.#listedMs), 'media.m3u8');
      case 'hls-dvr-master':
        return renderMultivariantPlaylist(listedTracks(presentation, Number.POSITIVE_INFINITY), 'dvr.m3u8');
      case 'hls-media':
      case 'hls-dvr-media': {
        const isDvr = name.kind === 'hls-dvr-media';
        const listedMs = isDvr ? Number.POSITIVE_INFINITY : this.#listedMs;
        if (!listedTracks(presentation, listedMs).some((track) => track.id === name.track)) return undefined;
        if (isDvr) return renderMediaPlaylist(presentation, name.track, { listedMs });
        return this.#hasParts
          ? renderLowLatencyPlaylist(presentation, name.track, { listedMs, isDelta })
          : renderMediaPlaylist(presentation, name.track, { listedMs, isBlocking: true });
      }
      case 'dash':
        return this.#mpd(presentation, this.#listedMs);
      case 'dash-dvr':
        return this.#mpd(presentation, this.#settings.windowMs);
    }
  }

  #mpd(presentation: Presentation, timeShiftBufferMs: number): string | undefined {
    const { channel, publishMarginMs, targetLatencyMs } = this.#settings;
    const hasParts = this.#hasParts;
    return renderMpd(presentation, { channel, timeShiftBufferMs, publishMarginMs, targetLatencyMs, hasParts });
  }
}

/** UTC ms when the first Segment of the newest whole Period was committed; its announcement where that one has left. */
function firstWholeMs({ segments, mpdChangedMs }: Presentation): number {
  const period: Period | undefined = segments.at(-1)?.period;
  const first = segments.find((segment) => segment.number === period?.startNumber);
  return first?.committedMs ?? period?.announcedMs ?? mpdChangedMs;
}
