import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { beforeEach, describe, expect, it } from 'vitest';
import { type OriginAddress, parseAddress } from '../../../src/origin/address.ts';
import { Echo } from '../../../src/origin/burst.ts';
import { Crowds, type CrowdsOptions } from '../../../src/origin/crowds.ts';
import { openTurns } from '../../../src/origin/turns.ts';
import { openLog } from '../../../src/system/log.ts';

const MEDIA = '/live/match/v720/g1/9.2.m4s';
const LIST = '/live/match/v720/media.m3u8';

function exchange(url = MEDIA, headers: Readonly<Record<string, string>> = {}) {
  const written: string[] = [];
  const socket = new Socket();
  socket.write = (bytes: unknown) => {
    written.push(String(bytes));
    return true;
  };
  const request = new IncomingMessage(socket);
  Object.assign(request, { method: 'GET', url, httpVersion: '1.1', headers });
  const response = new ServerResponse(request);
  response.shouldKeepAlive = true;
  response.assignSocket(socket);
  return { request, response, written };
}

const echo = () => new Echo('part', 200, [], Buffer.from('media'), 'HEAD ');

let coming: (() => void)[];
let finished: unknown[];
let forgotten: number;
let crowds: Crowds;
const member = (one = exchange()) => ({ exchange: one, forget: () => (forgotten += 1) });
const passTurns = () => {
  while (coming.length > 0) coming.shift()?.();
};
const ask = (url: string, headers?: Readonly<Record<string, string>>) =>
  crowds.questionOf(exchange(url, headers), parseAddress(url) as Extract<OriginAddress, { kind: 'text' | 'media' }>);

beforeEach(() => {
  coming = [];
  finished = [];
  forgotten = 0;
  const reply = { finish: (one: unknown) => finished.push(one) } as unknown as CrowdsOptions['reply'];
  crowds = new Crowds({ turns: openTurns((call) => coming.push(call)), reply, log: openLog('silent') });
});

describe('a crowd', () => {
  it('gets its bytes at once; it is finished and forgotten once, in a later turn', () => {
    const slice = {};
    const others = [exchange(), exchange()];
    crowds.note('q', slice, echo());
    expect(others.map((one) => crowds.repeat('q', slice, member(one)))).toEqual([true, true]);
    expect(others.map(({ written }) => written)).toEqual([['HEAD media'], ['HEAD media']]);
    expect([finished.length, forgotten]).toEqual([0, 0]);
    passTurns();
    expect([finished.length, forgotten]).toEqual([2, 2]);
    expect(finished).toEqual(others);
  });

  it('is of one slice and one question: an answer of before goes for nobody after', () => {
    const slice = {};
    crowds.note('q', slice, echo());
    expect(crowds.repeat('q', {}, member())).toBe(false);
    expect(crowds.repeat('other', slice, member())).toBe(false);
    expect(crowds.repeat(undefined, slice, member())).toBe(false);
    const next = {};
    crowds.note('other', next, echo());
    expect(crowds.repeat('q', next, member())).toBe(false);
  });

  it('a fault in finishing one ends its connection, and no other', () => {
    const slice = {};
    const [bad, good] = [exchange(), exchange()];
    crowds.note('q', slice, echo());
    crowds.repeat('q', slice, {
      exchange: bad,
      forget: () => {
        throw new Error('planted');
      },
    });
    crowds.repeat('q', slice, member(good));
    passTurns();
    expect(bad.request.socket.destroyed).toBe(true);
    expect(finished).toEqual([good]);
  });
});

describe('a question', () => {
  it('is the same word for all who ask the same, whatever else their query says', () => {
    expect(ask(MEDIA)).toBe(MEDIA);
    expect(ask(`${MEDIA}?CMCD=sid%3D1`)).toBe(ask(MEDIA));
    expect(ask(`${LIST}?_HLS_msn=9&_HLS_part=1&CMCD=sid%3D1`)).toBe(ask(`${LIST}?_HLS_part=1&_HLS_msn=9`));
  });

  it('is another one for another object, directive or coding', () => {
    const words = [
      ask(MEDIA),
      ask('/live/match/v720/g1/9.3.m4s'),
      ask(LIST),
      ask(LIST, { 'accept-encoding': 'gzip' }),
      ask(`${LIST}?_HLS_msn=9`),
      ask(`${LIST}?_HLS_msn=9&_HLS_part=1`),
      ask(`${LIST}?_HLS_msn=9&_HLS_part=1&_HLS_skip=YES`),
    ];
    expect(new Set(words).size).toBe(words.length);
    expect(words).not.toContain(undefined);
  });

  it.each(['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'range', 'expect'])(
    'is none with %s',
    (field) => {
      expect(ask(MEDIA, { [field]: 'x' })).toBeUndefined();
    },
  );
});
