import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, it } from 'vitest';
import { createAccessLog, lifeOf, pathOf } from '../../../src/origin/access-log.ts';
import { parseAddress } from '../../../src/origin/address.ts';

it('a line has these keys in this order, and no query but the directives', () => {
  const lines: string[] = [];
  let nowMs = 1_795_290_120_123;
  const log = createAccessLog({
    nowMs: () => nowMs,
    addressOf: (request) => parseAddress(request.url ?? ''),
    clientOf: () => '192.0.2.7',
    write: (line) => lines.push(line),
  });
  const socket = { bytesWritten: 1000 };
  const url = '/live/match/v720/media.m3u8?token=SECRET&_HLS_part=1&_HLS_msn=5&CMCD=br%3D1';
  const exchange = () => {
    const response = new EventEmitter() as unknown as ServerResponse & { writableFinished: boolean };
    log.begin({ method: 'GET', url, socket } as unknown as IncomingMessage, response);
    return response;
  };
  const answered = exchange();
  nowMs += 250.4;
  log.head(answered, 'hls-blocked', 200, ['Cache-Control', 'public, max-age=12', 'CDN-Cache-Control', 'max-age=12']);
  nowMs += 20;
  socket.bytesWritten = 3500;
  answered.writableFinished = true;
  answered.emit('close');
  expect(lines).toEqual([
    '{"time":"2026-11-21T19:42:00.123Z","method":"GET","path":"/live/match/v720/media.m3u8?_HLS_msn=5&_HLS_part=1",' +
      '"kind":"hls-blocked","status":200,"holdMs":250,"totalMs":270,"bytes":2500,"cache":"12s","client":"192.0.2.7","whole":true}',
  ]);
  const gone = exchange();
  nowMs += 1000;
  gone.writableFinished = false;
  gone.emit('close');
  expect(JSON.parse(lines[1] ?? '')).toMatchObject({
    kind: 'hls-media',
    status: 499,
    holdMs: 1000,
    bytes: 0,
    cache: 'no-store',
    whole: false,
  });
});

it('a path is cut at 512 characters and is one line, whatever is in it', () => {
  const path = `/${'p'.repeat(1000)}?q`;
  expect(pathOf(path, parseAddress(path))).toHaveLength(512);
  const odd = '/live/"\n\\?x=1';
  expect(JSON.stringify({ path: pathOf(odd, parseAddress(odd)) })).toBe('{"path":"/live/\\"\\n\\\\"}');
});

it('the life of an answer in a word', () => {
  expect(lifeOf('public, max-age=86400, immutable')).toBe('immutable');
  expect(lifeOf('public, max-age=1, stale-if-error=6')).toBe('1s');
  expect(lifeOf('no-store')).toBe('no-store');
});
