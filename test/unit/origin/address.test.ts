import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ADDRESS_LIMITS, addressBook, parseAddress, parseDirectives } from '../../../src/origin/address.ts';

const named = (target: string) => {
  const address = parseAddress(target);
  return address.kind === 'text' || address.kind === 'media' ? address.name : address.kind;
};

describe('the URL table', () => {
  it.each([
    ['/live/match/master.m3u8', { kind: 'hls-master' }],
    ['/live/match/dvr.m3u8', { kind: 'hls-dvr-master' }],
    ['/live/match/manifest.mpd', { kind: 'dash' }],
    ['/live/match/dvr.mpd', { kind: 'dash-dvr' }],
    ['/live/match/v720/media.m3u8', { kind: 'hls-media', track: 'v720' }],
    ['/live/match/v720/dvr.m3u8', { kind: 'hls-dvr-media', track: 'v720' }],
    ['/live/match/v720/3f9a/init-00ff.mp4', { kind: 'init', track: 'v720', gen: '3f9a', hash: '00ff' }],
    ['/live/match/v720/3f9a/900000001.m4s', { kind: 'segment', track: 'v720', gen: '3f9a', number: 900000001 }],
    ['/live/match/v720/3f9a/0.m4s', { kind: 'segment', track: 'v720', gen: '3f9a', number: 0 }],
    ['/live/match/v720/3f9a/9.4.m4s', { kind: 'part', track: 'v720', gen: '3f9a', number: 9, part: 4 }],
    ['/time', 'time'],
    ['/time?x=1', 'time'],
  ])('%s', (target, name) => {
    expect(named(target)).toEqual(name);
  });

  it('names the channel', () => {
    expect(parseAddress('/live/pitch-2/master.m3u8')).toMatchObject({ channel: 'pitch-2' });
    expect(parseAddress(`/live/${'a'.repeat(63)}/master.m3u8`)).toMatchObject({ channel: 'a'.repeat(63) });
  });
});

describe('one object has one spelling', () => {
  it.each([
    '',
    '/',
    '*',
    'live/match/master.m3u8',
    '/live',
    '/live/',
    '/live/match',
    '/live/match/',
    '/live/match/master.m3u8/',
    '//live/match/master.m3u8',
    '/live//match/master.m3u8',
    '/live/match//master.m3u8',
    '/Live/match/master.m3u8',
    '/live/Match/master.m3u8',
    '/live/match/MASTER.m3u8',
    '/live/-match/master.m3u8',
    `/live/${'a'.repeat(64)}/master.m3u8`,
    '/live/match/other.m3u8',
    '/live/match/../match/master.m3u8',
    '/live/match/./master.m3u8',
    '/live/../../etc/passwd',
    '/live/match/%2e%2e/master.m3u8',
    '/live/match/master%2em3u8',
    '/live/match%00/master.m3u8',
    '/live/match/master.m3u8%00',
    '/live/match/master.m3u8#x',
    '/live/match/master.m3u8;v=1',
    '/live/match\\master.m3u8',
    '/live/match/v720/3f9a/01.m4s',
    '/live/match/v720/3f9a/00.m4s',
    '/live/match/v720/3f9a/-1.m4s',
    '/live/match/v720/3f9a/+1.m4s',
    '/live/match/v720/3f9a/1e3.m4s',
    '/live/match/v720/3f9a/1.0x.m4s',
    '/live/match/v720/3f9a/1.01.m4s',
    '/live/match/v720/3f9a/1.10000.m4s',
    '/live/match/v720/3f9a/1.2.3.m4s',
    '/live/match/v720/3f9a/9007199254740992.m4s',
    '/live/match/v720/3f9a/99999999999999999999.m4s',
    '/live/match/v720/3f9a/.m4s',
    '/live/match/v720/3f9a/init-.mp4',
    '/live/match/v720/3f9a/init-..mp4',
    '/live/match/v720/3f.9a/1.m4s',
    '/live/match/v720/3f9a/x/1.m4s',
    '/live/match/v720/1.m4s',
    '/live/match/__proto__/media.m3u8',
    '/time/',
    '/times',
    '/TIME',
  ])('%s names nothing', (target) => {
    expect(parseAddress(target)).toEqual({ kind: 'unknown' });
  });

  it('answers every string without throwing, and never names something of a path with % or ..', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), fc.constantFrom('%', '..'), (noise, trap) => {
        parseAddress(noise);
        expect(parseAddress(`/live/match/${noise}${trap}/1.m4s`.replaceAll('?', '')).kind).toBe('unknown');
      }),
    );
  });
});

it('RFC 9112 3.2.2: a server MUST accept the absolute-form', () => {
  expect(named('http://origin.example:8080/live/match/master.m3u8?x=1')).toEqual({ kind: 'hls-master' });
  expect(named('HTTPS://origin.example/time')).toBe('time');
  expect(named('http://origin.example')).toBe('unknown');
  expect(named('http:///time')).toBe('unknown');
  expect(named('ftp://origin.example/time')).toBe('unknown');
});

describe('lengths', () => {
  it('takes a path of 1 kB and a query of 8 kB, and calls one character more too long', () => {
    const path = `/${'a'.repeat(ADDRESS_LIMITS.pathLength - 1)}`;
    expect(parseAddress(path).kind).toBe('unknown');
    expect(parseAddress(`${path}a`).kind).toBe('too-long');
    const query = 'q'.repeat(ADDRESS_LIMITS.queryLength);
    expect(named(`/live/match/master.m3u8?${query}`)).toEqual({ kind: 'hls-master' });
    expect(parseAddress(`/live/match/master.m3u8?${query}q`).kind).toBe('too-long');
    expect(parseAddress(`/?${'q'.repeat(65536)}`).kind).toBe('too-long');
  });
});

describe('queries', () => {
  it('never change which object is named', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii', maxLength: 200 }), (query) => {
        expect(named(`/live/match/v720/3f9a/5.m4s?${query}`)).toEqual(named('/live/match/v720/3f9a/5.m4s'));
        expect(named(`/live/match/v720/media.m3u8?${query}`)).toEqual({ kind: 'hls-media', track: 'v720' });
      }),
    );
  });

  it('RFC 8216bis 6.2.5: reads the delivery directives of a media playlist, in any order, among others', () => {
    expect(parseAddress('/live/match/v720/media.m3u8?a=1&_HLS_part=2&x_HLS_msn=9&_HLS_msn=900000001')).toMatchObject({
      directives: { kind: 'directives', msn: 900000001, part: 2, skip: undefined },
    });
    expect(parseDirectives('_HLS_skip=YES')).toMatchObject({ skip: 'YES', msn: undefined });
    expect(parseDirectives('_HLS_skip=v2&CMCD=sid')).toMatchObject({ skip: 'v2' });
    expect(parseDirectives('_HLS_unknown=1')).toEqual({ kind: 'none' });
    expect(parseDirectives('token=x&CMCD=br%3D1')).toEqual({ kind: 'none' });
    expect(parseAddress('/live/match/v720/dvr.m3u8?_HLS_msn=1')).toMatchObject({ directives: { kind: 'none' } });
  });

  it.each([
    ['_HLS_part=1', 'RFC 8216bis 6.2.5.2: _HLS_part without _HLS_msn'],
    ['_HLS_msn=', 'an empty number'],
    ['_HLS_msn', 'no number'],
    ['_HLS_msn=-1', 'a negative number'],
    ['_HLS_msn=1.5', 'a fraction'],
    ['_HLS_msn=1&_HLS_part=x', 'a part that is no number'],
    ['_HLS_msn=9007199254740993', 'an unsafe number'],
    ['_HLS_msn=1&_HLS_msn=2', 'a directive given twice'],
    ['_HLS_skip=no', 'a skip that is neither YES nor v2'],
  ])('%s is malformed: %s', (query) => {
    expect(parseDirectives(query).kind).toBe('malformed');
  });
});

it('a book of addresses reads as parseAddress does, however often and whatever else it was asked', () => {
  const addressOf = addressBook();
  const targets = Array.from({ length: 2500 }, (_, n) => `/live/match/v720/media.m3u8?_HLS_msn=${n}`);
  const others = [
    '/live/match/v720/g1/5.m4s',
    '/time',
    '/live/match/x',
    `/live/match/v720/media.m3u8?a=${'b'.repeat(300)}`,
    '/',
  ];
  const first = addressOf(targets[0]!);
  for (const target of [...others, ...targets, ...others, ...targets.slice(0, 50)])
    expect(addressOf(target)).toEqual(parseAddress(target));
  expect(addressOf(targets[0]!)).toBe(addressOf(targets[0]!));
  // It was forgotten in between: a book is bounded.
  expect(addressOf(targets[0]!)).not.toBe(first);
});
