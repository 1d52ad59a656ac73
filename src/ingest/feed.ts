/**
 * The Feed of one publish: places tags on UTC, keeps the ring, describes the source and replays into workers.
 * It never touches sockets: tags come through `accept`, and flow and closing go out through its ports.
 * Invariant: a worker gets tags of one base only, from a keyframe on, and only of the tracks its FLV header announced.
 */
import type { Clock } from '../system/clock.ts';
import { ServiceError } from '../system/errors.ts';
import { contentHash } from '../system/ids.ts';
import type { Logger } from '../system/log.ts';
import { FeedAdvisor } from './advice.ts';
import type { Advice, AdviceListener, TopRung } from './advice-model.ts';
import type { BaseReason } from './anchor.ts';
import { Backlog } from './backlog.ts';
import { SourceProbe } from './describe-source.ts';
import { legacyBody } from './enhanced-flv.ts';
import { AUDIO, hasIdr, readTagContent, type TagContent, VIDEO } from './flv-tags.ts';
import { GopRing } from './gop-ring.ts';
import type { PlacedTag } from './link-messages.ts';
import type { MediaFrame } from './media-frames.ts';
import type {
  Feed,
  FeedEnd,
  FeedListener,
  FeedStatistics,
  PublishIdentity,
  SourceDescription,
  SourceKeyframe,
  WorkerInput,
} from './model.ts';
import { StampPlacer } from './stamp-placer.ts';
import { WorkerAttachment } from './worker-attachment.ts';

const VIDEO_HEADER_BYTES = 5;
const AAC_HEADER_BYTES = 2;
const MP3_HEADER_BYTES = 1;
/** Without video every second of audio is a place to start from. */
const AUDIO_START_EVERY_MS = 1_000;
const NO_PICTURE = { keyframe: false, compositionMs: 0 };
/** A file pushed without pacing; no network delivers this much early. */
const MAX_AHEAD_MS = 15_000;

/** What a Feed needs from the link. */
export interface FeedPorts {
  readonly clock: Clock;
  readonly log: Logger;
  setFlow(flowing: boolean): void;
  /** Of each picture: arrival minus media time, ms. */
  onPicture(lateMs: number): void;
  /** Asks for the end of the publish; `finish` follows. */
  close(reason: string): void;
  /** Of a publish that is taken over: where the service before had put one of its tags. */
  readonly placed?: PlacedTag | undefined;
}

export class PublishFeed implements Feed {
  readonly identity: PublishIdentity;
  readonly #ports: FeedPorts;
  readonly #stamps: StampPlacer;
  readonly #probe = new SourceProbe();
  readonly #ring = new GopRing();
  readonly #advisor = new FeedAdvisor();
  readonly #listeners = new Set<FeedListener>();
  readonly #adviceListeners = new Set<AdviceListener>();
  readonly #attachments = new Set<WorkerAttachment>();
  #source: SourceDescription | undefined;
  #end: FeedEnd | undefined;
  #headers: { video?: Buffer; audio?: Buffer } = {};
  #hasVideo = false;
  /** True from the first keyframe of the present base on. */
  #onKeyframe = false;
  #newestStartMs: number | undefined;
  #keyframeIntervalMs: number | undefined;
  #base = 0;
  #keyframes: SourceKeyframe[] = [];
  #newestMediaMs = 0;
  #pictureMs: number | undefined;
  #counts = { video: 0, audio: 0, bytes: 0 };
  /** Arrival of the newest tag of each kind. */
  readonly #heardUs = new Map<number, number>();
  readonly #backlog = new Backlog();
  #isFlowing = true;
  #warned = new Set<string>();

  constructor(identity: PublishIdentity, ports: FeedPorts) {
    this.identity = identity;
    this.#ports = ports;
    this.#stamps = new StampPlacer((us) => ports.clock.utcMsOf(us), ports.placed);
  }

  get source(): SourceDescription | undefined {
    return this.#source;
  }

  get headersKey(): string | undefined {
    if (this.#source === undefined) return undefined;
    const { video, audio } = this.#headers;
    return contentHash([video ?? 'none', audio ?? 'none', JSON.stringify(this.#source.audio ?? null)]);
  }

  /** What is known already is told at once. */
  listen(listener: FeedListener): void {
    this.#listeners.add(listener);
    if (this.#source !== undefined) listener.onSource(this.#source);
    if (this.#end !== undefined) listener.onEnd(this.#end);
  }

  keyframeRange() {
    return this.#ring.range();
  }

  keyframeAtOrBefore(mediaMs: number): number | undefined {
    return this.#ring.startAtOrBefore(mediaMs);
  }

  keyframes(): readonly SourceKeyframe[] {
    const oldestMs = this.#ring.range()?.oldestMs ?? Number.POSITIVE_INFINITY;
    return this.#keyframes.filter(({ mediaMs }) => mediaMs >= oldestMs);
  }

  get placed(): PlacedTag | undefined {
    return this.#stamps.placed;
  }

  get videoHeader(): Buffer | undefined {
    return this.#headers.video;
  }

  attach(input: WorkerInput): { detach(): void } {
    const attachment = new WorkerAttachment(input);
    this.#attachments.add(attachment);
    this.#start(attachment);
    return { detach: () => this.#attachments.delete(attachment) };
  }

  advice(): readonly Advice[] {
    return this.#end === undefined ? this.#advisor.list() : [];
  }

  listenToAdvice(listener: AdviceListener): void {
    this.#adviceListeners.add(listener);
  }

  setTopRung(topRung: TopRung): void {
    this.#advisor.setTopRung(topRung);
  }

  setFlow(flowing: boolean): void {
    if (!flowing) this.#advisor.forgetDelay();
    this.#isFlowing = flowing;
    this.#ports.setFlow(flowing);
  }

  statistics(): FeedStatistics {
    return {
      videoTags: this.#counts.video,
      audioTags: this.#counts.audio,
      bytes: this.#counts.bytes,
      heardUs: this.#heardUntilUs(),
      pictureMs: this.#pictureMs,
      keyframeIntervalMs: this.#keyframeIntervalMs,
      ringBytes: this.#ring.bytes,
    };
  }

  /** A track that is away is not waited for because the other goes on. */
  #heardUntilUs(): number | undefined {
    // Whoever is held back by us is not silent.
    if (!this.#isFlowing) return this.#ports.clock.monotonicUs();
    const { video, audio } = this.#source ?? {};
    const awaited = [...(video === undefined ? [] : [VIDEO]), ...(audio === undefined ? [] : [AUDIO])];
    const heard = (awaited.length === 0 ? [VIDEO, AUDIO] : awaited).flatMap((kind) => this.#heardUs.get(kind) ?? []);
    if (heard.length === 0) return undefined;
    return awaited.length === 0 ? Math.max(...heard) : Math.min(...heard);
  }

  close(reason: string): void {
    if (this.#end === undefined) this.#ports.close(reason);
  }

  /** The publish is over; nothing is accepted any more. */
  finish(how: FeedEnd): void {
    if (this.#end !== undefined) return;
    this.#end = how;
    this.#attachments.clear();
    this.#ring.clear();
    for (const listener of this.#listeners) listener.onEnd(how);
    for (const listener of this.#adviceListeners) listener.onFigures(undefined);
  }

  /** One tag, in order of arrival. */
  accept(received: MediaFrame): void {
    if (this.#end !== undefined) return;
    const frame = { ...received, body: legacyBody(received.kind, received.body) };
    this.#counts.bytes += frame.body.length;
    if (frame.kind === VIDEO || frame.kind === AUDIO) this.#heardUs.set(frame.kind, frame.arrivalUs);
    const content = readTagContent(frame.kind, frame.body);
    if (frame.kind === VIDEO) this.#counts.video++;
    if (frame.kind === AUDIO) this.#counts.audio++;
    this.#take(content, frame);
    this.#backlog.take(frame.arrivalUs, this.#ports.clock.monotonicUs());
    const arrivalMs = this.#ports.clock.utcMsOf(frame.arrivalUs);
    this.#announce(arrivalMs);
    this.#advise(arrivalMs);
  }

  #take(content: TagContent, frame: MediaFrame): void {
    switch (content.kind) {
      case 'script':
        this.#probe.takeMetadata(frame.body);
        return;
      case 'unsupported':
        this.#refuseCodec(content.track, content.name);
        return;
      case 'video':
        this.#hasVideo = true;
        if (content.packet === 'sequence-header') this.#takeVideoHeader(frame);
        else if (content.packet === 'nalu' && this.#headers.video) this.#takeMedia(frame, content);
        return;
      case 'aac':
        if (content.packet === 'sequence-header') this.#takeAacHeader(frame);
        else if (this.#headers.audio) this.#takeMedia(frame, NO_PICTURE);
        return;
      case 'mp3':
        this.#probe.takeMp3(frame.body.subarray(MP3_HEADER_BYTES));
        this.#takeMedia(frame, NO_PICTURE);
        return;
      case 'nothing':
        return;
    }
  }

  #takeVideoHeader(frame: MediaFrame): void {
    const known = this.#headers.video;
    if (known?.equals(frame.body)) return;
    if (!this.#probe.takeVideoHeader(frame.body.subarray(VIDEO_HEADER_BYTES))) {
      this.#refuseCodec('video', 'H.264 whose parameter set cannot be read');
      return;
    }
    this.#headers.video = frame.body;
    if (known === undefined) return;
    // Pictures before it cannot be decoded with it; the next one is a keyframe (ISO/IEC 14496-15, 5.3.3.1).
    this.#ring.clear();
    this.#keyframes = [];
    this.#onKeyframe = false;
    this.#changed(VIDEO, frame.body);
  }

  #takeAacHeader(frame: MediaFrame): void {
    const known = this.#headers.audio;
    if (known?.equals(frame.body)) return;
    this.#probe.takeAacHeader(frame.body.subarray(AAC_HEADER_BYTES));
    this.#headers.audio = frame.body;
    if (known !== undefined) {
      this.#ring.clear();
      this.#keyframes = [];
    }
    this.#changed(AUDIO, frame.body);
  }

  #changed(tagType: number, header: Buffer): void {
    if (this.#source === undefined) return;
    for (const attachment of this.#attachments)
      attachment.write({ tagType, mediaMs: this.#newestMediaMs, body: header });
    this.#source = this.#probe.describe();
    for (const listener of this.#listeners) listener.onSourceChanged(this.#source);
  }

  #takeMedia(frame: MediaFrame, { keyframe, compositionMs }: typeof NO_PICTURE): void {
    const arrivalMs = this.#ports.clock.utcMsOf(frame.arrivalUs);
    const placed = this.#stamps.place(frame, arrivalMs);
    if (placed.kind === 'stale') return;
    if (placed.kind === 'jump') this.#newBase(placed.why);
    const { mediaMs, stampMs } = placed;
    if (mediaMs - arrivalMs > MAX_AHEAD_MS) {
      this.close('media comes faster than real time: push with pacing (ffmpeg -re)');
      return;
    }
    this.#probe.takeArrival(arrivalMs);
    const track = frame.kind === VIDEO ? 'video' : 'audio';
    this.#advisor.take({ track, stampMs, arrivalMs, bytes: frame.body.length, keyframe, compositionMs });
    if (frame.kind === VIDEO) {
      this.#probe.takeFrame(stampMs, arrivalMs, keyframe);
      this.#ports.onPicture(arrivalMs - mediaMs);
    }
    if (frame.kind === VIDEO && keyframe) this.#onKeyframe = true;
    if (frame.kind === VIDEO && !this.#onKeyframe) return;
    this.#newestMediaMs = Math.max(this.#newestMediaMs, mediaMs);
    if (frame.kind === VIDEO) this.#pictureMs = mediaMs;
    const isStart = this.#isStart(mediaMs, keyframe);
    const tag = { tagType: frame.kind, mediaMs, stampMs, body: frame.body };
    this.#ring.push(tag, isStart);
    if (this.#ring.isCut) this.#warnOnce('keyframe interval beyond the ring');
    for (const attachment of this.#attachments) {
      if (attachment.isWaiting) this.#start(attachment);
      else attachment.write(tag);
    }
    if (frame.kind === VIDEO && keyframe) this.#tellKeyframe({ stampMs, compositionMs, mediaMs, body: frame.body });
  }

  #tellKeyframe({ body, ...times }: { stampMs: number; compositionMs: number; mediaMs: number; body: Buffer }): void {
    const keyframe = { base: this.#base, ...times, hasIdr: hasIdr(body, this.#headers.video) };
    this.#keyframes = [...this.keyframes(), keyframe];
    for (const listener of this.#listeners) listener.onKeyframe?.(keyframe);
  }

  #isStart(mediaMs: number, keyframe: boolean): boolean {
    const last = this.#newestStartMs;
    const isStart =
      keyframe ||
      (!this.#hasVideo &&
        (last === undefined || this.#ring.range() === undefined || mediaMs - last >= AUDIO_START_EVERY_MS));
    if (!isStart) return false;
    if (keyframe && last !== undefined) this.#keyframeIntervalMs = mediaMs - last;
    this.#newestStartMs = mediaMs;
    return true;
  }

  #newBase(why: BaseReason): void {
    this.#base += 1;
    this.#keyframes = [];
    this.#ring.clear();
    this.#onKeyframe = false;
    this.#newestStartMs = undefined;
    this.#probe.forgetStamps();
    this.#advisor.forgetStamps();
    for (const attachment of this.#attachments) attachment.freeze();
    this.#ports.log.warn({ publish: this.identity.id, why }, 'a new base');
    for (const listener of this.#listeners) listener.onJump(why);
  }

  #advise(nowMs: number): void {
    const changes = this.#advisor.evaluate(nowMs, this.#source);
    if (changes === undefined) return;
    for (const listener of this.#adviceListeners) {
      for (const change of changes) listener.onAdvice(change);
      listener.onFigures(this.#advisor.figures());
    }
  }

  #start(attachment: WorkerAttachment): void {
    if (this.#source === undefined || this.#ring.range() === undefined) return;
    attachment.start(this.#source, this.#headers, (fromMs) => this.#ring.from(fromMs));
  }

  #announce(nowMs: number): void {
    if (this.#source !== undefined || !this.#probe.isComplete(nowMs)) {
      this.#noticeLateTrack();
      return;
    }
    // An encoder that began with what was kept at first would decode seconds of it for nothing.
    if (!this.#backlog.isOver) return;
    this.#source = this.#probe.describe();
    for (const listener of this.#listeners) listener.onSource(this.#source);
    for (const attachment of this.#attachments) if (attachment.isWaiting) this.#start(attachment);
  }

  /** MP3 has no header of its own, and video may come after an audio-only start. */
  #noticeLateTrack(): void {
    if (this.#source === undefined) return;
    const { audio, video } = this.#source;
    if (audio !== undefined && (video !== undefined || !this.#onKeyframe)) return;
    const now = this.#probe.describe();
    const isNew =
      (audio === undefined && now.audio !== undefined) ||
      (video === undefined && now.video !== undefined && this.#probe.isVideoKnown);
    if (!isNew) return;
    this.#source = now;
    for (const listener of this.#listeners) listener.onSourceChanged(now);
  }

  #refuseCodec(track: 'video' | 'audio', name: string): void {
    const error = new ServiceError('PUBLISH_CODEC', `The publisher's ${track} is ${name}.`, {
      hint:
        track === 'video'
          ? 'Set the encoder to H.264.'
          : 'Set the encoder to AAC; until then this channel gets silence.',
    });
    if (!this.#warnOnce(error.message, error)) return;
    if (track === 'video') this.close(`${error.message} ${error.hint}`);
  }

  /** False when it was said before; the set of what can be said is bounded by the codec names. */
  #warnOnce(message: string, error?: ServiceError): boolean {
    if (this.#warned.has(message) || this.#warned.size > 64) return false;
    this.#warned.add(message);
    this.#ports.log.warn(
      {
        channel: this.identity.channel,
        publish: this.identity.id,
        code: error?.code,
        reason: message,
        hint: error?.hint,
      },
      'feed is not as it should be',
    );
    return true;
  }
}
