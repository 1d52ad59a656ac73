/**
 * The last seconds of one publish as they came, so that a service that starts in mid-publish gets them as if it had been there.
 * Pure: time is the arrival stamped on each tag. Invariant: never more than the bounds; what is given out begins with the headers
 * in force and a keyframe, and no GOP in it has a hole (a GOP beyond a bound goes as a whole, and nothing is held until the next).
 */
import { legacyBody } from '../enhanced-flv.ts';
import { AUDIO, readTagContent, SCRIPT, VIDEO } from '../flv-tags.ts';
import type { MediaFrame } from '../media-frames.ts';

export interface HeldBounds {
  readonly maxMs: number;
  readonly maxBytes: number;
}

/** As much as a Feed keeps (gop-ring.ts): more could not be replayed into an encoder. */
const HELD_BOUNDS: HeldBounds = { maxMs: 12_000, maxBytes: 32 * 1024 * 1024 };
/** A tag's own cost besides its body. */
const TAG_OVERHEAD_BYTES = 128;
/** Without pictures every second is a place to begin from. */
const SOUND_START_EVERY_US = 1_000_000;

type Role = 'header' | 'keyframe' | 'media';

interface Gop {
  readonly startUs: number;
  readonly tags: MediaFrame[];
  bytes: number;
}

export class HeldTags {
  readonly #bounds: HeldBounds;
  /** By kind: the newest header that is older than the first GOP. */
  readonly #headers = new Map<number, MediaFrame>();
  #gops: Gop[] = [];
  #bytes = 0;
  #hasVideo = false;

  constructor(bounds: HeldBounds = HELD_BOUNDS) {
    this.#bounds = bounds;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** One tag, in order of arrival. */
  push(tag: MediaFrame): void {
    const role = roleOf(tag);
    if (tag.kind === VIDEO) this.#begin();
    if (this.#isStart(tag, role)) this.#gops.push({ startUs: tag.arrivalUs, tags: [], bytes: 0 });
    const newest = this.#gops.at(-1);
    if (newest === undefined) {
      if (role === 'header') this.#headers.set(tag.kind, tag);
      return;
    }
    const bytes = tag.body.length + TAG_OVERHEAD_BYTES;
    newest.tags.push(tag);
    newest.bytes += bytes;
    this.#bytes += bytes;
    const isBeyond = (oldest: Gop) =>
      tag.arrivalUs - oldest.startUs > this.#bounds.maxMs * 1000 || this.#bytes > this.#bounds.maxBytes;
    for (let oldest = this.#gops[0]; oldest !== undefined && isBeyond(oldest); oldest = this.#gops[0])
      this.#drop(oldest);
  }

  /** The headers in force at the oldest keyframe, then everything from it on. */
  list(): MediaFrame[] {
    return [...this.#headers.values(), ...this.#gops.flatMap(({ tags }) => tags)];
  }

  /** Sound that came before the first picture: from now on only pictures are a beginning. */
  #begin(): void {
    if (this.#hasVideo) return;
    this.#hasVideo = true;
    for (const gop of [...this.#gops]) this.#drop(gop);
  }

  #isStart(tag: MediaFrame, role: Role): boolean {
    if (this.#hasVideo || role !== 'media') return role === 'keyframe';
    const startUs = this.#gops.at(-1)?.startUs ?? Number.NEGATIVE_INFINITY;
    return tag.arrivalUs - startUs >= SOUND_START_EVERY_US;
  }

  #drop(oldest: Gop): void {
    this.#gops.shift();
    this.#bytes -= oldest.bytes;
    for (const tag of oldest.tags) if (roleOf(tag) === 'header') this.#headers.set(tag.kind, tag);
  }
}

function roleOf(tag: MediaFrame): Role {
  if (tag.kind === SCRIPT) return 'header';
  if (tag.kind !== VIDEO && tag.kind !== AUDIO) return 'media';
  const content = readTagContent(tag.kind, legacyBody(tag.kind, tag.body.subarray(0, 16)));
  if (content.kind === 'video')
    return content.packet === 'sequence-header'
      ? 'header'
      : content.keyframe && content.packet === 'nalu'
        ? 'keyframe'
        : 'media';
  return content.kind === 'aac' && content.packet === 'sequence-header' ? 'header' : 'media';
}
