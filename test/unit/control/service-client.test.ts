/** Whom the console asks for a token, and what it makes of refusals. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { keeperOf } from '../../../src/control/page/kept.js';
import { Refusal, ServiceClient } from '../../../src/control/page/service-client.js';

const TOKEN = 'the-right-token-0123';
let stored: Map<string, string>;
/** Path and Authorization of each request. */
let asked: [string, string | undefined][];

/** A service that wants the token, and answers `body` with `status` then. */
function serve(status: number, body: object) {
  vi.stubGlobal('fetch', async (path: string, init: { headers: Record<string, string> }) => {
    const authorization = init.headers['Authorization'];
    asked.push([path, authorization]);
    if (authorization === `Bearer ${TOKEN}`) return Response.json(body, { status });
    return Response.json({ code: 'HTTP_UNAUTHORIZED', message: 'A token is needed.' }, { status: 401 });
  });
}

beforeEach(() => {
  stored = new Map();
  asked = [];
  vi.stubGlobal('sessionStorage', {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => stored.set(key, value),
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
});

test('a person is asked once, however many requests wait, and told when the token was wrong', async () => {
  serve(200, { fine: true });
  const forms: boolean[] = [];
  const client = new ServiceClient(async (isWrong: boolean) => {
    forms.push(isWrong);
    return isWrong ? TOKEN : 'a-wrong-token-012345';
  });
  const answers = await Promise.all(['a', 'b', 'c'].map((path) => client.ask(path)));
  expect(answers).toEqual(Array(3).fill({ fine: true }));
  expect(forms).toEqual([false, true]);
  expect([...stored.values()]).toEqual([TOKEN]);
});

test('the token of this tab is sent in the header and never in the address', async () => {
  stored.set('pitchside-token', TOKEN);
  serve(200, {});
  const client = new ServiceClient(() => Promise.reject(new Error('asked')));
  await client.ask('api/v1/channels');
  expect(asked).toEqual([['api/v1/channels', `Bearer ${TOKEN}`]]);
});

test('a refusal is read with all its problems', async () => {
  stored.set('pitchside-token', TOKEN);
  serve(409, { code: 'LADDER_INVALID', message: 'The ladder stays.', problems: ['a.yaml:3:1 height: wrong'] });
  const client = new ServiceClient(() => Promise.reject(new Error('asked')));
  const refusal = await client.wish('x').catch((error) => error);
  expect(refusal).toBeInstanceOf(Refusal);
  expect(refusal).toMatchObject({
    status: 409,
    code: 'LADDER_INVALID',
    message: 'The ladder stays.\na.yaml:3:1 height: wrong',
  });
});

test('whoever gave up meanwhile is not sent again', async () => {
  serve(200, {});
  const controller = new AbortController();
  const client = new ServiceClient(async () => {
    controller.abort();
    return TOKEN;
  });
  await expect(client.events('0', controller.signal)).rejects.toThrow(/abort/);
  expect(asked).toHaveLength(1);
});

test('where the browser keeps nothing, the page keeps it until it is left', () => {
  const keeper = keeperOf(() => {
    throw new DOMException('blocked', 'SecurityError');
  });
  keeper.set('theme', 'dark');
  expect(keeper.get('theme')).toBe('dark');
  keeper.set('theme', undefined);
  expect(keeper.get('theme')).toBe(undefined);
});
