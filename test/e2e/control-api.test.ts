// The API over real sockets, against one service with one real publisher: who may ask, what each action does, events and webhooks.
import { createHmac } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keptLog } from '../fakes/control-quiet-log.ts';
import { answerProblems, eventProblems, type OpenApi, operationsOf, schemaProblems } from '../rig/openapi.ts';
import { KEY, type Push, startTestService, type TestService, TINY_LADDER } from '../rig/service.ts';
import { type Watch, watchChannel } from './service-client.ts';

const TOKEN = 'a-control-token-for-tests';
const SECRET = 'a-webhook-secret-for-tests';
const AWAY = 'console.example:8081';

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly type: string;
  readonly body: Buffer;
  readonly json: unknown;
}

interface Ask {
  readonly method?: string;
  /** Another Host than this machine's makes a stranger of the request. */
  readonly host?: string;
  readonly token?: string;
  readonly body?: string;
  /** Empty: none. */
  readonly contentType?: string;
}

interface Hooked {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const log = keptLog();
let folder = '';
let ladder = '';
let service: TestService;
let push: Push;
let watch: Watch;
let receiver: Server;
/** What the receiver of webhooks was sent; the first two attempts are refused. */
const hooked: Hooked[] = [];
let document: OpenApi;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pitchside-api-'));
  ladder = join(folder, 'ladder.yaml');
  await writeFile(ladder, await readFile(TINY_LADDER, 'utf8'));
  receiver = createServer((incoming, response) => {
    let body = '';
    incoming.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    incoming.on('end', () => {
      hooked.push({ headers: incoming.headers, body });
      // A redirect is no success and is not followed.
      if (hooked.length === 1) response.writeHead(307, { Location: '/elsewhere' }).end();
      else response.writeHead(hooked.length === 2 ? 500 : 204).end();
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => receiver.once('listening', resolve));
  const { port } = receiver.address() as AddressInfo;
  const config = join(folder, 'settings.yaml');
  await writeFile(
    config,
    [
      `control: { host: 127.0.0.1, port: 0, token: ${TOKEN} }`,
      `webhooks: [{ url: "http://127.0.0.1:${port}/hook", secret: ${SECRET}, events: [publish, unpublish] }]`,
      `channels: { match: { ladder: ${ladder}, keys: { primary: ${KEY} } } }`,
    ].join('\n'),
  );
  service = await startTestService({ config }, {}, { log });
  push = service.push();
  document = (await ask('/api/v1/openapi.json')).json as OpenApi;
  await service.waitFor('live', async () => (await status()).onAir === 'live');
  watch = watchChannel(service);
});
afterAll(async () => {
  await watch?.end();
  await service?.stop();
  receiver?.close();
  await rm(folder, { recursive: true });
});

function ask(
  path: string,
  { method = 'GET', host, token, body, contentType = 'application/json' }: Ask = {},
): Promise<Reply> {
  const headers = {
    ...(host && { host }),
    ...(token && { authorization: `Bearer ${token}` }),
    ...(method === 'POST' && contentType && { 'content-type': contentType }),
  };
  return new Promise((resolve, reject) => {
    const sent = request({ port: service.ports.control, host: '127.0.0.1', path, method, headers }, (response) => {
      const chunks: Buffer[] = [];
      const type = (response.headers['content-type'] ?? '').split(';')[0] ?? '';
      const end = () => {
        const bytes = Buffer.concat(chunks);
        const json = type === 'application/json' ? JSON.parse(bytes.toString()) : bytes.toString();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, type, body: bytes, json });
        response.destroy();
      };
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        // It does not end by itself.
        if (type === 'text/event-stream') end();
      });
      response.on('end', end);
    });
    sent.on('error', reject);
    sent.end(method === 'POST' ? (body ?? '{}') : undefined);
  });
}

const post = (path: string, body = '{}') => ask(path, { method: 'POST', body });
const status = async () => service.directory.get('match')!.status();
const pathOf = (name: string, id = 'match') => name.slice(name.indexOf(' ') + 1).replace('{id}', id);
const methodOf = (name: string) => name.slice(0, name.indexOf(' '));

interface StreamEvent {
  readonly name: string;
  readonly data: Record<string, unknown>;
  readonly id: string | undefined;
}

/** The stream, once it is there: its events until there are these. */
async function openEvents(lastEventId?: string) {
  const abort = new AbortController();
  const answer = await fetch(`http://127.0.0.1:${service.ports.control}/api/v1/events`, {
    headers: lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId },
    signal: AbortSignal.any([abort.signal, AbortSignal.timeout(20_000)]),
  });
  const found: StreamEvent[] = [];
  const reader = answer.body!.getReader();
  const decoder = new TextDecoder();
  let text = '';
  const read = async (): Promise<void> => {
    const { value, done } = await reader.read();
    if (done) throw new Error('the stream has ended');
    const blocks = (text + decoder.decode(value, { stream: true })).split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
      const name = field('event');
      if (name !== undefined) found.push({ name, data: JSON.parse(field('data') ?? ''), id: field('id') });
    }
  };
  return async (...names: readonly string[]): Promise<readonly StreamEvent[]> => {
    while (!names.every((wanted) => found.some(({ name }) => name === wanted))) await read();
    abort.abort();
    return found;
  };
}

describe('who may ask', () => {
  test('from elsewhere: what is open, and all but stream keys with the token; each refusal is as the document says', async () => {
    const problems: string[] = [];
    for (const [name, { security }] of operationsOf(document)) {
      const [path, method] = [pathOf(name, 'nobody'), methodOf(name)];
      const [none, wrong, right] = await Promise.all(
        [{}, { token: `${TOKEN}x` }, { token: TOKEN }].map((given) =>
          // A body that is refused after the token: nothing is done.
          ask(path, { method, host: AWAY, body: '[]', ...given }),
        ),
      );
      const isToken = security.length > 0;
      const isMachine = name.endsWith('/stream-key');
      expect([name, none!.status, wrong!.status]).toEqual([
        name,
        ...(isToken ? [401, 401] : isMachine ? [403, 403] : [200, 200]),
      ]);
      if (isToken)
        expect([none, wrong].map((one) => one!.headers['www-authenticate'])).toEqual([
          'Bearer realm="pitchside"',
          'Bearer realm="pitchside", error="invalid_token"',
        ]);
      const past = name.includes('{id}') ? 404 : method === 'POST' ? 400 : 200;
      expect([name, right!.status]).toEqual([name, isMachine ? 403 : past]);
      for (const reply of [none!, wrong!, right!]) problems.push(...answerProblems(document, name, reply));
    }
    expect(problems).toEqual([]);
    expect((await ask('/api/v1/service', { host: AWAY })).json).toMatchObject({
      tokenNeeded: true,
      streamKeysShown: false,
    });
    expect((await ask('/api/v1/service', { host: AWAY, token: TOKEN })).json).toMatchObject({ tokenNeeded: false });
    for (const path of ['/healthz', '/readyz', '/metrics', '/'])
      expect((await ask(path, { host: AWAY })).status).toBe(200);
  });

  test('this machine may without a token; a POST is JSON, of the right shape, and nothing but a POST', async () => {
    const path = '/api/v1/channels/match/restart-encoder';
    const replies = await Promise.all([
      ask(path, { method: 'POST', contentType: 'text/plain' }),
      ask(path, { method: 'POST', contentType: '' }),
      post(path, '{"a":'),
      post('/api/v1/channels/match/reload-ladder', '{"applyNow":"yes"}'),
      ask(path),
    ]);
    expect(replies.map(({ status: code }) => code)).toEqual([415, 415, 400, 400, 405]);
    expect(replies[4]!.headers.allow).toBe('POST');
    expect((await status()).runs).toHaveLength(1);
    expect(log.lines.filter(({ message }) => message === 'operator')).toEqual([]);
  });
});

test('every GET answers what the document says, while a publisher is in', async () => {
  const problems: string[] = [];
  const replies = new Map<string, Reply>();
  for (const [name] of operationsOf(document)) {
    if (methodOf(name) !== 'GET') continue;
    const reply = await ask(pathOf(name));
    replies.set(name, reply);
    expect([name, reply.status]).toEqual([name, 200]);
    problems.push(...answerProblems(document, name, reply));
  }
  expect(problems).toEqual([]);
  const of = (name: string) => replies.get(`GET /api/v1/channels/{id}/${name}`)!;
  const shown = of('ladder').json as { rungs: { id: string }[]; arguments: string[] };
  expect(shown.rungs.map(({ id }) => id)).toEqual(['180p', '90p', 'audio']);
  expect(shown.arguments).toContain('libx264');
  expect(shown.arguments[shown.arguments.indexOf('-headers') + 1]).toBe('<hidden>');
  const { lines } = of('encoder-log').json as { lines: { text: string }[] };
  expect(lines[0]!.text).toMatch(/^-- ffmpeg \d+ started$/);
  const jpeg = of('thumbnail.jpg').body;
  // ITU-T T.81 B.1.1.3: SOI; B.2.2: SOF0 has height and width after its length and precision.
  expect(jpeg.readUInt16BE(0)).toBe(0xffd8);
  expect(jpeg.readUInt16BE(jpeg.indexOf(Buffer.from([0xff, 0xc0])) + 7)).toBe(320);
  expect((await ask('/api/v1/channels/match/thumbnail.jpg')).body).toEqual(jpeg);
});

test('restart-encoder: another encoder, the same numbers without a hole, no fault; one line in the log', async () => {
  const before = await status();
  expect((await post('/api/v1/channels/match/restart-encoder')).json).toEqual({ done: true });
  const again = await post('/api/v1/channels/match/restart-encoder');
  expect([again.status, again.json]).toMatchObject([409, { code: 'ENCODER_NONE' }]);
  await service.waitFor('another encoder', async () => {
    const now = await status();
    return (
      now.encoder !== undefined &&
      now.encoder.pid !== before.encoder!.pid &&
      now.onAir === 'live' &&
      now.newestNumber! > before.newestNumber! + 1
    );
  });
  expect((await status()).runs.map(({ end }) => end?.how)).toEqual(['SIGKILL', undefined]);
  expect([watch.faults, (await status()).lastFaults]).toEqual([[], []]);
  expect(log.lines.filter(({ message }) => message === 'operator').map(({ fields }) => fields)).toEqual([
    {
      operation: 'restartEncoder',
      channel: 'match',
      address: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      refused: undefined,
    },
    expect.objectContaining({ operation: 'restartEncoder', refused: 'ENCODER_NONE' }),
  ]);
});

test('reload-ladder: a bad file is told by file:line:column and changes nothing; a good one is for the next publish, or at once', async () => {
  const rungs = async () =>
    ((await ask('/api/v1/channels/match/ladder')).json as { rungs: { id: string }[] }).rungs.map(({ id }) => id);
  const good = await readFile(TINY_LADDER, 'utf8');
  await writeFile(ladder, good.replace('bitrate: 100k', 'bitrate: fast'));
  const bad = await post('/api/v1/channels/match/reload-ladder', '{"applyNow":true}');
  expect([bad.status, bad.json]).toMatchObject([
    409,
    { code: 'LADDER_INVALID', problems: [expect.stringMatching(/ladder\.yaml:\d+:\d+ /)] },
  ]);
  expect(answerProblems(document, 'POST /api/v1/channels/{id}/reload-ladder', bad)).toEqual([]);
  expect(await rungs()).toEqual(['180p', '90p', 'audio']);
  await writeFile(ladder, good.replace('90p', 'small').replace('height: 90', 'height: 72'));
  const later = await post('/api/v1/channels/match/reload-ladder');
  expect([later.json, await rungs()]).toEqual([{ applies: 'next-publish', problems: [] }, ['180p', '90p', 'audio']]);
  const now = await post('/api/v1/channels/match/reload-ladder', '{"applyNow":true}');
  expect([now.json, await rungs()]).toEqual([{ applies: 'now', problems: [] }, ['180p', 'small', 'audio']]);
  await service.waitFor('the other rung on air', async () => (await status()).tracks.some(({ id }) => id === 'small'));
  expect(watch.faults).toEqual([]);
});

test('drain and undrain turn readiness off and on, and may be said twice', async () => {
  await service.waitFor('ready', async () => (await ask('/readyz')).status === 200);
  for (const word of ['drain', 'drain', 'undrain', 'undrain']) {
    expect((await post(`/api/v1/service/${word}`)).json).toEqual({ done: true });
    const isDraining = word === 'drain';
    expect([(await ask('/readyz')).status, (await ask('/api/v1/service')).json]).toMatchObject([
      isDraining ? 503 : 200,
      { isDraining },
    ]);
  }
});

test('stop-publisher ends the push; the stream tells it, and resumes from an id', async () => {
  const until = await openEvents();
  const ended = new Promise((resolve) => push.process.once('exit', resolve));
  expect((await post('/api/v1/channels/match/stop-publisher')).json).toEqual({ done: true });
  await ended;
  const found = await until('unpublish', 'figures');
  expect(found.flatMap(({ name, data }) => eventProblems(document, name, data))).toEqual([]);
  expect(found[0]!.name).toBe('channels');
  expect(found.find(({ name }) => name === 'unpublish')!.data).toMatchObject({
    channel: 'match',
    why: 'publisher gone: closed',
  });
  const again = await post('/api/v1/channels/match/stop-publisher');
  expect([again.status, again.json]).toMatchObject([409, { code: 'PUBLISH_NONE' }]);
  // An id from before this life: all that is kept, from the first publish on.
  const untilThat = (events: readonly StreamEvent[]) =>
    events.slice(0, events.findIndex(({ name }) => name === 'unpublish') + 1).filter(({ id }) => id !== undefined);
  const all = untilThat(await (await openEvents('1'))('unpublish'));
  const publish = all.findIndex(({ name }) => name === 'publish');
  expect(all[publish]!.data).toMatchObject({ channel: 'match', source: expect.stringContaining('480x270 30 fps') });
  const resumed = untilThat(await (await openEvents(all[publish]!.id))('unpublish'));
  expect(resumed).toEqual(all.slice(publish + 1));
});

test('webhooks: the same id until it is taken, in order, signed, as the document says; a redirect is not followed', async () => {
  await service.waitFor('four attempts', () => hooked.length === 4);
  const bodies = hooked.map(({ body }) => JSON.parse(body));
  expect(bodies.map(({ event }) => event)).toEqual(['publish', 'publish', 'publish', 'unpublish']);
  expect(
    bodies.flatMap((body) =>
      schemaProblems(
        document,
        document.webhooks[body.event]!.post.requestBody.content['application/json']!.schema!,
        body,
      ),
    ),
  ).toEqual([]);
  expect(new Set(bodies.slice(0, 3).map(({ id }) => id)).size).toBe(1);
  for (const { headers, body } of hooked) {
    expect(headers['pitchside-event-id']).toBe(JSON.parse(body).id);
    const expected = createHmac('sha256', SECRET).update(`${headers['pitchside-timestamp']}.${body}`).digest('hex');
    expect(headers['pitchside-signature']).toBe(`sha256=${expected}`);
  }
  const metrics = (await ask('/metrics')).body.toString();
  expect(metrics).toContain('pitchside_webhook_deliveries_total{hook="1",outcome="retried"} 2');
  expect(metrics).toContain('pitchside_webhook_deliveries_total{hook="1",outcome="delivered"} 2');
  expect(JSON.stringify(log.lines)).not.toMatch(new RegExp(`${TOKEN}|${SECRET}`));
});
