/**
 * The texts of a Channel, each rendered when first asked for after a change and kept until the next.
 * It never compresses or hashes; that is the origin's. Invariant: the same revision object while the text is the same.
 */
import { mpdChangedMs } from '../package/dash/mpd.ts';
import { lastShownMs } from '../package/hls/listed-tracks.ts';
import type { Period, Presentation } from '../package/model.ts';
import { renderText, shownMs, type TextName, type TextSettings } from '../package/texts.ts';
import type { TextRevision } from './view.ts';

/** How a text is asked for. */
interface TextOptions {
  /** `_HLS_skip`, as YES or v2: there are no EXT-X-DATERANGEs, so both are the same. Counts for `hls-media` with parts. */
  readonly isDelta: boolean;
}

const FULL: TextOptions = { isDelta: false };

export class Manifests {
  readonly #settings: TextSettings;
  readonly #revisions = new Map<string, { revision: TextRevision; of: Presentation }>();

  constructor(settings: TextSettings) {
    this.#settings = settings;
  }

  /** The current revision, or undefined when the presentation has no such Track or is empty. */
  text(name: TextName, presentation: Presentation, options = FULL): TextRevision | undefined {
    const isDelta = options.isDelta && name.kind === 'hls-media' && this.#hasParts;
    const key = `${'track' in name ? `${name.kind} ${name.track}` : name.kind}${isDelta ? ' delta' : ''}`;
    const kept = this.#revisions.get(key);
    if (kept?.of === presentation) return kept.revision;
    const text = renderText(this.#settings, name, presentation, isDelta);
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
          lastShownMs(presentation, name.kind === 'hls-master' ? shownMs(this.#settings) : Number.POSITIVE_INFINITY) ??
            0,
        );
      case 'hls-media':
        return presentation.changedMs;
      case 'hls-dvr-media':
        // A part changes nothing in it.
        return (presentation.open && presentation.segments.at(-1)?.committedMs) ?? presentation.changedMs;
      case 'dash':
        return mpdChangedMs(presentation, shownMs(this.#settings));
      case 'dash-dvr':
        return mpdChangedMs(presentation, this.#settings.windowMs);
    }
  }

  get #hasParts(): boolean {
    return this.#settings.hasParts === true;
  }
}

/** UTC ms when the first Segment of the newest whole Period was committed; its announcement where that one has left. */
function firstWholeMs({ segments, mpdChangedMs }: Presentation): number {
  const period: Period | undefined = segments.at(-1)?.period;
  const first = segments.find((segment) => segment.number === period?.startNumber);
  return first?.committedMs ?? period?.announcedMs ?? mpdChangedMs;
}
