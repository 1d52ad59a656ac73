import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AnswerReader, type ReadAnswer, type Reading } from '../../../src/swarm/answer-reader.ts';

const BODY = Buffer.from(Array.from({ length: 300 }, (_, index) => index % 256));
const head = (...lines: string[]) => Buffer.from(`${['HTTP/1.1 200 OK', ...lines].join('\r\n')}\r\n\r\n`, 'latin1');
const chunked = (...chunks: Buffer[]) =>
  Buffer.concat([
    ...chunks.flatMap((chunk) => [Buffer.from(`${chunk.length.toString(16)};a=b\r\n`), chunk, Buffer.from('\r\n')]),
    Buffer.from('0\r\nX-Trailer: 1\r\n\r\n'),
  ]);

const LENGTH = Buffer.concat([head('Content-Length: 300', 'Cache-Status: varnish; hit', 'ETag: "x"'), BODY]);
const CHUNKED = Buffer.concat([head('transfer-encoding: chunked'), chunked(BODY.subarray(0, 7), BODY.subarray(7))]);

/** Read in pieces that end at `cuts`, each in memory that is overwritten afterwards, as the shared buffer is. */
function read(wire: Buffer, cuts: readonly number[] = [], keep = true, reader = new AnswerReader()): Reading {
  reader.begin(keep);
  let last: Reading = 'more';
  const places = [0, ...cuts.map((cut) => cut % wire.length).toSorted((a, b) => a - b), wire.length];
  for (const [index, from] of places.slice(0, -1).entries()) {
    const piece = Buffer.from(wire.subarray(from, places[index + 1]));
    if (last !== 'more') return 'broken';
    if (piece.length > 0) last = reader.take(piece);
    piece.fill(0xee);
  }
  return last;
}

function whole(reading: Reading): ReadAnswer {
  if (typeof reading === 'string') throw new Error(reading);
  return reading;
}

describe('an answer', () => {
  test.each([
    ['RFC 9112 6.2: Content-Length', LENGTH],
    ['RFC 9112 7.1: chunked, with an extension and a trailer', CHUNKED],
    [
      'RFC 9110 15.2: after 1xx',
      Buffer.concat([Buffer.from('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'), LENGTH]),
    ],
  ])('%s: the same wherever its bytes are cut', (_, wire) => {
    fc.assert(
      fc.property(fc.array(fc.nat(2000), { maxLength: 12 }), fc.boolean(), (cuts, keep) => {
        const { status, bytes, body, persists } = whole(read(wire, cuts, keep));
        expect([status, bytes, persists]).toEqual([200, 300, true]);
        if (keep) expect(body?.equals(BODY)).toBe(true);
        else expect(body).toBeUndefined();
      }),
    );
  });

  test('has the fields that a swarm looks at, in one case, repeated ones as one list (RFC 9110 5.3)', () => {
    const wire = head(
      'Content-Length: 0',
      'CACHE-STATUS: a; hit',
      'Cache-Status:  b; fwd=miss ',
      'Age: 4',
      'Server: x',
    );
    expect(whole(read(wire)).headers).toEqual({
      'content-length': '0',
      'cache-status': 'a; hit, b; fwd=miss',
      age: '4',
    });
    expect(whole(read(head('Content-Length: 0', 'Content-Encoding: gzip'))).isGzip).toBe(true);
  });

  test('RFC 9112 6.3: 304 and 204 have no body, whatever they say of its length', () => {
    for (const status of [304, 204]) {
      const wire = Buffer.from(`HTTP/1.1 ${status} X\r\nContent-Length: 300\r\n\r\n`);
      expect(whole(read(wire))).toMatchObject({ status, bytes: 0, persists: true });
    }
  });

  test('RFC 9112 9.3: the connection is kept unless it says close, or HTTP/1.0 does not say keep-alive', () => {
    const persists = (line: string, field: string) =>
      whole(read(Buffer.from(`${line} 200 OK\r\nContent-Length: 0\r\n${field}\r\n\r\n`))).persists;
    expect(persists('HTTP/1.1', 'Connection: close')).toBe(false);
    expect(persists('HTTP/1.1', 'Connection: Keep-Alive')).toBe(true);
    expect(persists('HTTP/1.0', 'X: y')).toBe(false);
    expect(persists('HTTP/1.0', 'Connection: keep-alive')).toBe(true);
  });

  test('RFC 9112 6.3: without length and chunks it ends with its connection, and only then', () => {
    const reader = new AnswerReader();
    expect(read(Buffer.concat([head('Server: x'), BODY]), [50], true, reader)).toBe('more');
    expect(whole(reader.closed())).toMatchObject({ status: 200, bytes: 300, persists: false });
  });

  test('is not whole when its connection ends before its framing says so', () => {
    for (const wire of [LENGTH, CHUNKED]) {
      const reader = new AnswerReader();
      expect(read(wire.subarray(0, -1), [], false, reader)).toBe('more');
      expect(reader.closed()).toBe('broken');
    }
  });

  test('RFC 9112 9.2: bytes that nobody asked for after it break the connection', () => {
    expect(read(Buffer.concat([LENGTH, Buffer.from('H')]))).toBe('broken');
  });

  test('begins with its first byte', () => {
    const reader = new AnswerReader();
    reader.begin(false);
    expect(reader.hasBegun).toBe(false);
    reader.take(Buffer.from('H'));
    expect(reader.hasBegun).toBe(true);
    read(LENGTH, [], false, reader);
    expect(reader.hasBegun).toBe(true);
    reader.begin(false);
    expect(reader.hasBegun).toBe(false);
  });

  test.each([
    ['no HTTP', Buffer.from('SSH-2.0-x\r\n\r\n')],
    ['a field without a colon', Buffer.from('HTTP/1.1 200 OK\r\nnonsense\r\nA: b\r\n\r\n')],
    ['a head without an end', Buffer.concat([head('A: b').subarray(0, -2), Buffer.alloc(20_000, 'a')])],
    ['a chunk without a size', Buffer.concat([head('Transfer-Encoding: chunked'), Buffer.from('zz\r\n')])],
    ['a chunk longer than it says', Buffer.concat([head('Transfer-Encoding: chunked'), Buffer.from('1\r\nab\r\n')])],
    ['a line without an end', Buffer.concat([head('Transfer-Encoding: chunked'), Buffer.alloc(3000, '0')])],
  ])('%s is broken', (_, wire) => {
    expect(read(wire)).toBe('broken');
  });
});
