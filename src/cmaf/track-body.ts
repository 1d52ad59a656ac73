/**
 * One body sent to one Track: bytes in, items to the sink, a refusal out. The same for one endless body,
 * one body per segment, and a header alone (DASH-IF Live Media Ingest, interface 1).
 * It never takes the end of a body for the end of a segment. Invariant: after a refusal or an end the sink hears no more of it.
 */
import { FormatError } from './isobmff/format-error.ts';
import type { InitSegment } from './isobmff/model.ts';
import { type CmafItem, CmafStreamReader } from './isobmff/stream.ts';
import { refusalOf } from './refusal.ts';
import type { CmafRefusal, CmafSink } from './sink.ts';

/** What the bodies of one Track share: the header that its media belongs to. */
export interface TrackInput {
  readonly name: string;
  init: InitSegment | undefined;
}

export class TrackBody {
  readonly #input: TrackInput;
  readonly #sink: CmafSink;
  readonly #maxMdatBytes: number;
  /** Made with the first byte: the header may have come on another connection after this request began. */
  #reader: CmafStreamReader | undefined;
  #header: InitSegment | undefined;
  #broughtHeader = false;
  #broughtMedia = false;
  /** When the first bytes of the chunk that is being read came. */
  #beganMs: number | undefined;
  #isOver = false;

  constructor(input: TrackInput, sink: CmafSink, maxMdatBytes: number) {
    this.#input = input;
    this.#sink = sink;
    this.#maxMdatBytes = maxMdatBytes;
  }

  /** Throws FormatError, or what the sink threw, having told the sink; the body is then over. */
  push(bytes: Uint8Array, nowMs?: number): void {
    if (this.#isOver) return;
    this.#beganMs ??= nowMs;
    if (this.#reader === undefined) {
      this.#header = this.#input.init;
      this.#reader = new CmafStreamReader({ knownInit: this.#header, maxMdatBytes: this.#maxMdatBytes });
    }
    this.#takeAll(this.#reader.push(bytes));
  }

  /** The body is whole. Throws as push does. An empty body is a test of the publishing point and tells nothing. */
  end(): void {
    if (this.#isOver) return;
    if (this.#reader !== undefined) this.#takeAll(this.#reader.end());
    this.#isOver = true;
    const isWholeStream = this.#broughtHeader && this.#broughtMedia;
    if (isWholeStream || this.#reader?.sawLastSegment === true) this.#sink.onEnd(this.#input.name, 'clean');
  }

  /** The connection broke inside the body. */
  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#sink.onEnd(this.#input.name, 'aborted');
  }

  /** Refused for a reason outside the bytes. */
  refuse(refusal: CmafRefusal): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#sink.onRefused(this.#input.name, refusal);
  }

  /** The run was closed by its owner, who needs no telling. */
  abandon(): void {
    this.#isOver = true;
  }

  #takeAll(items: readonly CmafItem[]): void {
    try {
      for (const item of items) this.#take(item);
    } catch (error) {
      this.refuse(refusalOf(error));
      throw error;
    }
  }

  #take(item: CmafItem): void {
    if (item.kind === 'fault') throw item.error;
    if (item.kind === 'init') {
      this.#broughtHeader = true;
      // A source sends its header again after every error and reconnect; only another header is news.
      if (this.#input.init?.bytes.equals(item.init.bytes) !== true) {
        this.#input.init = item.init;
        this.#sink.onInit(this.#input.name, item.init);
      }
      this.#header = this.#input.init;
      return;
    }
    if (this.#header !== this.#input.init) {
      throw new FormatError(
        'CMAF_NO_HEADER',
        'moof',
        0,
        'another source has since sent a different header for this Track',
      );
    }
    this.#broughtMedia = true;
    this.#sink.onFragment(this.#input.name, item.fragment, this.#beganMs);
    this.#beganMs = undefined;
  }
}
