/**
 * A Feed that a test plays: its keyframes, its headers, its end, and what was asked of it.
 * It never has sockets. Invariant: who is attached gets the ring's tag first and then what the test sends.
 */
import type { Advice, AdviceListener, TopRung } from '../../src/ingest/advice-model.ts';
import type {
  Feed,
  FeedEnd,
  FeedListener,
  SourceDescription,
  SourceKeyframe,
  WorkerInput,
} from '../../src/ingest/model.ts';

export const SOURCE: SourceDescription = {
  video: { codec: 'h264', width: 1280, height: 720, frameRate: { num: 30, den: 1 }, profile: 'High' },
  audio: { codec: 'aac', sampleRate: 48_000, channels: 2 },
  encoder: 'test',
};

export class PublisherFeed implements Feed {
  readonly identity: Feed['identity'];
  source: SourceDescription | undefined;
  headersKey: string | undefined = 'headers-1';
  /** Media times of the ring's keyframes, rising. */
  starts: number[];
  /** Everything that was ever attached, in order. */
  readonly inputs: WorkerInput[] = [];
  readonly flow: boolean[] = [];
  readonly closed: string[] = [];
  readonly #attached = new Set<WorkerInput>();
  /** What it answers as its advice. */
  standing: readonly Advice[] = [];
  topRung: TopRung | undefined;
  /** Arrival of the last tag, monotonic us; undefined: nothing came. */
  heardUs: number | undefined;
  /** Media time of the newest picture; undefined: nothing came. */
  pictureMs: number | undefined;
  adviceListener: AdviceListener | undefined;
  protected listener: FeedListener | undefined;

  constructor(id: string, startedMs: number, starts: readonly number[] = [startedMs]) {
    this.identity = { id, channel: 'match', address: '192.0.2.7:50000', startedMs };
    this.starts = [...starts];
  }

  get attached(): number {
    return this.#attached.size;
  }

  listen(listener: FeedListener): void {
    this.listener = listener;
    if (this.source !== undefined) listener.onSource(this.source);
  }

  /** Its headers are known now. */
  announce(source: SourceDescription = SOURCE): void {
    this.source = source;
    this.listener?.onSource(source);
  }

  changeSource(source: SourceDescription, headersKey: string): void {
    this.source = source;
    this.headersKey = headersKey;
    this.listener?.onSourceChanged(source);
  }

  jump(): void {
    this.listener?.onJump('the stamps jumped');
  }

  /** As the real one: who was attached hears no more, the ring is empty, then the end is told. */
  end(how: FeedEnd = 'publisher-gone'): void {
    this.#attached.clear();
    this.starts = [];
    this.listener?.onEnd(how);
  }

  /** One tag to every worker that is attached. */
  send(bytes = Buffer.from('tag')): void {
    for (const input of this.#attached) input.write(bytes);
  }

  keyframeRange(): { oldestMs: number; newestMs: number } | undefined {
    const oldestMs = this.starts[0];
    const newestMs = this.starts.at(-1);
    return oldestMs === undefined || newestMs === undefined ? undefined : { oldestMs, newestMs };
  }

  keyframeAtOrBefore(mediaMs: number): number | undefined {
    return this.starts.filter((at) => at <= mediaMs).at(-1) ?? this.starts[0];
  }

  /** Only a copy asks for these two. */
  get videoHeader(): Buffer | undefined {
    return undefined;
  }

  keyframes(): readonly SourceKeyframe[] {
    return [];
  }

  attach(input: WorkerInput): { detach(): void } {
    this.inputs.push(input);
    this.#attached.add(input);
    input.write(Buffer.from(`${input.isContinuation === true ? 'tags' : 'FLV'} from ${input.fromMs}`));
    return { detach: () => this.#attached.delete(input) };
  }

  setFlow(flowing: boolean): void {
    this.flow.push(flowing);
  }

  statistics(): ReturnType<Feed['statistics']> {
    const { heardUs, pictureMs } = this;
    return { videoTags: 0, audioTags: 0, bytes: 0, heardUs, pictureMs, keyframeIntervalMs: undefined, ringBytes: 0 };
  }

  advice(): readonly Advice[] {
    return this.standing;
  }

  listenToAdvice(listener: AdviceListener): void {
    this.adviceListener = listener;
  }

  setTopRung(topRung: TopRung): void {
    this.topRung = topRung;
  }

  close(reason: string): void {
    this.closed.push(reason);
  }
}
