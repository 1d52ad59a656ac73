/**
 * One worker's view of a feed: FLV header, metadata, sequence headers, ring, then live tags on the worker's own time.
 * It never decides where to start; it writes what it is given, once started and until frozen.
 */
import { AUDIO, VIDEO } from './flv-tags.ts';
import { flvFileHeader, flvTag, metadataTag } from './flv-writer.ts';
import type { RingTag } from './gop-ring.ts';
import type { SourceDescription, WorkerInput } from './model.ts';
import { Restamper } from './restamp.ts';

export class WorkerAttachment {
  readonly #input: WorkerInput;
  readonly #restamper: Restamper;
  #state: 'waiting' | 'live' | 'frozen' = 'waiting';
  #hasVideo = false;
  #hasAudio = false;

  constructor(input: WorkerInput) {
    this.#input = input;
    this.#restamper = new Restamper(input.originMs);
  }

  /** True until there are a source and a keyframe to start from. */
  get isWaiting(): boolean {
    return this.#state === 'waiting';
  }

  /** `ringFrom` gives the tags from the newest start at or before a media time. */
  start(
    source: SourceDescription,
    headers: { readonly video?: Buffer; readonly audio?: Buffer },
    ringFrom: (fromMs: number) => readonly RingTag[],
  ): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'live';
    this.#hasVideo = source.video !== undefined;
    this.#hasAudio = source.audio !== undefined;
    const { isContinuation = false } = this.#input;
    if (!isContinuation) this.#writeHeaders(source, headers);
    for (const tag of ringFrom(this.#input.fromMs)) this.write(tag);
  }

  #writeHeaders(source: SourceDescription, headers: { readonly video?: Buffer; readonly audio?: Buffer }): void {
    const { write } = this.#input;
    write(flvFileHeader({ audio: this.#hasAudio, video: this.#hasVideo }));
    write(metadataTag(source));
    // ffmpeg is quickest when both sequence headers stand before the first media tag.
    if (this.#hasVideo && headers.video) write(flvTag(VIDEO, 0, headers.video));
    if (this.#hasAudio && headers.audio) write(flvTag(AUDIO, 0, headers.audio));
  }

  write(tag: RingTag): void {
    if (this.#state !== 'live') return;
    if (tag.tagType === VIDEO ? !this.#hasVideo : !this.#hasAudio) return;
    const mediaMs = this.#mediaMsOf(tag);
    if (mediaMs === undefined) return;
    const bytes = this.#restamper.restamp(tag.tagType, mediaMs, tag.body);
    if (bytes !== undefined) this.#input.write(bytes);
  }

  #mediaMsOf({ tagType, mediaMs, stampMs, body }: RingTag): number | undefined {
    const { timeOf, originMs } = this.#input;
    if (timeOf === undefined || stampMs === undefined) return mediaMs;
    const timeMs = timeOf({ isVideo: tagType === VIDEO, stampMs, body });
    return timeMs === undefined ? undefined : originMs + timeMs;
  }

  /** Nothing more is written: the stamps have a new base. */
  freeze(): void {
    this.#state = 'frozen';
  }
}
