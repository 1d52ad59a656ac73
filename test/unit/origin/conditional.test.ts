import { describe, expect, it } from 'vitest';
import { prefersGzip, type RequestFields, select, type Validators } from '../../../src/origin/conditional.ts';

const NONE: RequestFields = {
  ifMatch: undefined,
  ifNoneMatch: undefined,
  ifModifiedSince: undefined,
  ifUnmodifiedSince: undefined,
  range: undefined,
  ifRange: undefined,
};
const DATE = 'Sat, 21 Nov 2026 19:42:00 GMT';
const MEDIA: Validators = { etag: '"abc,1"', lastModifiedSeconds: Date.parse(DATE) / 1000, length: 100, ranges: true };
const TEXT: Validators = { ...MEDIA, lastModifiedSeconds: undefined, ranges: false };
const ask = (fields: Partial<RequestFields>, validators = MEDIA, isGet = true) =>
  select({ ...NONE, ...fields }, validators, isGet);
const range = (value: string, ifRange?: string) => ask({ range: value, ifRange });

describe('If-None-Match, RFC 9110 13.1.2', () => {
  it.each(['"abc,1"', 'W/"abc,1"', '"x", "abc,1"', '"x" ,W/"abc,1","y"', '*', ' * '])('%s matches', (ifNoneMatch) => {
    expect(ask({ ifNoneMatch }).kind).toBe('not-modified');
    expect(ask({ ifNoneMatch }, TEXT, false).kind).toBe('not-modified');
  });

  it.each(['"abc"', 'abc,1', '"ABC,1"', '', '"abc", "1"', 'garbage "'])('%s does not', (ifNoneMatch) => {
    expect(ask({ ifNoneMatch }).kind).toBe('whole');
  });

  it('13.1.3: a recipient MUST ignore If-Modified-Since when If-None-Match is there', () => {
    expect(ask({ ifNoneMatch: '"other"', ifModifiedSince: DATE }).kind).toBe('whole');
  });

  it('13.2.2: comes before Range', () => {
    expect(ask({ ifNoneMatch: '"abc,1"', range: 'bytes=0-1' }).kind).toBe('not-modified');
  });
});

describe('dates, RFC 9110 13.1.3 and 13.1.4', () => {
  it('If-Modified-Since answers 304 for media unchanged since, in all three forms of a date', () => {
    for (const ifModifiedSince of [DATE, 'Saturday, 21-Nov-26 19:42:00 GMT', 'Sat, 21 Nov 2026 19:42:01 GMT']) {
      expect(ask({ ifModifiedSince }).kind).toBe('not-modified');
    }
    expect(ask({ ifModifiedSince: 'Sat, 21 Nov 2026 19:41:59 GMT' }).kind).toBe('whole');
  });

  it('ignores what is not a date', () => {
    for (const ifModifiedSince of ['', 'yesterday', '2026', '99999999999']) {
      expect(ask({ ifModifiedSince }).kind).toBe('whole');
    }
  });

  it('never proves a text by a date: two revisions may share a second', () => {
    expect(ask({ ifModifiedSince: DATE }, TEXT).kind).toBe('whole');
  });

  it('If-Unmodified-Since before the change fails', () => {
    expect(ask({ ifUnmodifiedSince: 'Sat, 21 Nov 2026 19:41:59 GMT' }).kind).toBe('precondition-failed');
    expect(ask({ ifUnmodifiedSince: DATE }).kind).toBe('whole');
  });
});

it('13.1.1: If-Match compares strongly, and its failure is 412', () => {
  expect(ask({ ifMatch: '"x", "abc,1"' }).kind).toBe('whole');
  expect(ask({ ifMatch: '*' }).kind).toBe('whole');
  expect(ask({ ifMatch: 'W/"abc,1"' }).kind).toBe('precondition-failed');
  expect(ask({ ifMatch: '"x"' }).kind).toBe('precondition-failed');
});

describe('checklist 6 MUST: ranges on finished objects, RFC 9110 14', () => {
  it.each([
    ['bytes=0-0', 0, 0],
    ['bytes=0-', 0, 99],
    ['bytes=10-19', 10, 19],
    ['bytes=99-', 99, 99],
    ['bytes=50-1000', 50, 99],
    ['bytes=0-9007199254740991', 0, 99],
    ['bytes=-1', 99, 99],
    ['bytes=-1000', 0, 99],
    ['Bytes=5-6', 5, 6],
  ])('%s', (value, first, last) => {
    expect(range(value)).toEqual({ kind: 'range', first, last });
  });

  it.each(['bytes=100-', 'bytes=100-200', 'bytes=-0'])('%s cannot be satisfied', (value) => {
    expect(range(value).kind).toBe('unsatisfiable');
  });

  it.each([
    'bytes=0-1,5-6',
    'bytes=0-1, -5',
    'bytes=5-4',
    'bytes=-',
    'bytes=a-b',
    'bytes',
    'items=0-1',
    '',
    'bytes=0-1x',
  ])('%s is ignored', (value) => {
    expect(range(value).kind).toBe('whole');
  });

  it('is for GET only (14.2), and not for what has no ranges', () => {
    expect(ask({ range: 'bytes=0-1' }, MEDIA, false).kind).toBe('whole');
    expect(ask({ range: 'bytes=0-1' }, TEXT).kind).toBe('whole');
  });

  it('an empty object has no satisfiable range', () => {
    expect(ask({ range: 'bytes=0-' }, { ...MEDIA, length: 0 }).kind).toBe('unsatisfiable');
    expect(ask({ range: 'bytes=-5' }, { ...MEDIA, length: 0 }).kind).toBe('unsatisfiable');
  });

  it('13.1.5: If-Range lets the range through by a strong tag or the exact date, else the whole is sent', () => {
    expect(range('bytes=0-1', '"abc,1"').kind).toBe('range');
    expect(range('bytes=0-1', DATE).kind).toBe('range');
    for (const stale of [
      'W/"abc,1"',
      '"other"',
      'Sat, 21 Nov 2026 19:42:01 GMT',
      'Sat, 21 Nov 2026 19:41:59 GMT',
      'x',
    ]) {
      expect(range('bytes=0-1', stale).kind).toBe('whole');
      expect(range('bytes=500-', stale).kind).toBe('whole');
    }
  });
});

describe('Accept-Encoding, RFC 9110 12.5.3', () => {
  it.each([
    'gzip',
    'gzip, deflate, br',
    'br;q=1.0, gzip;q=0.8, *;q=0.1',
    '*',
    'GZIP',
    'x-gzip',
    'identity;q=0.5, gzip',
    'gzip;q=0.001',
  ])('%s takes gzip', (field) => {
    expect(prefersGzip(field)).toBe(true);
  });

  it.each([
    undefined,
    '',
    'identity',
    'br',
    'gzip;q=0',
    'gzip;q=0.0, *',
    '*;q=0',
    'gzip;q=0.2, identity;q=0.9',
    'gzip;q=x',
    'notgzip',
  ])('%s does not', (field) => {
    expect(prefersGzip(field)).toBe(false);
  });
});

describe('an object that is still growing has no tag', () => {
  const none: Validators = { etag: undefined, lastModifiedSeconds: undefined, length: 0, ranges: false };
  const asked = (fields: Partial<RequestFields>) => select({ ...NONE, ...fields }, none, true).kind;

  it('RFC 9110 13.1.2: If-None-Match with tags cannot match; `*` is about any representation', () => {
    for (const tags of ['"a"', 'W/"a"', '"undefined"', 'W/"undefined"'])
      expect(asked({ ifNoneMatch: tags })).toBe('whole');
    expect(asked({ ifNoneMatch: '*' })).toBe('not-modified');
  });

  it('RFC 9110 13.1.1: If-Match with tags fails, for there is no strong validator yet', () => {
    expect(asked({ ifMatch: '"a"' })).toBe('precondition-failed');
    expect(asked({ ifMatch: '*' })).toBe('whole');
  });

  it('RFC 9110 14.2: Range is ignored, and dates prove nothing', () => {
    expect(asked({ range: 'bytes=0-9' })).toBe('whole');
    expect(asked({ range: 'bytes=99999-' })).toBe('whole');
    expect(asked({ ifModifiedSince: 'Sun, 06 Nov 2036 08:49:37 GMT' })).toBe('whole');
  });
});
