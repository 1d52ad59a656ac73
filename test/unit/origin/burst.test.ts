import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { Burst } from '../../../src/origin/burst.ts';

const FIELDS = ['Content-Type', 'video/mp4', 'Content-Length', '5'];
const BODY = Buffer.from('media');

/** One request of a connection that keeps what is written to it. */
function exchange({ method = 'GET', version = '1.1', keepAlive = true } = {}) {
  const written: Buffer[] = [];
  const socket = new Socket();
  socket.write = (bytes: unknown) => {
    written.push(Buffer.isBuffer(bytes) ? bytes : Buffer.from(String(bytes), 'latin1'));
    return true;
  };
  const request = new IncomingMessage(socket);
  request.method = method;
  request.httpVersion = version;
  const response = new ServerResponse(request);
  response.shouldKeepAlive = keepAlive;
  response.assignSocket(socket);
  return { request, response, written, text: () => Buffer.concat(written).toString('latin1') };
}

let burst: Burst;
let first: ReturnType<typeof exchange>;
const repeat = (to: ReturnType<typeof exchange>, status = 200, fields = FIELDS, body = BODY) =>
  burst.repeat(to.request, to.response, status, fields, body) !== undefined;

beforeEach(() => {
  burst = new Burst();
  first = exchange();
  first.response.writeHead(200, FIELDS);
  burst.note(first.request, first.response, 'part', FIELDS, BODY);
  first.response.end(BODY);
});

describe('a burst', () => {
  it('writes head and body once, from one buffer for all, as node:http wrote them for the first', async () => {
    const [second, third] = [exchange(), exchange()];
    expect(repeat(second)).toBe(true);
    expect(repeat(third)).toBe(true);
    expect(second.text()).toBe(first.text());
    expect(second.text()).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\nDate: [\s\S]*\r\n\r\nmedia$/);
    expect(second.written.filter(({ length }) => length > 0)).toHaveLength(1);
    expect(third.written[0]).toBe(second.written[0]);
  });

  it('ends the response for node:http: it is sent, ended and finished', async () => {
    const second = exchange();
    const finished = new Promise((resolve) => second.response.once('finish', resolve));
    repeat(second);
    await finished;
    expect([second.response.headersSent, second.response.writableEnded]).toEqual([true, true]);
    expect(second.response.statusCode).toBe(200);
  });

  it.each([
    ['other fields', () => repeat(exchange(), 200, [...FIELDS])],
    ['another body', () => repeat(exchange(), 200, FIELDS, Buffer.from('media'))],
    ['another status', () => repeat(exchange(), 206)],
    ['HEAD', () => repeat(exchange({ method: 'HEAD' }))],
    ['HTTP/1.0', () => repeat(exchange({ version: '1.0' }))],
    ['a connection that is to be closed', () => repeat(exchange({ keepAlive: false }))],
  ])('does not write for %s', (_what, asked) => {
    expect(asked()).toBe(false);
  });

  it('does not write for a pipelined response whose turn has not come', () => {
    const queued = exchange();
    queued.response.detachSocket(queued.request.socket);
    expect(repeat(queued)).toBe(false);
    expect(queued.text()).toBe('');
  });

  it('does not copy a body above 1 MB', () => {
    const big = Buffer.alloc(1024 * 1024 + 1);
    burst.note(first.request, first.response, 'part', FIELDS, big);
    expect(repeat(exchange(), 200, FIELDS, big)).toBe(false);
  });

  it('does not write for a response that was begun', () => {
    const begun = exchange();
    begun.response.writeHead(503);
    expect(repeat(begun)).toBe(false);
  });

  it('keeps no bytes beyond its turn: an echo that is held goes for nobody then', async () => {
    const [one, two, third] = [exchange(), exchange(), exchange()];
    one.response.writeHead(200, FIELDS);
    const echo = burst.note(one.request, one.response, 'part', FIELDS, BODY);
    expect(echo?.write(two.response)).toBe(true);
    await nextTurn();
    expect(echo?.write(third.response)).toBe(false);
    expect(third.text()).toBe('');
  });

  it('is over with its turn of the event loop', async () => {
    await nextTurn();
    expect(repeat(exchange())).toBe(false);
  });

  it.each([{ method: 'HEAD' }, { version: '1.0' }, { keepAlive: false }])('does not begin with %o', async (unlike) => {
    await nextTurn();
    const { request, response } = exchange(unlike);
    response.writeHead(200, FIELDS);
    burst.note(request, response, 'part', FIELDS, BODY);
    expect(repeat(exchange())).toBe(false);
  });
});
