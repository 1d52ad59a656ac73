/**
 * What node-media-server lets strangers do, and that the gate does not: the real bytes over a socket, against the child process.
 *
 *   known defect of the library                                  test (here, or in the file named)
 *   1  process death: bad tcUrl, no command object, publish      'the RTMP child survives the packet that ...'
 *      without name, unknown AMF type, empty or zero Set Chunk
 *      Size, deep nesting, giant array, zero-length message,
 *      stamps beyond 2^32
 *      ... and a resumed publish at the end of the stamps        ingest-gate: 'a second publish of the same address ...'
 *   2  media of a player, of a second publisher                  'refuses a player ...', 'refuses a second publisher ...'
 *   3  a refusal is a FIN, Start before authorisation            'refuses a wrong key before any Start ...', ingest-gate: 'a refused publisher ...'
 *   4  donePublish 30 s late, shifted stamps on return           'frees the channel within a second ...', ingest-gate: 'a second publish ...'
 *   5  half-open, stalled or silent publishers stay              'drops a peer that is silent ...', 'ends a publisher that stays ...'
 *   6  a slow reader grows the heap                              'holds a publisher ...', 'closes a publisher whose feed ...', 'drops a peer that never reads ...'
 *   7  1 GB from 9 KB of headers, idle connections, slow          'declares a gigabyte ...', 'bounds the connections ...',
 *      handshakes                                                'drops a handshake that comes byte by byte'
 *   8  two publishes on one connection, names kept for ever      'ends a connection that publishes twice ...', ingest-gate: 'no name is kept ...'
 *   9  listen errors end the process, one instance a process     'rejects a port in use ...', 'runs twice in one process'
 *   10 store and signal handlers of its own                      ingest-gate: 'takes no signal, opens no store ...'
 *   11 delta stamps after 49.7 days, desync by empty messages,   'sums stamps beyond 2^32 ...', 'has no bytes ...',
 *      GOP cache, log on stdout                                  ingest-gate: 'keeps no pictures', 'writes nothing ...'
 *   12 E-RTMP packets stored as an audio header                  ingest-gate: 'packets of Enhanced RTMP ...'
 *   Limits of the settings: ingest-limits. Everything else a peer may say: ingest-fuzz.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RefusalReason } from '../../src/ingest/link-messages.ts';
import type { Feed, FeedEnd, RtmpIngest } from '../../src/ingest/model.ts';
import { openRtmpIngest } from '../../src/ingest/rtmp-ingest.ts';
import { systemClock } from '../../src/system/clock.ts';
import { openMetrics } from '../../src/system/metrics.ts';
import { residentMb } from '../bench/process-tree.ts';
import { keptLog } from '../fakes/control-quiet-log.ts';
import { AUDIO, amf0, COMMAND, DATA, message, RtmpClient, SET_CHUNK_SIZE, VIDEO } from '../fakes/rtmp-client.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const KEY = 'match?key=secret';

let ingest: RtmpIngest;
const metrics = openMetrics();
const log = keptLog();
const feeds: Feed[] = [];
const ends = new Map<Feed, FeedEnd>();
const refused: RefusalReason[] = [];
const clients: RtmpClient[] = [];

function client(): RtmpClient {
  const one = new RtmpClient(ingest.port);
  clients.push(one);
  return one;
}

async function childStarts(): Promise<number> {
  return (await metrics.rtmpChildStarts.get()).values[0]?.value ?? 0;
}

function childPid(): number {
  const said = log.lines.findLast(({ message: text }) => text === 'rtmp listening')?.fields as { pid?: number };
  if (said?.pid === undefined) throw new Error('the child did not say that it listens');
  return said.pid;
}

/** A publisher gets in and its tag arrives: the child is alive and the key is free. */
async function expectWorking(): Promise<void> {
  const before = feeds.length;
  const publisher = await client().publish(KEY);
  expect(publisher.said('NetStream.Publish.Start')).toBe(true);
  publisher.send(AUDIO, hex('af001190'), 0, 4, 1);
  await publisher.until(() => (feeds[before]?.statistics().audioTags ?? 0) > 0);
  publisher.destroy();
  await publisher.until(() => ends.has(feeds[before] as Feed), 1_000);
  expect(await childStarts()).toBe(1);
}

beforeAll(async () => {
  ingest = await openRtmpIngest({
    host: '127.0.0.1',
    port: 0,
    keys: [{ channel: 'match', secrets: ['secret'] }],
    limits: {
      handshakeTimeoutMs: 700,
      publishTimeoutMs: 1_500,
      idleTimeoutMs: 1_200,
      fullPipeMs: 1_500,
      maxConnectionsPerAddress: 12,
      guessDelayMs: 20,
    },
    log,
    clock: systemClock(),
    metrics,
    onFeed: (feed) => {
      feeds.push(feed);
      feed.listen({
        onSource: () => undefined,
        onSourceChanged: () => undefined,
        onJump: () => undefined,
        onEnd: (how) => ends.set(feed, how),
      });
    },
    onRefused: (reason) => refused.push(reason),
  });
});

afterAll(async () => {
  for (const one of clients) one.destroy();
  await ingest.close();
});

const connected = async () => {
  const one = await client().handshake();
  one.connect();
  await one.until(() => one.said('NetConnection.Connect.Success'));
  return one;
};
/** An admitted publisher; its Feed is the newest. */
const publishing = async () => {
  const before = feeds.length;
  const one = await client().publish(KEY);
  await one.until(() => feeds.length > before);
  return one;
};
const nested = Buffer.concat([
  amf0('connect', 1),
  Buffer.concat(Array.from({ length: 12_000 }, () => hex('03000161'))),
  hex('05'),
]);

describe('the RTMP child survives the packet that', () => {
  it.each<[string, () => Promise<RtmpClient>, (one: RtmpClient) => void]>([
    ['has a bad tcUrl', () => client().handshake(), (one) => one.command('connect', 1, { app: 'live', tcUrl: '::::' })],
    ['connects without a command object', () => client().handshake(), (one) => one.command('connect', 1)],
    ['publishes without a name', connected, (one) => one.command('publish', 3, null)],
    [
      'has an unknown AMF type',
      () => client().handshake(),
      (one) => one.send(COMMAND, Buffer.concat([amf0('connect', 1), hex('7f00')])),
    ],
    [
      'is an empty Set Chunk Size (RTMP 5.4.1)',
      () => client().handshake(),
      (one) => one.send(SET_CHUNK_SIZE, Buffer.alloc(0), 0, 2).send(COMMAND, Buffer.from([0x7f])),
    ],
    [
      'sets the chunk size to zero (RTMP 5.4.1)',
      () => client().handshake(),
      (one) => one.send(SET_CHUNK_SIZE, hex('00000000'), 0, 2),
    ],
    [
      'sets the chunk size beyond 31 bits (RTMP 5.4.1)',
      () => client().handshake(),
      (one) => one.send(SET_CHUNK_SIZE, hex('80000000'), 0, 2),
    ],
    ['nests AMF deeply', () => client().handshake(), (one) => one.send(COMMAND, nested)],
    [
      'counts 2^32-1 array elements',
      () => client().handshake(),
      (one) => one.send(COMMAND, Buffer.concat([amf0('connect', 1), hex('0affffffff0505')])),
    ],
    [
      'begins a message within a message',
      () => client().handshake(),
      (one) =>
        one.socket.write(
          Buffer.concat([
            message(COMMAND, Buffer.alloc(200), 0, 3, 0, 128).subarray(0, 140),
            hex('43 000000 000064 14'),
          ]),
        ),
    ],
    ['declares 16 MB', () => client().handshake(), (one) => one.socket.write(hex('03 000000 ffffff 14 00000000 00'))],
    ['declares media before a publish', connected, (one) => one.socket.write(hex('04 000000 ffffff 09 00000000 00'))],
  ])('%s', async (_name, prepare, attack) => {
    const one = await prepare();
    const before = refused.length;
    attack(one);
    await one.untilClosed(3_000);
    await one.until(() => refused.length > before);
    // Not a timeout: the packet itself was recognised.
    expect(refused.at(-1)).toBe('protocol');
    await expectWorking();
  });

  it('opens 64 chunk streams', async () => {
    const one = await client().handshake();
    for (let csid = 3; csid < 60; csid++)
      one.socket.write(Buffer.concat([Buffer.from([csid]), hex('000000 00ff00 14 00000000'), Buffer.alloc(128)]));
    await one.untilClosed();
    await expectWorking();
  });

  it.each<[string, () => Promise<RtmpClient>, number]>([
    ['a stranger', () => client().handshake(), COMMAND],
    ['a publisher', () => publishing(), VIDEO],
  ])('declares a gigabyte in 9 kB of headers, as %s', async (_who, prepare, type) => {
    const before = residentMb(childPid());
    let most = before;
    const attackers = await Promise.all(type === VIDEO ? [prepare()] : Array.from({ length: 8 }, prepare));
    for (const one of attackers)
      for (let csid = 64; csid < 128; csid++)
        one.socket.write(
          Buffer.concat([
            Buffer.from([0, csid - 64]),
            hex('000000 ffffff'),
            Buffer.from([type]),
            hex('01000000'),
            Buffer.alloc(128),
          ]),
        );
    const isOver = () => {
      most = Math.max(most, residentMb(childPid()));
      return attackers.every((one) => one.closed);
    };
    await attackers[0]?.until(isOver, 3_000);
    // Garbage of earlier tests may come and go; the attack is 1075 MB a connection.
    expect(most - before).toBeLessThan(48);
    await expectWorking();
  });

  it('has no bytes and an extended timestamp', async () => {
    const one = await publishing();
    one.send(VIDEO, Buffer.alloc(0), 0x1000000, 6, 1).send(AUDIO, hex('af001190'), 0, 4, 1);
    const feed = feeds.at(-1);
    await one.until(() => (feed?.statistics().audioTags ?? 0) > 0);
    expect(feed?.statistics().videoTags).toBe(0);
    one.destroy();
  });

  it('sums stamps beyond 2^32, which wrap (RTMP 5.3.1.3)', async () => {
    const one = await publishing();
    const feed = feeds.at(-1) as Feed;
    one.send(AUDIO, hex('af0121'), 0xfffffff0, 4, 1);
    one.socket.write(hex('44 000020 000003 08 af0121'));
    one.socket.write(hex('c4 af0121'));
    await one.until(() => feed.statistics().audioTags === 3);
    one.destroy();
  });

  it('is metadata that cannot be read, and the publish goes on', async () => {
    const one = await publishing();
    one.send(DATA, Buffer.concat([amf0('@setDataFrame', 'onMetaData'), hex('030001617f')]), 0, 5, 1);
    one.send(AUDIO, hex('af001190'), 0, 4, 1);
    const feed = feeds.at(-1) as Feed;
    await one.until(() => feed.statistics().audioTags === 1);
    one.destroy();
  });
});

describe('the gate', () => {
  it('refuses a wrong key before any Start, destroys the socket and keeps nothing', async () => {
    const one = await client().publish('match?key=wrong');
    expect(one.said('NetStream.Publish.Unauthorized')).toBe(true);
    expect(one.said('NetStream.Publish.Start')).toBe(false);
    one.send(VIDEO, hex('1700000000'), 0, 6, 1);
    await one.untilClosed(1_000);
    expect(refused.at(-1)).toBe('wrong-key');
  });

  it('refuses an unknown application at connect', async () => {
    const one = await client().handshake();
    one.connect('vod');
    await one.untilClosed(1_000);
    expect(one.said('NetConnection.Connect.Rejected')).toBe(true);
    expect(refused.at(-1)).toBe('unknown-application');
  });

  it('refuses a player before any Start, and its media reach nobody', async () => {
    const publisher = await publishing();
    const feed = feeds.at(-1) as Feed;
    const player = await connected();
    player.send(COMMAND, amf0('play', 4, null, KEY), 0, 3, 1).send(VIDEO, hex('1701000000aa'), 0, 6, 1);
    await player.untilClosed(1_000);
    expect(player.said('NetStream.Play.Start')).toBe(false);
    expect(refused.at(-1)).toBe('player');
    publisher.send(AUDIO, hex('af001190'), 0, 4, 1);
    await publisher.until(() => feed.statistics().audioTags === 1);
    expect(feed.statistics().videoTags).toBe(0);
    publisher.destroy();
    await publisher.until(() => ends.has(feed));
  });

  it('refuses a second publisher with BadName, takes none of its media, and leaves the first alone', async () => {
    const first = await publishing();
    const feed = feeds.at(-1) as Feed;
    const second = await client().publish(KEY);
    expect(second.said('NetStream.Publish.BadName')).toBe(true);
    expect(second.said('NetStream.Publish.Start')).toBe(false);
    second.send(VIDEO, hex('1701000000aa'), 0, 6, 1);
    await second.untilClosed(1_000);
    first.send(AUDIO, hex('af001190'), 0, 4, 1);
    await first.until(() => feed.statistics().audioTags === 1);
    expect(feed.statistics().videoTags).toBe(0);
    expect(feeds.at(-1)).toBe(feed);
    first.destroy();
    await first.until(() => ends.has(feed));
  });

  it('frees the channel within a second of a publisher that vanished, and admits the bare secret', async () => {
    const first = await publishing();
    first.socket.resetAndDestroy();
    const feed = feeds.at(-1) as Feed;
    await first.until(() => ends.get(feed) === 'publisher-gone', 1_000);
    const again = await client().publish('secret');
    expect(again.said('NetStream.Publish.Start')).toBe(true);
    await again.until(() => feeds.at(-1) !== feed);
    const next = feeds.at(-1) as Feed;
    expect(next.identity.channel).toBe('match');
    again.destroy();
    await again.until(() => ends.has(next));
  });

  it('lets a publisher that says deleteStream close first: its channel is free at once, its socket 5 s later at most', async () => {
    const one = await publishing();
    const feed = feeds.at(-1) as Feed;
    one.command('deleteStream', 4, null, 1);
    await one.until(() => ends.get(feed) === 'publisher-gone', 1_000);
    await sleep(1_000);
    expect(one.closed).toBe(false);
    const next = await publishing();
    next.destroy();
    await one.untilClosed(5_000);
  });

  it('drops a peer that is silent, one that stays unpublished, and a publisher without media', async () => {
    const silent = client();
    const unpublished = await connected();
    const idle = await publishing();
    await Promise.all([silent.untilClosed(3_000), unpublished.untilClosed(3_000), idle.untilClosed(3_000)]);
    await idle.until(() => ends.get(feeds.at(-1) as Feed) === 'idle');
  });

  it('drops another protocol at its first byte', async () => {
    const one = client();
    one.socket.write('GET / HTTP/1.1\r\n\r\n');
    await one.untilClosed(500);
  });

  it('bounds the connections of one address', async () => {
    const many = Array.from({ length: 20 }, () => client());
    await many[0]?.until(() => many.filter((one) => one.closed).length >= 8, 600);
    expect(refused).toContain('too-many-connections');
    await Promise.all(many.map((one) => one.untilClosed(3_000)));
    await expectWorking();
  });

  it("closes a publish at the service's word", async () => {
    const one = await publishing();
    const feed = feeds.at(-1) as Feed;
    feed.close('test');
    await one.untilClosed(1_000);
    expect(ends.get(feed)).toBe('closed');
    await expectWorking();
  });

  it('takes new keys at once, and leaves publishers in', async () => {
    const one = await publishing();
    ingest.setKeys([{ channel: 'match', secrets: ['other'] }]);
    const two = await client().publish(KEY);
    expect(two.said('NetStream.Publish.Unauthorized')).toBe(true);
    expect(one.closed).toBe(false);
    one.destroy();
    ingest.setKeys([{ channel: 'match', secrets: ['secret'] }]);
    await one.until(() => ends.has(feeds.at(-1) as Feed));
    await expectWorking();
  });

  it('holds a publisher whose feed is not taken, and lets it go on afterwards', async () => {
    const one = await publishing();
    const feed = feeds.at(-1) as Feed;
    one.chunkSize = 65_536;
    one.send(SET_CHUNK_SIZE, hex('00010000'), 0, 2);
    feed.setFlow(false);
    const picture = Buffer.concat([hex('2701000000'), Buffer.alloc(60_000)]);
    for (let i = 0; i < 200; i++) one.send(VIDEO, picture, i, 6, 1);
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(one.socket.writableLength).toBeGreaterThan(1_000_000);
    feed.setFlow(true);
    await one.until(() => feed.statistics().videoTags === 200);
    one.destroy();
    await one.until(() => ends.has(feed));
  });

  it('closes a publisher whose feed is not taken for too long, with a reason', async () => {
    const one = await publishing();
    const feed = feeds.at(-1) as Feed;
    feed.setFlow(false);
    const picture = Buffer.concat([hex('2701000000'), Buffer.alloc(60_000)]);
    for (let i = 0; i < 100; i++) one.send(VIDEO, picture, i, 6, 1);
    await one.untilClosed(4_000);
    await one.until(() => ends.get(feed) === 'closed', 1_500);
    await expectWorking();
  });

  it('ends a connection that publishes twice, and the channel is free', async () => {
    const one = await publishing();
    const feed = feeds.at(-1) as Feed;
    one.send(COMMAND, amf0('publish', 4, null, 'other?key=secret', 'live'), 0, 3, 1);
    await one.untilClosed(1_000);
    await one.until(() => ends.get(feed) === 'protocol');
    await expectWorking();
  });

  it('ends a publisher that stays but stops sending, although it answers and talks, and the channel is free', async () => {
    const one = await publishing();
    const feed = feeds.at(-1) as Feed;
    one.send(AUDIO, hex('af001190'), 0, 4, 1);
    const talk = setInterval(() => {
      one.send(DATA, amf0('@setDataFrame', 'onMetaData', { a: 1 }), 0, 5, 1).send(VIDEO, Buffer.alloc(0), 0, 6, 1);
    }, 50);
    try {
      await one.untilClosed(3_000);
    } finally {
      clearInterval(talk);
    }
    expect(ends.get(feed)).toBe('idle');
    await expectWorking();
  });

  it('drops a handshake that comes byte by byte', async () => {
    const one = client();
    one.socket.write(Buffer.from([3]));
    const drip = setInterval(() => one.socket.write(Buffer.from([0])), 50);
    try {
      await one.untilClosed(2_000);
    } finally {
      clearInterval(drip);
    }
    expect(refused.at(-1)).toBe('timeout');
  });

  it('drops a stranger that says too much before it publishes', async () => {
    const one = await connected();
    const chatter = message(COMMAND, amf0('getStreamLength', 4, null, 'x'.repeat(30_000)), 0, 3, 0, 128);
    for (let i = 0; i < 12; i++) one.socket.write(chatter);
    await one.untilClosed(1_000);
    expect(refused.at(-1)).toBe('protocol');
  });

  it('drops a peer that never reads its replies', async () => {
    const one = await publishing();
    const feed = feeds.at(-1) as Feed;
    one.socket.pause();
    // RTMP 7.1.7: each ping request of 18 bytes asks for a reply of 18.
    const pings = Buffer.concat([
      ...Array.from({ length: 3_600 }, () => message(4, hex('0006 00000000'), 0, 2, 0, 128)),
      // It is not idle meanwhile.
      message(AUDIO, hex('af001190'), 0, 4, 1, 128),
    ]);
    const isOver = () => {
      if (one.socket.writableLength < 1_000_000) one.socket.write(pings);
      return ends.has(feed);
    };
    await one.until(isOver, 20_000);
    expect(ends.get(feed)).toBe('protocol');
    one.destroy();
    await expectWorking();
  });

  it('makes an address wait that has a wrong key behind it, and no other one', async () => {
    const own = await openIngest(0, 600);
    try {
      const shake = async (address: string) => {
        const from = performance.now();
        const one = await new RtmpClient(own.port, address).handshake();
        one.destroy();
        return performance.now() - from;
      };
      const guesser = await new RtmpClient(own.port, '127.0.0.9').publish('match?key=guessed');
      await guesser.untilClosed(1_000);
      const [elsewhere, there] = await Promise.all([shake('127.0.0.8'), shake('127.0.0.9')]);
      expect(there).toBeGreaterThan(580);
      expect(elsewhere).toBeLessThan(500);
    } finally {
      await own.close();
    }
  });

  it('rejects a port in use with what to do, and the process lives on', async () => {
    await expect(openIngest(ingest.port)).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      hint: expect.stringContaining('--rtmp-port'),
    });
    await expectWorking();
  });

  it('runs twice in one process', async () => {
    const second = await openIngest(0);
    try {
      const there = await new RtmpClient(second.port).publish(KEY);
      expect(there.said('NetStream.Publish.Start')).toBe(true);
      const here = await publishing();
      expect(here.said('NetStream.Publish.Start')).toBe(true);
      for (const one of [there, here]) one.destroy();
      await here.until(() => ends.has(feeds.at(-1) as Feed));
    } finally {
      await second.close();
    }
    await expectWorking();
  });

  it('has shown no secret, right or wrong, in a log line, to the child or to the system', async () => {
    const words = ['a-guessed-word', 'secret-of-the-other'];
    const one = await client().publish(`match?key=${words[0]}`);
    ingest.setKeys([{ channel: 'match', secrets: ['secret', words[1] ?? ''] }]);
    const two = await client().publish(`match?key=${words[1]}`);
    expect(two.said('NetStream.Publish.Start')).toBe(true);
    await sleep(100);
    const pid = childPid();
    const seen = [
      JSON.stringify(log.lines),
      readFileSync(`/proc/${pid}/cmdline`, 'utf8'),
      readFileSync(`/proc/${pid}/environ`, 'utf8'),
      one.received.toString('latin1'),
      two.received.toString('latin1'),
    ].join('\n');
    expect(seen).toContain('PUBLISH_REFUSED');
    for (const word of words) expect(seen).not.toContain(word);
    two.destroy();
  });
});

function openIngest(port: number, guessDelayMs = 0): Promise<RtmpIngest> {
  return openRtmpIngest({
    host: '127.0.0.1',
    port,
    keys: [{ channel: 'match', secrets: ['secret'] }],
    limits: { guessDelayMs },
    log: keptLog(),
    clock: systemClock(),
    metrics: openMetrics(),
    onFeed: () => undefined,
    onRefused: () => undefined,
  });
}
