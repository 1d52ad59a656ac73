import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { beforeEach, describe, expect, it } from 'vitest';
import { HeldTags } from '../../../src/ingest/child/held-tags.ts';
import { DEFAULT_RTMP_LIMITS } from '../../../src/ingest/child/limits.ts';
import { PublishPipe } from '../../../src/ingest/child/publish-pipe.ts';
import type { PublisherSession } from '../../../src/ingest/child/publisher-session.ts';
import { FrameReader, type MediaFrame } from '../../../src/ingest/media-frames.ts';
import { ManualClock } from '../../fakes/manual-clock.ts';

/** Takes so many bytes before it is full; `take` empties it. */
class SlowSocket extends EventEmitter {
  readonly stamps: number[] = [];
  writableNeedDrain = false;
  destroyed = false;
  ended = false;
  readonly #room: number;
  readonly #reader = new FrameReader(1e6);
  #filled = 0;

  constructor(room = Number.POSITIVE_INFINITY) {
    super();
    this.#room = room;
  }

  cork(): void {}
  uncork(): void {}
  write(bytes: Buffer): boolean {
    this.#filled += bytes.length;
    for (const { stamp } of this.#reader.push(bytes)) this.stamps.push(stamp);
    this.writableNeedDrain = this.#filled >= this.#room;
    return !this.writableNeedDrain;
  }
  end(): void {
    this.ended = true;
  }
  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit('close');
  }
  take(): void {
    this.#filled = 0;
    this.writableNeedDrain = false;
    this.emit('drain');
  }
}

let clock: ManualClock;
let session: { paused: boolean; closed: string | undefined };
const asSession = () =>
  ({
    pause: () => {
      session.paused = true;
    },
    resume: () => {
      session.paused = false;
    },
    close: (reason: string) => {
      session.closed = reason;
    },
  }) as unknown as PublisherSession;
const tag = (stamp: number, keyframe = stamp % 10 === 0): MediaFrame => ({
  kind: 9,
  stamp,
  arrivalUs: stamp * 40_000,
  body: Buffer.concat([Buffer.from([keyframe ? 0x17 : 0x27, 1, 0, 0, 0]), Buffer.alloc(995)]),
});
const pipeOf = (held?: HeldTags, isServed?: boolean) =>
  new PublishPipe(asSession(), DEFAULT_RTMP_LIMITS, clock, held, isServed);
const attach = (pipe: PublishPipe, socket: SlowSocket, onGone = () => {}) =>
  pipe.attach(socket as unknown as Socket, onGone);
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

beforeEach(() => {
  clock = new ManualClock();
  session = { paused: false, closed: undefined };
});

describe('a pipe without held tags', () => {
  it('holds the publisher until the service is there, and gives up after 5 s', () => {
    const pipe = pipeOf();
    expect(session.paused).toBe(true);
    pipe.push(tag(0));
    const socket = new SlowSocket();
    attach(pipe, socket);
    expect([socket.stamps, session.paused]).toEqual([[0], false]);
    pipeOf();
    clock.advance(5_000);
    expect(session.closed).toBe('slow-consumer');
  });
});

describe('a pipe with held tags', () => {
  it('never holds the publisher while there is no service; each service gets all that is held, then what comes', () => {
    const pipe = pipeOf(new HeldTags(), false);
    for (const stamp of range(0, 20)) pipe.push(tag(stamp));
    clock.advance(60_000);
    expect(session).toEqual({ paused: false, closed: undefined });
    const first = new SlowSocket();
    attach(pipe, first);
    pipe.push(tag(20));
    expect(first.stamps).toEqual(range(0, 21));
    pipe.forgetService();
    expect(first.destroyed).toBe(true);
    pipe.push(tag(21));
    const second = new SlowSocket();
    attach(pipe, second);
    pipe.push(tag(22));
    expect(second.stamps).toEqual(range(0, 23));
  });

  it('sends what is held as fast as it is taken, in order, without holding the publisher back', () => {
    const pipe = pipeOf(new HeldTags());
    for (const stamp of range(0, 30)) pipe.push(tag(stamp));
    const socket = new SlowSocket(3_000);
    attach(pipe, socket);
    expect(socket.stamps).toEqual([0, 1, 2]);
    for (const stamp of range(30, 40)) pipe.push(tag(stamp));
    expect([socket.stamps.length, session.paused]).toEqual([3, false]);
    for (let i = 0; i < 20; i++) {
      clock.advance(4_000);
      socket.take();
    }
    expect(socket.stamps).toEqual(range(0, 40));
    expect(session).toEqual({ paused: false, closed: undefined });
  });

  it('holds the publisher back again once it has caught up: a full pipe for 5 s ends the publish', () => {
    const pipe = pipeOf(new HeldTags());
    const socket = new SlowSocket(3_000);
    attach(pipe, socket);
    for (const stamp of range(0, 3)) pipe.push(tag(stamp));
    expect(session.paused).toBe(true);
    socket.take();
    expect(session.paused).toBe(false);
    for (const stamp of range(3, 6)) pipe.push(tag(stamp));
    clock.advance(4_999);
    expect(session.closed).toBeUndefined();
    clock.advance(1);
    expect(session.closed).toBe('slow-consumer');
  });

  it('gives up a service that takes nothing of what is held for 12 s', () => {
    const pipe = pipeOf(new HeldTags());
    for (const stamp of range(0, 30)) pipe.push(tag(stamp));
    attach(pipe, new SlowSocket(3_000));
    clock.advance(11_999);
    expect(session.closed).toBeUndefined();
    clock.advance(1);
    expect(session.closed).toBe('slow-consumer');
  });

  it('tells when the connection closes, not when it was told to', () => {
    const pipe = pipeOf(new HeldTags());
    let gone = 0;
    const one = new SlowSocket();
    attach(pipe, one, () => gone++);
    one.destroy();
    expect([gone, pipe.isAttached]).toEqual([1, false]);
    const two = new SlowSocket();
    attach(pipe, two, () => gone++);
    pipe.forgetService();
    expect(gone).toBe(1);
  });

  it('writes what waits before it ends', () => {
    const pipe = pipeOf(new HeldTags());
    for (const stamp of range(0, 30)) pipe.push(tag(stamp));
    const socket = new SlowSocket(3_000);
    attach(pipe, socket);
    pipe.end();
    expect([socket.stamps, socket.ended]).toEqual([range(0, 30), true]);
  });
});
