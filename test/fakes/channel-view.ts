// Channels whose answers a test sets: what the origin sees of the rest of the service.
import type {
  ChannelDirectory,
  ChannelStatus,
  ChannelView,
  MediaAnswer,
  MediaName,
  PlaylistDirectives,
  TextAnswer,
  TextName,
  TextRevision,
} from '../../src/channel/view.ts';
import { contentHash } from '../../src/system/ids.ts';
import type { MemoryObject } from '../../src/window/model.ts';

const nameOf = (name: TextName | MediaName): string => Object.values(name).join('/');

export function storedObject(bytes: Buffer | string, publishedMs = 1_795_290_120_123): MemoryObject {
  const body = Buffer.from(bytes);
  return { bytes: body, etag: `"${contentHash([body])}"`, contentType: 'video/mp4', publishedMs };
}

export function textRevision(text: string, changedMs = 1_795_290_120_123): TextRevision {
  const contentType = text.startsWith('<') ? 'application/dash+xml' : 'application/vnd.apple.mpegurl';
  return { text, contentType, changedMs };
}

export class FakeChannel implements ChannelView {
  readonly id: string;
  holdMs = 2000;
  segmentMs = 2000;
  /** Questions so far: text and media. */
  asked = 0;
  /** Those of the last question for a text. */
  lastDirectives: PlaylistDirectives | undefined;
  readonly #texts = new Map<string, TextAnswer>();
  readonly #media = new Map<string, MediaAnswer>();
  readonly #listeners = new Set<(key: string) => void>();

  constructor(id = 'match') {
    this.id = id;
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  setText(name: TextName, answer: TextAnswer | string): void {
    const full: TextAnswer =
      typeof answer === 'string' ? { kind: 'ready', revision: textRevision(answer), of: 'current' } : answer;
    this.#texts.set(nameOf(name), full);
  }

  setMedia(name: MediaName, answer: MediaAnswer | Buffer | string): void {
    const isBody = typeof answer === 'string' || Buffer.isBuffer(answer);
    this.#media.set(nameOf(name), isBody ? { kind: 'ready', object: storedObject(answer) } : answer);
  }

  /** Says that the object under this key is there. Tells listeners added meanwhile as well, as a Set does. */
  wake(key: string): void {
    for (const listener of this.#listeners) listener(key);
  }

  /** A Segment of these parts so far; wakes who waits for more. */
  grow(name: MediaName, ...bodies: readonly (Buffer | string)[]): void {
    this.setMedia(name, {
      kind: 'growing',
      parts: bodies.map((body) => storedObject(body)),
      contentType: 'video/mp4',
      key: nameOf(name),
    });
    this.wake(nameOf(name));
  }

  /** The Segment whole. */
  finish(name: MediaName, ...bodies: readonly (Buffer | string)[]): void {
    this.setMedia(name, Buffer.concat(bodies.map((body) => Buffer.from(body))));
    this.wake(nameOf(name));
  }

  text(name: TextName, directives?: PlaylistDirectives): TextAnswer {
    this.asked += 1;
    this.lastDirectives = directives;
    return this.#texts.get(nameOf(name)) ?? { kind: 'unknown' };
  }

  media(name: MediaName): MediaAnswer {
    this.asked += 1;
    return this.#media.get(nameOf(name)) ?? { kind: 'unknown' };
  }

  onReady(listener: (key: string) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  status(): ChannelStatus {
    throw new Error('the origin never asks for the status');
  }
}

export function fakeDirectory(channels: readonly ChannelView[], nowMs = () => 1_795_290_120_123): ChannelDirectory {
  return {
    get: (id) => channels.find((channel) => channel.id === id),
    all: () => channels,
    nowMs,
  };
}
