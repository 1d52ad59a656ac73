/** How the console is told: the event stream cut anywhere, and the feed that resumes, waits and polls. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EventStreamReader } from '../../../src/control/page/event-stream.js';
import { type FeedMode, openLiveFeed, retryDelayMs } from '../../../src/control/page/live-feed.js';

const bytes = (text: string) => new TextEncoder().encode(text);
const readAll = (...pieces: readonly Uint8Array[]) => {
  const reader = new EventStreamReader();
  return pieces.flatMap((piece) => reader.push(piece));
};
const read = (text: string) => readAll(bytes(text));

describe('an event stream (WHATWG HTML 9.2.6)', () => {
  test('a message ends with an empty line, whatever ends the lines', () => {
    const expected = [{ type: 'state', data: '{"a":1}', id: '7' }];
    for (const end of ['\n', '\r', '\r\n'])
      expect(read(`event: state${end}id: 7${end}data: {"a":1}${end}${end}`)).toEqual(expected);
  });

  test('lines of data are joined, one space after the colon is none of it, a field needs no colon', () => {
    expect(read('data:  a\ndata:b\ndata\n\n')).toEqual([{ type: 'message', data: ' a\nb\n', id: '' }]);
  });

  test('comments and unknown fields are passed over, a message without data is none, but its id stays', () => {
    expect(read(': hello\nretry: 10\nfoo: bar\nid: 3\n\nevent: x\n\ndata: y\n\n')).toEqual([
      { type: 'message', data: 'y', id: '3' },
    ]);
  });

  test('the type is of one message, an id with NUL is none, and a first byte order mark is no text', () => {
    expect(read('\uFEFFevent: x\nid: 1\ndata: a\n\nid: 2\0\ndata: b\n\n')).toEqual([
      { type: 'x', data: 'a', id: '1' },
      { type: 'message', data: 'b', id: '1' },
    ]);
  });

  test('what is not ended by an empty line is no message yet', () => {
    expect(read('data: a\n')).toEqual([]);
  });

  test('a message that does not end is refused before it fills the memory', () => {
    const reader = new EventStreamReader();
    const megabyte = new Uint8Array(1_000_000).fill(97);
    expect(() => {
      for (let count = 0; count < 20; count += 1) reader.push(megabyte);
    }).toThrow(RangeError);
    const lines = new EventStreamReader();
    expect(() => {
      for (let count = 0; count < 20; count += 1) lines.push(bytes(`data: ${'a'.repeat(1_000_000)}\n`));
    }).toThrow(RangeError);
  });

  test('however the bytes are cut, the messages are the same', () => {
    const line = fc.oneof(
      fc.constantFrom('', '', 'data: ⚽ é', 'data', 'event: state', 'id: 4', ': c', 'retry: 1', 'data:{"x":"–"}', 'id'),
      fc.string({ maxLength: 8 }).map((text) => `data: ${text.replaceAll(/[\r\n]/g, '')}`),
    );
    const stream = fc.array(fc.tuple(line, fc.constantFrom('\n', '\r', '\r\n')), { maxLength: 30 });
    const cuts = fc.array(fc.nat({ max: 400 }), { maxLength: 12 });
    fc.assert(
      fc.property(stream, cuts, (lines, at) => {
        const whole = bytes(`data: begin\n\n${lines.map(([text, end]) => text + end).join('')}`);
        const ends = [...at.map((cut) => cut % (whole.length + 1)), whole.length].sort((a, b) => a - b);
        const pieces = ends.map((end, index) => whole.subarray(ends[index - 1] ?? 0, end));
        const once = [...whole].map((_byte, index) => whole.subarray(index, index + 1));
        expect(readAll(...pieces)).toEqual(readAll(whole));
        expect(readAll(...once)).toEqual(readAll(whole));
      }),
    );
  });
});

describe('the wait before the next try', () => {
  test('doubles from a second to half a minute, the latter half by chance', () => {
    expect([1, 2, 3, 6, 50].map((failures) => retryDelayMs(failures, 1))).toEqual([1000, 2000, 4000, 30_000, 30_000]);
    expect(retryDelayMs(3, 0)).toBe(2000);
  });
});

/** A service whose streams are what a test hands in, one a try; waits pass at once and are noted. */
function feedOf(streams: (readonly string[] | Error)[], polls: readonly (object | Error)[]) {
  const told: unknown[] = [];
  const modes: FeedMode[] = [];
  const asked: string[] = [];
  const waits: number[] = [];
  let close = () => {};
  let polled = 0;
  const ended = new Promise<void>((resolve) => {
    const feed = openLiveFeed({
      async open(lastId) {
        asked.push(lastId);
        const next = streams.shift();
        if (next === undefined) {
          void feed.close().then(resolve);
          throw new Error('over');
        }
        if (next instanceof Error) throw next;
        return new ReadableStream({
          start(controller) {
            for (const text of next) controller.enqueue(bytes(text));
            controller.close();
          },
        });
      },
      async poll() {
        const answer = polls[Math.min(polled, polls.length - 1)];
        polled += 1;
        if (answer instanceof Error) throw answer;
        return answer;
      },
      onEvent: (type, data) => told.push([type, data]),
      onMode: (mode) => modes.push(mode),
      async wait(ms) {
        waits.push(ms);
      },
      random: () => 1,
    });
    close = () => void feed.close();
  });
  return { told, modes, asked, waits, ended, close: () => close() };
}

describe('the feed', () => {
  test('hands on what comes, and resumes after the last id that it heard', async () => {
    const feed = feedOf(
      [['event: figures\ndata: {"n":1}\n\nid: 9\nevent: state\nda', 'ta: {"n":2}\n\n'], ['data: {"n":3}\n\n']],
      [{ n: 0 }],
    );
    await feed.ended;
    expect(feed.told.filter((one) => (one as string[])[0] !== 'channels')).toEqual([
      ['figures', { n: 1 }],
      ['state', { n: 2 }],
      ['message', { n: 3 }],
    ]);
    expect(feed.asked).toEqual(['0', '9', '9']);
  });

  test('polls the channels while there are no events, and waits longer each time', async () => {
    const broken = new Error('502');
    const feed = feedOf([broken, broken, broken], [{ channels: [] }]);
    await feed.ended;
    expect(feed.told).toEqual(Array(1 + 1 + 2).fill(['channels', { channels: [] }]));
    expect(feed.waits).toEqual([1000, 2000, 2000, 2000]);
    expect(new Set(feed.modes)).toEqual(new Set(['polling']));
  });

  test('says that the service does not answer when not even that is answered', async () => {
    const feed = feedOf([new Error('refused'), ['data: 1\n\n']], [new Error('refused'), {}]);
    await feed.ended;
    expect(feed.modes).toEqual(['silent', 'events', 'polling']);
  });

  test('a stream that was heard begins the waits anew', async () => {
    const broken = new Error('502');
    const feed = feedOf([broken, broken, ['data: 1\n\n'], broken], [{}]);
    await feed.ended;
    expect(feed.waits).toEqual([1000, 2000, 1000, 2000]);
  });

  test('a stream that says what is no JSON is a failed one, and the next is tried', async () => {
    const feed = feedOf([['data: {\n\n'], ['data: 2\n\n']], [{}]);
    await feed.ended;
    expect(feed.told.at(1)).toEqual(['message', 2]);
  });
});
