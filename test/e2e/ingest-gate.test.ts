/**
 * The gate in this process, over real sockets: what the library inside it holds, which nobody can see from outside the child.
 * The table of defects is in ingest-hostile.test.ts.
 */
import Context from 'node-media-server/src/core/context.js';
import { afterAll, beforeEach, expect, it, vi } from 'vitest';
import { Gate } from '../../src/ingest/child/gate.ts';
import { tameLibrary } from '../../src/ingest/child/library.ts';
import { DEFAULT_RTMP_LIMITS } from '../../src/ingest/child/limits.ts';
import type { PublishTag } from '../../src/ingest/child/publisher-session.ts';
import { hashKeys } from '../../src/ingest/stream-keys.ts';
import { systemClock } from '../../src/system/clock.ts';
import { AUDIO, amf0, COMMAND, RtmpClient, VIDEO } from '../fakes/rtmp-client.ts';
import { obsConversation } from '../rig/rtmp-conversations.ts';
import { mutate } from '../rig/rtmp-mutations.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const SECRET = 'a-secret-nobody-shows';
const KEY = `match?key=${SECRET}`;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const signalsBefore = SIGNALS.map((signal) => process.listenerCount(signal));

interface Cached {
  readonly flvAudioHeader: Buffer | null;
  readonly flvVideoHeader: Buffer | null;
  readonly flvGopCache: Set<Buffer> | null;
  readonly rtmpGopCache: Set<Buffer> | null;
}

const tags: PublishTag[] = [];
const ended: string[] = [];
let begun = 0;
let refusals = 0;
const clients: RtmpClient[] = [];
tameLibrary();
const clock = systemClock();
const gate = new Gate(
  {
    onBegin: ({ session }) => {
      begun += 1;
      session.resume();
    },
    // The bytes are the library's; it uses them again.
    onTag: (_id, tag) => tags.push({ ...tag, body: Buffer.from(tag.body) }),
    onEnd: (_id, reason) => ended.push(reason),
    onRefused: () => {
      refusals += 1;
    },
  },
  { ...DEFAULT_RTMP_LIMITS, maxConnectionsPerAddress: 128, guessDelayMs: 0 },
  clock,
);
gate.setKeys(hashKeys([{ channel: 'match', secrets: [SECRET] }], 'salt'));
const port = await gate.listen('127.0.0.1', 0);

const client = () => {
  const one = new RtmpClient(port);
  clients.push(one);
  return one;
};
const publishing = async () => {
  const before = begun;
  const one = await client().publish(KEY);
  await one.until(() => begun > before);
  return one;
};
const leave = async (one: RtmpClient) => {
  const before = ended.length;
  one.destroy();
  await one.until(() => ended.length > before);
};
const cached = () => Context.broadcasts.get('/live/match') as Cached | undefined;

beforeEach(() => {
  tags.length = 0;
});
afterAll(() => {
  for (const one of clients) one.destroy();
});

it('no name is kept of the refused, the players, the lost and those that went', async () => {
  const names = Array.from(
    { length: 120 },
    (_, i) => [`n${i}?key=x`, `../${i}`, `m${i}`, `match?key=${i}`][i % 4] ?? '',
  );
  const before = refusals;
  for (let at = 0; at < names.length; at += 20) {
    const some = names.slice(at, at + 20).map(async (name, i) => {
      const one = await client().handshake();
      one.connect().command('createStream', 2, null);
      one.send(COMMAND, amf0(i % 5 === 0 ? 'play' : 'publish', 3, null, name, 'live'), 0, 3, 1);
      await one.untilClosed();
    });
    await Promise.all(some);
  }
  expect(refusals - before).toBe(names.length);
  for (let i = 0; i < 20; i++) await leave(await publishing());
  expect(Context.broadcasts.size).toBe(0);
  expect(Context.sessions.size).toBe(0);
});

it('no name is kept after 400 mutated publish conversations (seed 1), and the way in is open', async () => {
  const conversation = obsConversation('live', KEY);
  let next = 0;
  const lane = async () => {
    while (next < 400) {
      const one = client();
      one.socket.end(mutate([conversation], 1, next++));
      await one.untilClosed(5_000);
    }
  };
  const before = begun;
  await Promise.all([lane(), lane(), lane(), lane()]);
  expect(begun - before).toBeGreaterThan(40);
  expect(ended.length).toBe(begun);
  expect(Context.broadcasts.size).toBe(0);
  expect(Context.sessions.size).toBe(0);
  await leave(await publishing());
});

it('a refused publisher that goes on sending reaches nobody', async () => {
  const first = await publishing();
  const second = client();
  // It takes the FIN for nothing.
  second.socket.allowHalfOpen = true;
  await second.publish(KEY);
  expect(second.said('NetStream.Publish.BadName')).toBe(true);
  const keepOn = setInterval(() => second.send(VIDEO, hex('1701000000aa'), 1, 6, 1), 10);
  try {
    await second.untilClosed(1_000);
  } finally {
    clearInterval(keepOn);
  }
  first.send(AUDIO, hex('af001190'), 7, 4, 1);
  await first.until(() => tags.length > 0);
  expect(tags.map(({ kind, stamp }) => [kind, stamp])).toEqual([[AUDIO, 7]]);
  await leave(first);
});

it('a second publish of the same address has its own stamps, also at their end (RTMP 5.3.1.3)', async () => {
  for (let i = 0; i < 2; i++) {
    const one = await publishing();
    one.send(AUDIO, hex('af001190'), 0xfffffff0, 4, 1).send(VIDEO, hex('1701000000aa'), 0xfffffff8, 6, 1);
    await one.until(() => tags.length === 2 * (i + 1));
    await leave(one);
  }
  expect(tags.map(({ stamp }) => stamp)).toEqual([0xfffffff0, 0xfffffff8, 0xfffffff0, 0xfffffff8]);
});

it('packets of Enhanced RTMP are handed on and never stored as the audio header', async () => {
  const one = await publishing();
  const audioHeader = hex('af001190');
  const enhanced = ['90 61766331 01', '95 61766331', '97 0000', '96 00', '92 68766331 000000', '94 4f707573', '9f'].map(
    hex,
  );
  one.send(AUDIO, audioHeader, 0, 4, 1);
  for (const body of enhanced) one.send(VIDEO, body, 0, 6, 1).send(AUDIO, body, 0, 4, 1);
  await one.until(() => tags.length === 1 + 2 * enhanced.length);
  expect(cached()?.flvAudioHeader?.subarray(11, 15)).toEqual(audioHeader);
  expect(cached()?.flvVideoHeader).toBeNull();
  await leave(one);
});

it('keeps no pictures', async () => {
  const one = await publishing();
  for (let i = 0; i < 10; i++) one.send(VIDEO, hex(i === 0 ? '1701000000aa' : '2701000000aa'), i, 6, 1);
  await one.until(() => tags.length === 10);
  expect(cached()?.flvGopCache ?? null).toBeNull();
  expect(cached()?.rtmpGopCache ?? null).toBeNull();
  await leave(one);
});

it('writes nothing to stdout or stderr, not even what strangers say', async () => {
  const written: string[] = [];
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(String(text)) > 0),
    ...(['log', 'info', 'warn', 'error', 'debug'] as const).map((name) =>
      vi.spyOn(console, name).mockImplementation((...texts) => void written.push(texts.join(' '))),
    ),
  ];
  try {
    await leave(await publishing());
    const refused = await client().publish(`no/such name?key=${SECRET}x`);
    refused.command('unknownCommand', 9, SECRET);
    await refused.untilClosed();
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  expect(written).toEqual([]);
});

it('takes no signal, opens no store and keeps no configuration of the library', () => {
  expect(SIGNALS.map((signal) => process.listenerCount(signal))).toEqual(signalsBefore);
  expect((Context as { store?: unknown }).store ?? null).toBeNull();
  expect(Context.config).toEqual({});
});
