/**
 * Publish conversations made hostile: messages dropped, doubled, reordered, re-stamped, re-sized and re-typed, AMF edited, then bytes
 * flipped, cut and moved. Pure: the same conversations, seed and number give the same bytes.
 */
import { type AmfValue, amf0, COMMAND, SET_CHUNK_SIZE } from '../fakes/rtmp-client.ts';
import { type Conversation, type RtmpMessage, writeMessages } from './rtmp-conversations.ts';

interface Random {
  /** A whole number from 0 to below `n`. */
  below(n: number): number;
  pick<T>(values: readonly [T, ...T[]]): T;
}

/** mulberry32. */
function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (n: number) => Math.floor(next() * n);
  return { below, pick: (values) => values[below(values.length)] ?? values[0] };
}

/** One hostile session. Every tenth is the honest conversation, so that the way in is still open. */
export function mutate(
  conversations: readonly [Conversation, ...Conversation[]],
  seed: number,
  session: number,
): Buffer {
  const random = seededRandom(Math.imul(seed, 0x9e3779b1) ^ session);
  const { handshake, chunks, messages } = random.pick(conversations);
  if (random.below(10) === 0) return Buffer.concat([handshake, chunks]);
  const edited = [...messages];
  const edits = random.below(4);
  for (let i = 0; i < edits; i++) random.pick(MESSAGE_EDITS)(edited, random);
  let bytes = edits === 0 ? chunks : writeMessages(edited);
  const damages = edits === 0 ? 1 + random.below(3) : random.below(2);
  for (let i = 0; i < damages; i++) bytes = random.pick(BYTE_EDITS)(bytes, random);
  // The handshake is small beside what may follow it; damage there ends most sessions at once.
  const start = random.below(50) === 0 ? random.pick(BYTE_EDITS)(handshake, random) : handshake;
  return Buffer.concat([start, bytes]);
}

const STAMPS = [0, 1, 0xfffffe, 0xffffff, 0x1000000, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff] as const;
const SIZES = [
  0, 1, 2, 127, 128, 4096, 65_535, 65_536, 0xffffff, 0x1000000, 0x7fffffff, 0x80000000, 0xffffffff,
] as const;
const TYPES = [0, 1, 2, 3, 4, 5, 6, 8, 9, 15, 16, 17, 18, 19, 20, 22, 255] as const;
const CHUNK_STREAMS = [2, 3, 4, 5, 6, 7, 20, 63] as const;

type MessageEdit = (messages: RtmpMessage[], random: Random) => void;

const word = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

const control = (type: number, payload: Buffer): RtmpMessage => ({ csid: 2, type, stamp: 0, streamId: 0, payload });

const command = (...values: readonly AmfValue[]): RtmpMessage => ({
  csid: 3,
  type: COMMAND,
  stamp: 0,
  streamId: 1,
  payload: amf0(...values),
});

/** AMF0 that decoders fall over: counts, depths, references, types of their own, strings beyond the end. */
const HOSTILE_AMF: readonly [(random: Random) => Buffer, ...((random: Random) => Buffer)[]] = [
  () => Buffer.from('0affffffff0505', 'hex'),
  () => Buffer.from('08ffffffff0001610500', 'hex'),
  (random) => Buffer.alloc(3 * (1 + random.below(9_000)), Buffer.from('030000', 'hex')),
  (random) => Buffer.alloc(5 * (1 + random.below(2_000)), Buffer.from('0a00000001', 'hex')),
  () => Buffer.from('07ffff', 'hex'),
  () => Buffer.from('0cffffffff41', 'hex'),
  () => Buffer.from('02ffff41', 'hex'),
  () => Buffer.from('100001610001620500000900', 'hex'),
  () => Buffer.from('007ff8000000000000', 'hex'),
  () => Buffer.from('0b42794d6a5c8b00000000', 'hex'),
  () => Buffer.from('11', 'hex'),
  (random) => Buffer.from([random.below(256), random.below(256), random.below(256)]),
];

const MESSAGE_EDITS: readonly [MessageEdit, ...MessageEdit[]] = [
  (messages, random) => void messages.splice(random.below(messages.length), 1 + random.below(3)),
  (messages, random) => {
    const at = random.below(messages.length);
    const one = messages[at];
    if (one === undefined || one.payload.length > 4_000) return;
    messages.splice(at, 0, ...Array.from({ length: random.pick([1, 2, 30]) }, () => one));
  },
  (messages, random) => {
    const [moved] = messages.splice(random.below(messages.length), 1);
    if (moved !== undefined) messages.splice(random.below(messages.length + 1), 0, moved);
  },
  change((one, random) => ({ ...one, type: random.pick(TYPES) })),
  change((one, random) => ({ ...one, stamp: random.pick(STAMPS) })),
  change((one, random) => ({ ...one, stamp: random.below(2 ** 32) })),
  change((one, random) => ({ ...one, csid: random.pick(CHUNK_STREAMS) })),
  change((one, random) => ({ ...one, streamId: random.pick(STAMPS) })),
  change((one, random) => ({ ...one, payload: one.payload.subarray(0, random.below(one.payload.length + 1)) })),
  change((one, random) => ({ ...one, payload: Buffer.concat([one.payload, Buffer.alloc(random.below(70_000))]) })),
  change((one, random) => ({ ...one, payload: flipBits(one.payload, random) })),
  change((one, random) => {
    const at = random.below(one.payload.length + 1);
    const [head, tail] = [one.payload.subarray(0, at), one.payload.subarray(at)];
    return { ...one, payload: Buffer.concat([head, random.pick(HOSTILE_AMF)(random), tail]) };
  }),
  insert((random) => control(SET_CHUNK_SIZE, word(random.pick(SIZES)))),
  insert((random) => control(random.pick([1, 2, 3, 4, 5, 6]), word(random.pick(SIZES)).subarray(0, random.below(5)))),
  insert((random) => control(2, word(random.below(64)))),
  insert((random) => control(4, Buffer.concat([Buffer.from([0, random.below(40)]), word(random.pick(SIZES))]))),
  insert((random) => {
    const name = random.pick([
      'connect',
      'createStream',
      'publish',
      'play',
      'deleteStream',
      'closeStream',
      'pause',
      '',
    ]);
    return command(name, random.below(9), null, random.pick(['x', 'a/b', '../..', 'x'.repeat(3_000)]));
  }),
  insert((random) => ({
    csid: 3,
    type: random.pick([17, 20, 18, 15]),
    stamp: 0,
    streamId: 1,
    payload: random.pick(HOSTILE_AMF)(random),
  })),
];

function change(edit: (one: RtmpMessage, random: Random) => RtmpMessage): MessageEdit {
  return (messages, random) => {
    const at = random.below(messages.length);
    const one = messages[at];
    if (one !== undefined) messages[at] = edit(one, random);
  };
}

function insert(make: (random: Random) => RtmpMessage): MessageEdit {
  return (messages, random) => void messages.splice(random.below(messages.length + 1), 0, make(random));
}

function flipBits(bytes: Buffer, random: Random): Buffer {
  const flipped = Buffer.from(bytes);
  for (let left = 1 + random.below(8); left > 0 && flipped.length > 0; left--) {
    const at = random.below(flipped.length);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << random.below(8));
  }
  return flipped;
}

type ByteEdit = (bytes: Buffer, random: Random) => Buffer;

/** Early bytes decide more than late ones. */
const place = (bytes: Buffer, random: Random) =>
  random.below(random.pick([Math.min(bytes.length, 600), bytes.length]) + 1);

const BYTE_EDITS: readonly [ByteEdit, ...ByteEdit[]] = [
  flipBits,
  (bytes, random) => {
    const at = place(bytes, random);
    return Buffer.concat([
      bytes.subarray(0, at),
      flipBits(bytes.subarray(at, at + 64), random),
      bytes.subarray(at + 64),
    ]);
  },
  (bytes, random) => bytes.subarray(0, place(bytes, random)),
  (bytes, random) => {
    const at = place(bytes, random);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(20))]);
  },
  (bytes, random) => {
    const at = place(bytes, random);
    const noise = Buffer.from(Array.from({ length: 1 + random.below(40) }, () => random.below(256)));
    return Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at)]);
  },
  (bytes, random) => {
    const [from, to] = [place(bytes, random), place(bytes, random)];
    const part = bytes.subarray(from, from + random.below(300));
    return Buffer.concat([bytes.subarray(0, to), part, bytes.subarray(to)]);
  },
  (bytes, random) => {
    const at = place(bytes, random);
    const length = random.pick([1, 3, 4]);
    return Buffer.concat([
      bytes.subarray(0, at),
      word(random.pick(SIZES)).subarray(4 - length),
      bytes.subarray(at + length),
    ]);
  },
];
