/**
 * What the ingest room hands to a Channel: one Feed per publish.
 * It never decides what is served; a Feed only maps the publisher's stamps to UTC and replays tags into a worker.
 * Invariant: media time is UTC of arrival in ms (src/README.md: Time); tags leave the room re-stamped, whole and in order.
 */
import type { FrameRate } from '../system/frame-rate.ts';
import type { Advice, AdviceListener, TopRung } from './advice-model.ts';
import type { BaseReason } from './anchor.ts';
import type { HttpPort } from './link-messages.ts';

/** What the feed is, read from its sequence headers, metadata and first stamps. */
export interface SourceDescription {
  readonly video:
    | {
        readonly codec: 'h264';
        /** Display size after cropping, square pixels. */
        readonly width: number;
        readonly height: number;
        /** The standard rate nearest to what was declared and seen. */
        readonly frameRate: FrameRate;
        readonly profile: string;
        /** `4.1`, of the parameter set. */
        readonly level?: string | undefined;
      }
    | undefined;
  readonly audio:
    | {
        readonly codec: 'aac' | 'mp3';
        readonly sampleRate: number;
        readonly channels: number;
      }
    | undefined;
  /** What the encoder calls itself (`obs-output module ...`, `Lavf59.27.100`), for people. */
  readonly encoder: string | undefined;
}

/** Who publishes. `id` is unique for the life of the service. */
export interface PublishIdentity {
  readonly id: string;
  readonly channel: string;
  /** `address:port` of the publisher. */
  readonly address: string;
  readonly startedMs: number;
}

/** replaced: another publisher with the key took over. */
export type FeedEnd = 'publisher-gone' | 'closed' | 'idle' | 'protocol' | 'replaced' | 'child-exited';

/** A keyframe of the ring, on the publisher's own clock and on ours. */
export interface SourceKeyframe {
  /** Rises when the stamps jump: stamps of two bases can't be compared. */
  readonly base: number;
  /** Unwrapped decoding stamp, ms. */
  readonly stampMs: number;
  /** Presentation minus decoding time, ms, signed. */
  readonly compositionMs: number;
  readonly mediaMs: number;
  readonly hasIdr: boolean;
}

/** A media tag on the publisher's own clock. The body is shared: copy before writing. */
export interface SourceTag {
  readonly isVideo: boolean;
  readonly stampMs: number;
  readonly body: Buffer;
}

export interface FeedListener {
  /** Each keyframe, as it comes. */
  onKeyframe?(keyframe: SourceKeyframe): void;
  /** Called once, when codec headers are known (within 2 s of the first media tag even if a track is missing). */
  onSource(source: SourceDescription): void;
  /** Later parameter sets that differ from the first. */
  onSourceChanged(source: SourceDescription): void;
  /** What comes can't be bridged to what came before: a new base is needed, so a new worker. */
  onJump(why: BaseReason): void;
  onEnd(how: FeedEnd): void;
}

export interface WorkerInput {
  /** Media time (UTC ms) of the ring's keyframe to start from; the newest at or before is taken. */
  readonly fromMs: number;
  /** Media time that becomes stamp 0: the start of a Segment of the Channel's grid, whole ms. */
  readonly originMs: number;
  /** The worker already runs on another feed with the same `headersKey`: tags alone are written, from the next keyframe kept. */
  readonly isContinuation?: boolean;
  /**
   * The worker's own time of a tag in ms, instead of media time minus originMs; asked once for each media tag, in order.
   * undefined: the tag is left out.
   */
  readonly timeOf?: (tag: SourceTag) => number | undefined;
  /** Gets FLV bytes in order. The buffers are not reused. */
  readonly write: (bytes: Buffer) => void;
}

export interface FeedStatistics {
  readonly videoTags: number;
  readonly audioTags: number;
  readonly bytes: number;
  /** monotonic us until which every track of the source came: of the one that is away, its newest arrival. */
  readonly heardUs: number | undefined;
  /** Media time (UTC ms) of the newest picture. */
  readonly pictureMs: number | undefined;
  readonly keyframeIntervalMs: number | undefined;
  readonly ringBytes: number;
}

export interface Feed {
  readonly identity: PublishIdentity;
  readonly source: SourceDescription | undefined;
  /** Hash of the sequence headers and of which tracks there are; equal for a publisher that came back unchanged. */
  readonly headersKey: string | undefined;
  listen(listener: FeedListener): void;
  /** Media time of the ring's oldest and newest keyframe. */
  keyframeRange(): { readonly oldestMs: number; readonly newestMs: number } | undefined;
  /** Media time of the newest keyframe at or before mediaMs (or the oldest kept one). */
  keyframeAtOrBefore(mediaMs: number): number | undefined;
  /** The ring's keyframes, oldest first. */
  keyframes(): readonly SourceKeyframe[];
  /** Body of the video sequence header (FLV AVCVIDEOPACKET of type 0), when there is one. */
  readonly videoHeader: Buffer | undefined;
  /** FLV header, metadata, sequence headers, ring from the keyframe on, then live tags, all at `media time - originMs`. */
  attach(input: WorkerInput): { detach(): void };
  /** Pauses the publisher's socket while a worker's stdin is full; 5 s full closes it. */
  setFlow(flowing: boolean): void;
  statistics(): FeedStatistics;
  /** What the publisher should be told now, oldest first. */
  advice(): readonly Advice[];
  listenToAdvice(listener: AdviceListener): void;
  /** What the ladder makes of it at best; until then bitrate and picture are not judged. */
  setTopRung(topRung: TopRung): void;
  close(reason: string): void;
}

export interface ChannelKeys {
  readonly channel: string;
  readonly secrets: readonly string[];
  /** Who comes with a right key replaces who is in; else is refused while somebody is. */
  readonly replaces?: boolean;
}

export interface RtmpIngest {
  readonly port: number;
  /** undefined without RTMPS. */
  readonly tlsPort: number | undefined;
  readonly hasPublishers: boolean;
  /** Replaces the keys; publishers already in stay. */
  setKeys(keys: readonly ChannelKeys[]): void;
  /** Whoever asks there while there is no service waits for the next one, as long as publishers are kept for it. */
  keepHttp(at: HttpPort): void;
  /** The service has stopped to listen there, and is about to end. */
  httpGap(): void;
  /** With `handsOver` publishers stay connected for the next service, where there is a folder for it to find them. */
  close(how?: { readonly handsOver?: boolean }): Promise<void>;
}
