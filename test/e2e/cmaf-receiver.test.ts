import { request } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CmafReceiver, type CmafRun, openCmafReceiver, type ReceiverLimits } from '../../src/cmaf/receiver.ts';
import type { CmafSink } from '../../src/cmaf/sink.ts';
import { ServiceError } from '../../src/system/errors.ts';
import type { Logger } from '../../src/system/log.ts';
import { box, bytesOf, fragmentBytes, samplesOf, styp, u32, videoInit, zeros } from '../fakes/boxes.ts';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const chunk = (index: number): Buffer =>
  fragmentBytes({ decodeTicks: index * 3000, samples: samplesOf([500], { durationTicks: 3000 }) });

let receiver: CmafReceiver;
let run: CmafRun;
let heard: string[];
const wakers = new Set<() => void>();

const sink: CmafSink = {
  onInit: (track) => hear(`${track} init`),
  onFragment: (track, fragment) => hear(`${track} ${fragment.decodeTicks / 3000}`),
  onEnd: (track, how) => hear(`${track} ${how}`),
  onRefused: (track, refusal) => hear(`${track} refused ${refusal.code}`),
};

function hear(line: string): void {
  heard.push(line);
  for (const wake of wakers) wake();
  wakers.clear();
}

/** Waits for the sink to have heard a line; the test's own time limit is the deadline. */
async function hears(line: string): Promise<void> {
  while (!heard.includes(line)) {
    await new Promise<void>((resolve) => {
      wakers.add(resolve);
    });
  }
}

async function open(limits: Partial<ReceiverLimits> = {}): Promise<void> {
  await receiver?.close();
  receiver = await openCmafReceiver({ host: '127.0.0.1', port: 0, log: silent, limits });
  run = receiver.openRun({ runId: 'run-1', tracks: ['v0', 'a0'], sink });
}

beforeEach(async () => {
  heard = [];
  await open();
});
afterEach(() => receiver.close());

function authorization(): string {
  return run.headers['Authorization'] ?? '';
}

interface SendOptions {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
}

async function send(body: Buffer | undefined, init: SendOptions = {}): Promise<{ status: number; code: unknown }> {
  const response = await fetch(run.urlOf('v0') + (init.path ?? ''), {
    method: init.method ?? 'POST',
    headers: { authorization: authorization(), ...init.headers },
    ...(body === undefined ? {} : { body: new Uint8Array(body) }),
  });
  const text = await response.text();
  return { status: response.status, code: text === '' ? undefined : JSON.parse(text).code };
}

/** A chunked POST whose pieces are sent one by one; resolves with the status. */
function startBody(track = 'v0', headers: Record<string, string> = {}) {
  const client = request(run.urlOf(track), { method: 'POST', headers: { authorization: authorization(), ...headers } });
  const answered = new Promise<{ status: number; code: unknown }>((resolve, reject) => {
    client.on('error', reject);
    client.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, code: text === '' ? undefined : JSON.parse(text).code }),
      );
    });
  });
  answered.catch(() => undefined);
  return { client, answered };
}

/** Speaks raw HTTP; resolves with all that came back when the socket is closed. */
function raw(...pieces: readonly (string | Buffer)[]): { socket: Socket; answer: Promise<string> } {
  const socket = connect(receiver.port, '127.0.0.1');
  for (const piece of pieces) socket.write(piece);
  let text = '';
  const answer = new Promise<string>((resolve) => {
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
  });
  return { socket, answer };
}

const head = (...lines: readonly string[]): string =>
  [`POST /run-1/v0 HTTP/1.1`, 'Host: x', `Authorization: ${authorization()}`, ...lines, '', ''].join('\r\n');

describe('bodies that are taken', () => {
  it.each(['POST', 'PUT'])('%s with Content-Length: header and chunks', async (method) => {
    expect(await send(bytesOf(videoInit(), chunk(0), chunk(1)), { method })).toEqual({ status: 200, code: undefined });
    expect(heard).toEqual(['v0 init', 'v0 0', 'v0 1', 'v0 clean']);
  });

  it('one endless chunked body: each chunk is told at once, whatever the HTTP chunks are', async () => {
    const { client, answered } = startBody();
    const bytes = bytesOf(videoInit(), chunk(0), chunk(1));
    for (let at = 0; at < bytes.length; at += 101) client.write(bytes.subarray(at, at + 101));
    await hears('v0 1');
    client.write(chunk(2).subarray(0, 3));
    client.write(chunk(2).subarray(3));
    await hears('v0 2');
    expect(heard).not.toContain('v0 clean');
    client.end();
    expect(await answered).toMatchObject({ status: 200 });
    expect(heard).toEqual(['v0 init', 'v0 0', 'v0 1', 'v0 2', 'v0 clean']);
  });

  it('one body per segment, below the Track, after a header of its own; an empty body first', async () => {
    expect((await send(undefined)).status).toBe(200);
    expect((await send(videoInit(), { path: '/init.cmfv' })).status).toBe(200);
    for (let index = 0; index < 20; index++)
      expect((await send(bytesOf(styp('msdh'), chunk(index)), { path: `/${index}.cmfv` })).status).toBe(200);
    expect(heard).toEqual(['v0 init', ...Array.from({ length: 20 }, (_, index) => `v0 ${index}`)]);
  });

  it('answers Expect: 100-continue before the body', async () => {
    const { client, answered } = startBody('v0', { expect: '100-continue' });
    await new Promise<void>((resolve) => {
      client.on('continue', resolve);
      client.flushHeaders();
    });
    client.end(videoInit());
    expect(await answered).toMatchObject({ status: 200 });
  });

  it('takes an MPD and does not use it', async () => {
    const response = await fetch(new URL('/run-1/live.mpd', run.urlOf('v0')), {
      method: 'PUT',
      headers: { authorization: authorization() },
      body: '<MPD/>',
    });
    expect(response.status).toBe(200);
    expect(heard).toEqual([]);
  });

  it('takes Tracks side by side', async () => {
    const video = startBody('v0');
    const audio = startBody('a0');
    video.client.write(bytesOf(videoInit(), chunk(0)));
    audio.client.write(bytesOf(videoInit(), chunk(7)));
    await Promise.all([hears('v0 0'), hears('a0 7')]);
    audio.client.end();
    video.client.end(chunk(1));
    await Promise.all([video.answered, audio.answered]);
    expect(heard).toContain('v0 1');
  });
});

describe('bodies that are refused, with the status of DASH-IF Live Media Ingest and a JSON code', () => {
  it.each<[string, () => Buffer | undefined, SendOptions, number, string]>([
    ['media before the header', () => chunk(0), {}, 412, 'CMAF_NO_HEADER'],
    ['garbage', () => Buffer.from('GARBAGE GARBAGE GARBAGE'), {}, 400, 'CMAF_TOO_LARGE'],
    ['a box smaller than its header', () => bytesOf(u32(3), Buffer.from('ftyp')), {}, 400, 'CMAF_BOX_INVALID'],
    ['a body that ends inside a box', () => videoInit().subarray(0, 90), {}, 400, 'CMAF_BOX_TRUNCATED'],
    ['a codec nobody can announce', () => videoInit({ handler: 'text' }), {}, 415, 'CMAF_UNSUPPORTED'],
    ['another media type', () => videoInit(), { headers: { 'content-type': 'video/mp2t' } }, 415, 'CMAF_MEDIA_TYPE'],
    ['a wrong secret', () => videoInit(), { headers: { authorization: 'Bearer nobody' } }, 403, 'CMAF_FORBIDDEN'],
    ['GET', () => undefined, { method: 'GET' }, 405, 'HTTP_METHOD'],
  ])('%s', async (_what, body, init, status, code) => {
    expect(await send(body(), init)).toEqual({ status, code });
  });

  it('an unknown run and an unknown Track are 404', async () => {
    const at = (path: string) =>
      fetch(new URL(path, run.urlOf('v0')), { method: 'POST', headers: { authorization: authorization() } });
    expect((await at('/run-2/v0')).status).toBe(404);
    expect((await at('/run-1/v9')).status).toBe(404);
  });

  it('the answer arrives although the source has not finished sending', async () => {
    const { client, answered } = startBody();
    client.write(bytesOf(videoInit(), box('mdat', zeros(10))));
    expect(await answered).toEqual({ status: 400, code: 'CMAF_BOX_INVALID' });
    expect(heard).toEqual(['v0 init', 'v0 refused CMAF_BOX_INVALID']);
    client.destroy();
  });

  it('a source that goes on sending after its refusal is cut', async () => {
    const { socket, answer } = raw(head('Transfer-Encoding: chunked'), '4\r\nabcd\r\n4\r\nmoof\r\n');
    const timer = setInterval(() => socket.write('4\r\nmore\r\n'), 20);
    expect(await answer).toMatch(/^HTTP\/1\.1 412 /);
    clearInterval(timer);
  });

  it('more bodies of one Track than allowed are 503', async () => {
    await open({ bodiesPerTrack: 1 });
    const { client } = startBody();
    client.write(bytesOf(videoInit(), chunk(0)));
    await hears('v0 0');
    expect(await send(chunk(1))).toEqual({ status: 503, code: 'HTTP_OVERLOADED' });
    client.end();
    await hears('v0 clean');
    expect((await send(chunk(1))).status).toBe(200);
  });

  it('an mdat above the configured size is refused when its header is there', async () => {
    await open({ maxMdatBytes: 400 });
    const { client, answered } = startBody();
    client.write(bytesOf(videoInit(), chunk(0).subarray(0, -490)));
    expect(await answered).toEqual({ status: 400, code: 'CMAF_TOO_LARGE' });
    client.destroy();
  });

  it('a body that falls silent is refused as PUBLISH_IDLE', async () => {
    await open({ idleMs: 150 });
    const { client, answered } = startBody();
    client.write(bytesOf(videoInit(), chunk(0)));
    expect(await answered).toEqual({ status: 400, code: 'PUBLISH_IDLE' });
    expect(heard).toEqual(['v0 init', 'v0 0', 'v0 refused PUBLISH_IDLE']);
    client.destroy();
  });

  it('what the sink throws refuses the body and nothing else', async () => {
    const refusing = receiver.openRun({
      runId: 'run-3',
      tracks: ['v0'],
      secret: 'key',
      sink: {
        ...sink,
        onFragment: () => {
          throw new ServiceError('CMAF_OFF_GRID', 'The segment begins 41 ms off the grid.');
        },
        onInit: () => {
          if (heard.length > 5) throw new Error('a defect');
        },
      },
    });
    const post = (body: Buffer) =>
      fetch(refusing.urlOf('v0'), {
        method: 'POST',
        headers: { authorization: 'Bearer key' },
        body: new Uint8Array(body),
      });
    const response = await post(bytesOf(videoInit(), chunk(0)));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'CMAF_OFF_GRID', message: expect.stringContaining('41 ms') });
    heard.push('', '', '', '', '');
    expect((await post(videoInit({ trackId: 4 }))).status).toBe(500);
    expect((await send(bytesOf(videoInit(), chunk(0)))).status).toBe(200);
  });
});

describe('connections', () => {
  it('an abort inside a chunk is told, and the Track can be sent again', async () => {
    const { client } = startBody();
    client.on('error', () => undefined);
    client.write(bytesOf(videoInit(), chunk(0), chunk(1).subarray(0, 60)));
    await hears('v0 0');
    client.destroy();
    await hears('v0 aborted');
    expect((await send(bytesOf(videoInit(), chunk(1)))).status).toBe(200);
    expect(heard).toEqual(['v0 init', 'v0 0', 'v0 aborted', 'v0 1', 'v0 clean']);
  });

  it('garbage for HTTP is answered in JSON and closed, and disturbs nobody', async () => {
    const { client, answered } = startBody();
    client.write(bytesOf(videoInit(), chunk(0)));
    await hears('v0 0');
    const answer = await raw(Buffer.alloc(3000, 0x03)).answer;
    expect(answer).toMatch(/^HTTP\/1\.1 400 [\s\S]*"code":"HTTP_BAD_REQUEST"/);
    expect(await raw(head(`X-Long: ${'x'.repeat(70_000)}`)).answer).toMatch(/^HTTP\/1\.1 431 /);
    client.end(chunk(1));
    expect(await answered).toMatchObject({ status: 200 });
    expect(heard).toContain('v0 1');
  });

  it('broken chunk framing inside a body aborts that body alone', async () => {
    const init = videoInit();
    const { answer } = raw(head('Transfer-Encoding: chunked'), `${init.length.toString(16)}\r\n`, init, '\r\nZZZ\r\n');
    await answer;
    await hears('v0 aborted');
    expect(heard).toEqual(['v0 init', 'v0 aborted']);
  });

  it('headers that never end are cut', async () => {
    await open({ headersMs: 200 });
    expect(await raw('POST /run-1/v0 HTTP/1.1\r\nHost: x\r\n').answer).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('closing a run cuts its bodies without telling the sink, and its URLs are 404', async () => {
    const { client, answered } = startBody();
    client.write(bytesOf(videoInit(), chunk(0)));
    await hears('v0 0');
    const url = run.urlOf('v0');
    run.close();
    await expect(answered).rejects.toThrow();
    expect((await fetch(url, { method: 'POST', headers: { authorization: authorization() } })).status).toBe(404);
    expect(heard).toEqual(['v0 init', 'v0 0']);
  });

  it('closing the receiver ends open bodies and resolves', async () => {
    const { client, answered } = startBody();
    client.write(bytesOf(videoInit(), chunk(0)));
    await hears('v0 0');
    await receiver.close();
    await expect(answered).rejects.toThrow();
    await expect(fetch(run.urlOf('v0'))).rejects.toThrow();
  });

  it('a port in use is PORT_IN_USE with a hint', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(openCmafReceiver({ host: '127.0.0.1', port, log: silent })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      hint: expect.stringContaining('another'),
    });
    other.close();
  });
});
