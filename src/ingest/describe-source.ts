/**
 * Gathers what a publisher says and shows about itself into a SourceDescription, and tells when that is enough.
 * Pure: time is the arrival of tags and an argument. It never waits longer than 2 s for a track that does not come.
 */
import { type MetadataValue, readMetadata } from './amf0.ts';
import { type AudioShape, readAudioSpecificConfig, readMpegAudioHeader } from './audio-headers.ts';
import type { SourceDescription } from './model.ts';
import { isRateKnown, sourceFrameRate } from './source-rate.ts';
import { readSps, type Sps, spsOfAvcConfiguration } from './sps.ts';

/** How long after the first keyframe audio may take to appear. */
const AUDIO_GRACE_MS = 300;
const COMPLETE_AFTER_MS = 2_000;
const MAX_STAMPS = 240;

const PROFILES: Readonly<Record<number, string>> = {
  66: 'baseline',
  77: 'main',
  88: 'extended',
  100: 'high',
  110: 'high 10',
  122: 'high 4:2:2',
  244: 'high 4:4:4',
};

export class SourceProbe {
  #metadata: ReadonlyMap<string, MetadataValue> = new Map();
  #sps: Sps | undefined;
  #audio: SourceDescription['audio'];
  #stampsMs: number[] = [];
  #firstTagMs: number | undefined;
  #keyframeMs: number | undefined;

  takeMetadata(body: Buffer): void {
    this.#metadata = readMetadata(body) ?? this.#metadata;
  }

  /** `avcC` is the body behind the five FLV bytes. False when no picture size can be read from it. */
  takeVideoHeader(avcC: Buffer): boolean {
    const nal = spsOfAvcConfiguration(avcC);
    const sps = nal === undefined ? undefined : readSps(nal);
    if (sps !== undefined) this.#sps = sps;
    return sps !== undefined;
  }

  takeAacHeader(config: Buffer): void {
    this.#takeAudio('aac', readAudioSpecificConfig(config));
  }

  takeMp3(frame: Buffer): void {
    this.#takeAudio('mp3', readMpegAudioHeader(frame));
  }

  /** One coded frame, in order of arrival. */
  takeFrame(stampMs: number, arrivalMs: number, keyframe: boolean): void {
    if (keyframe) this.#keyframeMs ??= arrivalMs;
    if (this.#stampsMs.length < MAX_STAMPS) this.#stampsMs.push(stampMs);
  }

  /** Any tag at all: starts the clock of the 2 s. */
  takeArrival(arrivalMs: number): void {
    this.#firstTagMs ??= arrivalMs;
  }

  /** The rate is measured anew after a jump of the stamps. */
  forgetStamps(): void {
    this.#stampsMs = [];
  }

  /** True when the description will not get better by waiting, or 2 s are over. */
  isComplete(nowMs: number): boolean {
    if (this.#firstTagMs === undefined) return false;
    if (nowMs - this.#firstTagMs >= COMPLETE_AFTER_MS) return this.#sps !== undefined || this.#audio !== undefined;
    if (this.#keyframeMs === undefined || !this.isVideoKnown) return false;
    if (this.#audio !== undefined || this.#saysNoAudio()) return true;
    return nowMs - this.#keyframeMs >= AUDIO_GRACE_MS;
  }

  /** Size and rate of the picture are known, and its first keyframe was there. */
  get isVideoKnown(): boolean {
    return this.#sps !== undefined && this.#keyframeMs !== undefined && isRateKnown(this.#evidence());
  }

  describe(): SourceDescription {
    const sps = this.#sps;
    const encoder = this.#metadata.get('encoder');
    return {
      video:
        sps === undefined
          ? undefined
          : {
              codec: 'h264',
              width: sps.displayWidth,
              height: sps.height,
              frameRate: sourceFrameRate(this.#evidence()),
              profile: PROFILES[sps.profileIdc] ?? `profile ${sps.profileIdc}`,
              level: (sps.levelIdc / 10).toFixed(1),
            },
      audio: this.#audio,
      encoder: typeof encoder === 'string' && encoder !== '' ? encoder : undefined,
    };
  }

  #takeAudio(codec: 'aac' | 'mp3', shape: AudioShape | undefined): void {
    if (shape !== undefined) this.#audio = { codec, ...shape };
  }

  #evidence() {
    const declared = this.#metadata.get('framerate');
    return {
      declaredFps: [this.#sps?.timingFps, typeof declared === 'number' && declared > 0 ? declared : undefined],
      stampsMs: this.#stampsMs,
    };
  }

  /** Metadata that describes the picture and says nothing of sound, or says there is none. */
  #saysNoAudio(): boolean {
    if (this.#metadata.get('hasAudio') === false) return true;
    return this.#metadata.has('videocodecid') && !this.#metadata.has('audiocodecid');
  }
}
