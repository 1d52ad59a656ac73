/**
 * Small pictures of what is on air, made when somebody asks.
 * It never runs two encoders at once, and none while nobody looks. Invariant: of one Channel at most one in 5 s, and one is kept.
 */
import type { Clock } from '../system/clock.ts';
import { messageOf } from '../system/errors.ts';
import type { Logger } from '../system/log.ts';
import { makeStill, type StillPicture } from '../transcode/still-picture.ts';
import type { PictureMedia } from './ladder-in-use.ts';

export type Thumbnail =
  | { readonly kind: 'made'; readonly jpeg: Buffer }
  /** Nothing is on air that has a picture. */
  | { readonly kind: 'none' }
  | { readonly kind: 'failed' };

/** A Channel, as far as it matters here. */
export interface PictureSource {
  readonly id: string;
  readonly operation: { newestPictures(): PictureMedia | undefined };
}

export interface ThumbnailParts {
  readonly ffmpegPath: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Another one in tests. */
  readonly make?: (media: readonly Buffer[]) => Promise<StillPicture>;
}

const KEPT_MS = 5000;
const LONGER_SIDE = 320;

interface Kept {
  readonly askedMs: number;
  readonly thumbnail: Promise<Thumbnail>;
}

export class Thumbnails {
  readonly #parts: ThumbnailParts;
  readonly #make: (media: readonly Buffer[]) => Promise<StillPicture>;
  readonly #kept = new Map<string, Kept>();
  /** One after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: ThumbnailParts) {
    this.#parts = parts;
    const { ffmpegPath, clock } = parts;
    this.#make = parts.make ?? ((media) => makeStill({ ffmpegPath, media, longerSide: LONGER_SIDE, clock }));
  }

  of(channel: PictureSource): Promise<Thumbnail> {
    const nowMs = this.#parts.clock.nowMs();
    const kept = this.#kept.get(channel.id);
    if (kept !== undefined && nowMs - kept.askedMs < KEPT_MS) return kept.thumbnail;
    if (channel.operation.newestPictures() === undefined) return Promise.resolve({ kind: 'none' });
    const thumbnail = this.#last.then(() => this.#picture(channel));
    this.#last = thumbnail;
    this.#kept.set(channel.id, { askedMs: nowMs, thumbnail });
    return thumbnail;
  }

  async #picture({ id, operation }: PictureSource): Promise<Thumbnail> {
    // What is newest now: others may have been waited for.
    const media = operation.newestPictures();
    if (media === undefined) return { kind: 'none' };
    const made = await this.#make([media.header, media.segment]).catch(failed);
    if (made.kind === 'made') return made;
    this.#parts.log.warn({ channel: id, reason: made.reason }, 'thumbnail could not be made');
    return { kind: 'failed' };
  }
}

function failed(thrown: unknown): StillPicture {
  return { kind: 'failed', reason: messageOf(thrown) };
}
