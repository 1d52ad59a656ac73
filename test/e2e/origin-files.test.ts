// A stored body that is a stretch of a file: the same answers as from memory, and no descriptor is left, whoever goes when.
import { mkdtempSync, readdirSync, readlinkSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { MediaName } from '../../src/channel/view.ts';
import { contentHash } from '../../src/system/ids.ts';
import type { FileObject } from '../../src/window/model.ts';
import { FakeChannel, storedObject } from '../fakes/channel-view.ts';
import { ask, connect, openTestOrigin, type TestOrigin, until } from './origin-client.ts';

const BODY = Buffer.from(Array.from({ length: 900_000 }, (_, index) => (index * 7) % 251));
const name = (number: number) => ({ kind: 'segment', track: 'v1', gen: 'g1', number }) as const satisfies MediaName;
const url = (number: number) => `/live/match/v1/g1/${number}.m4s`;
const [OF_MEMORY, OF_FILE] = [1, 2];

let folder: string;
let path: string;
let channel: FakeChannel;
let origin: TestOrigin;

function stretch(offset: number, sizeBytes: number): FileObject {
  const etag = `"${contentHash([BODY.subarray(offset, offset + sizeBytes)])}"`;
  return { file: { path, offset, sizeBytes }, etag, contentType: 'video/mp4', publishedMs: 1_795_290_120_123 };
}

/** Descriptors of this process that are files of the test. */
function openFiles(): number {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return '';
    }
  });
  return links.filter((link) => link.startsWith(folder)).length;
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pitchside-files-'));
  path = join(folder, '2.m4s');
  writeFileSync(path, BODY);
  channel = new FakeChannel();
  channel.setMedia(name(OF_MEMORY), { kind: 'ready', object: storedObject(BODY) });
  channel.setMedia(name(OF_FILE), { kind: 'ready', object: stretch(0, BODY.length) });
  origin = await openTestOrigin([channel]);
});

afterEach(async () => {
  await origin.close();
  // Closing a file takes a turn of the thread pool.
  await expect.poll(openFiles).toBe(0);
  rmSync(folder, { recursive: true });
});

it.each([
  ['GET', {}],
  ['HEAD', {}],
  ['GET', { range: 'bytes=300000-599999' }],
  ['GET', { range: 'bytes=-5' }],
  ['GET', { range: 'bytes=900000-' }],
  ['GET', { 'if-none-match': '*' }],
  ['GET', { 'if-match': '"other"' }],
  ['GET', { 'if-range': '"other"', range: 'bytes=0-1' }],
])('%s %j is answered as from memory', async (method, headers) => {
  const [memory, file] = await Promise.all(
    [OF_MEMORY, OF_FILE].map((number) => ask(origin.port, url(number), headers, method)),
  );
  const { date: _one, ...ofMemory } = memory?.headers ?? {};
  const { date: _two, ...ofFile } = file?.headers ?? {};
  expect(file?.status).toBe(memory?.status);
  expect(ofFile).toEqual(ofMemory);
  expect(file?.body.equals(memory?.body ?? Buffer.alloc(0))).toBe(true);
});

it('a part is a stretch of the file of its Segment', async () => {
  channel.setMedia(name(3), { kind: 'ready', object: stretch(1000, 5000) });
  const { body } = await ask(origin.port, url(3), { range: 'bytes=10-19' });
  expect(body.equals(BODY.subarray(1010, 1020))).toBe(true);
});

it('a file that has left since is 410, one that is shorter than it was is cut off and not ended', async () => {
  truncateSync(path, 500_000);
  await expect(ask(origin.port, url(OF_FILE))).rejects.toThrow();
  rmSync(path);
  expect((await ask(origin.port, url(OF_FILE))).status).toBe(410);
});

it('closes the file of a client that goes in the middle, and of one that takes too long', async () => {
  await origin.close();
  origin = await openTestOrigin([channel], { bodyMs: 300 });
  const big = join(folder, 'big');
  writeFileSync(big, Buffer.alloc(30_000_000));
  const object = { ...stretch(0, 1), file: { path: big, offset: 0, sizeBytes: 30_000_000 } };
  channel.setMedia(name(4), { kind: 'ready', object });
  const clients = await Promise.all([connect(origin.port), connect(origin.port)]);
  for (const { socket } of clients) {
    socket.pause();
    socket.write(`GET ${url(4)} HTTP/1.1\r\nHost: x\r\n\r\n`);
  }
  await until(() => openFiles() === 2);
  clients[0]?.socket.destroy();
  await until(() => openFiles() === 1);
  await until(() => openFiles() === 0);
  clients[1]?.socket.destroy();
});

it('a growing Segment ends with bytes of its file when it has left memory meanwhile', async () => {
  const [first, rest] = [BODY.subarray(0, 1000), BODY.subarray(1000)];
  channel.grow(name(5), first);
  const answer = ask(origin.port, url(5));
  await until(() => channel.listeners > 0);
  channel.setMedia(name(5), { kind: 'ready', object: stretch(0, BODY.length) });
  channel.wake('segment/v1/g1/5');
  const { body, headers } = await answer;
  expect(headers['transfer-encoding']).toBe('chunked');
  expect(body.equals(Buffer.concat([first, rest]))).toBe(true);
});
