import { describe, expect, test } from 'vitest';
import { judgeAccess } from '../../../src/control/access.ts';

const TOKEN = 'a-token-of-16-ok';
const LOCAL = { remoteAddress: '127.0.0.1', host: 'localhost:8081', headers: {} };
const AWAY = { remoteAddress: '192.0.2.9', host: 'origin.example:8081', headers: {} };

describe('who may use the API', () => {
  test.each([TOKEN, undefined])('this machine, without a token (set: %s)', (token) => {
    expect(judgeAccess({ ...LOCAL, authorization: undefined }, token)).toEqual({ kind: 'granted', by: 'machine' });
  });

  test.each([`Bearer ${TOKEN}`, `bearer ${TOKEN}`, `BEARER  ${TOKEN} `])('who has the token: %s', (authorization) => {
    expect(judgeAccess({ ...AWAY, authorization }, TOKEN)).toEqual({ kind: 'granted', by: 'token' });
  });

  test.each([undefined, `Bearer ${TOKEN}`])(
    'nobody else while none is set, and is told how to (given: %s)',
    (authorization) => {
      expect(judgeAccess({ ...AWAY, authorization }, undefined)).toMatchObject({
        ...{ kind: 'refused', status: 403, code: 'HTTP_FORBIDDEN' },
        message: expect.stringContaining('PITCHSIDE_CONTROL_TOKEN'),
      });
    },
  );

  test.each([
    [undefined, 'Bearer realm="pitchside"'],
    ['', 'Bearer realm="pitchside"'],
    [`Basic ${TOKEN}`, 'Bearer realm="pitchside"'],
    ['Bearer', 'Bearer realm="pitchside"'],
    [TOKEN, 'Bearer realm="pitchside"'],
    [`Bearer ${TOKEN}x`, 'Bearer realm="pitchside", error="invalid_token"'],
    [`Bearer ${TOKEN.slice(1)}`, 'Bearer realm="pitchside", error="invalid_token"'],
    [`Bearer ${TOKEN.toUpperCase()}`, 'Bearer realm="pitchside", error="invalid_token"'],
  ])('RFC 9110 15.5.2, RFC 6750 3: %s is 401 with its challenge', (authorization, challenge) => {
    const verdict = judgeAccess({ ...AWAY, authorization }, TOKEN);
    expect(verdict).toMatchObject({ kind: 'refused', status: 401, code: 'HTTP_UNAUTHORIZED', challenge });
    expect(JSON.stringify(verdict)).not.toContain(TOKEN);
  });

  test.each([
    ['a proxy on this machine', { ...LOCAL, headers: { 'x-forwarded-for': '192.0.2.9' } }],
    ['a page of another site', { ...LOCAL, headers: { 'sec-fetch-site': 'cross-site' } }],
    ['a rebound name', { ...LOCAL, host: 'evil.example' }],
  ])('%s needs the token', (_who, request) => {
    expect(judgeAccess({ ...request, authorization: undefined }, TOKEN)).toMatchObject({ status: 401 });
  });
});
