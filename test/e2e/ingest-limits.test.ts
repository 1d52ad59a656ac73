/** Each limit of the settings file's `rtmp: { limits }`, from the file to the socket where it is felt. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { keptLog } from '../fakes/control-quiet-log.ts';
import { AUDIO, amf0, COMMAND, message, RtmpClient, SET_CHUNK_SIZE, VIDEO } from '../fakes/rtmp-client.ts';
import { startTestService, type TestService, TINY_LADDER, waitFor } from '../rig/service.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const RATE = 400_000;
const folder = mkdtempSync(join(tmpdir(), 'ingest-limits-'));
const log = keptLog();
const clients: RtmpClient[] = [];
let service: TestService;

beforeAll(async () => {
  const limits = {
    messageBytes: 65_536,
    chunkStreams: 4,
    connections: 5,
    connectionsPerAddress: 3,
    names: 1,
    bytesPerSecond: RATE,
    handshakeSeconds: 1,
    idleSeconds: 3,
  };
  const channel = (key: string) => ({ ladder: TINY_LADDER, keys: { primary: key } });
  const channels = { match: channel('a-key-of-match'), other: channel('a-key-of-other') };
  const config = join(folder, 'settings.yaml');
  writeFileSync(config, JSON.stringify({ rtmp: { limits }, channels }));
  service = await startTestService({ config }, {}, { log });
});
afterEach(async () => {
  for (const one of clients.splice(0)) one.destroy();
  await waitFor('no publisher', () =>
    service.directory.all().every((channel) => channel.status().publisher === undefined),
  );
});
afterAll(async () => {
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function client(address?: string): RtmpClient {
  const one = new RtmpClient(service.ports.rtmp, address);
  clients.push(one);
  return one;
}
const publishing = async (name = 'match?key=a-key-of-match') => {
  const one = await client().publish(name);
  expect(one.said('NetStream.Publish.Start')).toBe(true);
  return one;
};
const lastRefusal = () =>
  log.lines
    .map(({ fields }) => fields as { code?: string; reason?: string } | undefined)
    .findLast((fields) => fields?.code === 'PUBLISH_REFUSED')?.reason;

describe('rtmp.limits', () => {
  it('messageBytes: a larger message ends the publisher, one as large does not', async () => {
    const one = await publishing();
    one.send(VIDEO, Buffer.concat([hex('2701000000'), Buffer.alloc(65_531)]), 0, 6, 1);
    one.send(SET_CHUNK_SIZE, hex('00001000'), 0, 2);
    await one.until(() => one.socket.writableLength === 0);
    expect(one.closed).toBe(false);
    one.socket.write(hex('06 000000 010001 09 01000000 27'));
    await one.untilClosed(1_000);
  });

  it('chunkStreams: one more ends the connection', async () => {
    const one = await client().handshake();
    for (const csid of [3, 4, 5, 6]) one.send(COMMAND, amf0('x', 0, null), 0, csid);
    await sleep(100);
    expect(one.closed).toBe(false);
    one.send(COMMAND, amf0('x', 0, null), 0, 7);
    await one.untilClosed(900);
    expect(lastRefusal()).toBe('protocol');
  });

  it('connectionsPerAddress and connections: those beyond are closed at once', async () => {
    const here = Array.from({ length: 4 }, () => client());
    await here[0]?.until(() => here.filter((one) => one.closed).length === 1, 800);
    const there = Array.from({ length: 3 }, () => client('127.0.0.7'));
    await there[0]?.until(() => there.filter((one) => one.closed).length === 1, 800);
    await waitFor('both are told', () => lastRefusal() === 'too-many-connections', 500);
    await Promise.all([...here, ...there].map((one) => one.untilClosed(3_000)));
  });

  it('names: one more publish is refused before Start, and admitted when the name before it is free', async () => {
    const first = await publishing();
    const second = await client().publish('other?key=a-key-of-other');
    expect(second.said('NetStream.Publish.BadName')).toBe(true);
    expect(second.said('NetStream.Publish.Start')).toBe(false);
    await waitFor('it is told', () => lastRefusal() === 'too-many-names', 1_000);
    first.destroy();
    await waitFor('the first is gone', () => service.directory.get('match')?.status().publisher === undefined);
    await publishing('other?key=a-key-of-other');
  });

  it('bytesPerSecond: a faster publisher is read at that rate and stays in', async () => {
    const one = await publishing();
    one.chunkSize = 65_536;
    one.send(SET_CHUNK_SIZE, hex('00010000'), 0, 2);
    const picture = Buffer.concat([hex('2701000000'), Buffer.alloc(50_000)]);
    const seconds = 2;
    const frames = Math.ceil((RATE * (2 + seconds)) / picture.length);
    const fromMs = performance.now();
    for (let i = 0; i < frames; i++) one.socket.write(message(VIDEO, picture, i, 6, 1, 65_536));
    // The reply to a ping comes when everything before it was read.
    const before = one.received.length;
    one.send(4, hex('0006 00000007'), 0, 2);
    await one.until(() => one.received.subarray(before).includes(hex('0007 00000007')), 10_000);
    const takenMs = performance.now() - fromMs;
    expect(takenMs).toBeGreaterThan(seconds * 1000 * 0.9);
    expect(takenMs).toBeLessThan(seconds * 1000 * 2);
    expect(one.closed).toBe(false);
  });

  it('handshakeSeconds: without connect a peer is dropped', async () => {
    const one = await client().handshake();
    const fromMs = performance.now();
    await one.untilClosed(3_000);
    expect(performance.now() - fromMs).toBeGreaterThan(500);
    await waitFor('it is told', () => lastRefusal() === 'timeout', 500);
  });

  it('idleSeconds: a publisher without media is ended and its name is free', async () => {
    const one = await publishing();
    one.send(AUDIO, hex('af001190'), 0, 4, 1);
    const fromMs = performance.now();
    await one.untilClosed(5_000);
    expect(performance.now() - fromMs).toBeGreaterThan(2_500);
    await publishing();
  });
});
