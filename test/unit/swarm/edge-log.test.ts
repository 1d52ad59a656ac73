import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { EdgeLog, outcomeOfLine } from '../../../src/swarm/edge-log.ts';

const folder = mkdtempSync(join(tmpdir(), 'pitchside-edge-log-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const CHANNEL = '/live/match/';
const nginx = (cache: string, path = '/live/match/v720/media.m3u8') =>
  `{"time":"2026-11-21T19:42:00+00:00","method":"GET","path":"${path}","status":200,"bytes":900,"seconds":0.001,"cache":"${cache}","client":"127.0.0.1"}`;

test.each([
  [nginx('HIT'), 'hit'],
  [nginx('UPDATING'), 'hit'],
  [nginx('STALE'), 'hit'],
  [nginx('MISS'), 'miss'],
  [nginx('EXPIRED'), 'miss'],
  [nginx('REVALIDATED'), 'miss'],
  // nginx answers /time and preflights itself.
  [nginx('', '/live/match/x'), undefined],
  [nginx('HIT', '/live/other/v720/media.m3u8'), undefined],
  [nginx('MISS', '/held/live/match/v720/media.m3u8'), 'miss'],
  ['hit 200 /live/match/v720/media.m3u8?_HLS_msn=5', 'hit'],
  ['miss 200 /live/match/v720/g1/5.m4s', 'miss'],
  ['pass 200 /live/match/v720/g1/5.m4s', 'miss'],
  ['synth 204 /live/match/v720/g1/5.m4s', undefined],
  ['hit 200 /live/other/v720/g1/5.m4s', undefined],
  ['127.0.0.1 - - [x] "GET /live/match/hit HTTP/1.1" 200', undefined],
])('%s: %s', (line, outcome) => {
  expect(outcomeOfLine(line, CHANNEL)).toBe(outcome);
});

test('counts each line once, when it is whole; nothing of before; a log that was begun anew from its beginning', async () => {
  const file = join(folder, 'access.log');
  writeFileSync(file, `${nginx('HIT')}\n`);
  const log = await EdgeLog.open(file, CHANNEL);
  expect(await log.take()).toEqual({ hits: 0, misses: 0 });
  const [first, rest] = [nginx('MISS').slice(0, 150), nginx('MISS').slice(150)];
  appendFileSync(file, `${nginx('HIT')}\n${nginx('HIT')}\n${first}`);
  expect(await log.take()).toEqual({ hits: 2, misses: 0 });
  expect(await log.take()).toEqual({ hits: 0, misses: 0 });
  appendFileSync(file, `${rest}\n`);
  expect(await log.take()).toEqual({ hits: 0, misses: 1 });
  writeFileSync(file, 'hit 200 /live/match/a.m3u8\n');
  expect(await log.take()).toEqual({ hits: 1, misses: 0 });
  await expect(EdgeLog.open(join(folder, 'none'), CHANNEL)).rejects.toThrow('ENOENT');
});
