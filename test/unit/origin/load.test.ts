import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Load, type Work } from '../../../src/origin/load.ts';

const limits = { waiters: 10, connections: 10, bytesInFlight: 1000 };
const WORKS: readonly Work[] = ['text', 'media', 'held-text', 'held-media'];
let now = { waiting: 0, connected: 0, bytes: 0 };
let shed: string[] = [];
let load: Load;

beforeEach(() => {
  now = { waiting: 0, connected: 0, bytes: 0 };
  shed = [];
  load = new Load({
    limits,
    waiting: () => now.waiting,
    connected: () => now.connected,
    onBytes: (bytes) => {
      now.bytes = bytes;
    },
    onShed: (kind, reason) => shed.push(`${kind} ${reason}`),
  });
});

/** Which of the four are refused now. */
const refused = () => WORKS.filter((work) => load.refuses(work, 'segment') !== undefined);

describe('holds and playlists first, segments last', () => {
  it('nothing is refused below four fifths of every limit', () => {
    now.waiting = 7;
    now.connected = 8;
    load.sending(799);
    expect(refused()).toEqual([]);
    expect(shed).toEqual([]);
  });

  it('connections: from four fifths on holds and playlists; media that is there never, for above the limit nobody is let in', () => {
    now.connected = 9;
    expect(refused()).toEqual(['text', 'held-text', 'held-media']);
    now.connected = 11;
    expect(refused()).toEqual(['text', 'held-text', 'held-media']);
    expect(new Set(shed)).toEqual(new Set(['segment connections']));
  });

  it('waiters: playlists from four fifths on, media at the limit; what needs no waiting is answered', () => {
    now.waiting = 8;
    expect(refused()).toEqual(['held-text']);
    now.waiting = 10;
    expect(refused()).toEqual(['held-text', 'held-media']);
    expect(new Set(shed)).toEqual(new Set(['segment waiters']));
  });

  it('bytes in flight: playlists and holds of them from four fifths on, media at the limit', () => {
    const isOut = load.sending(800);
    expect(refused()).toEqual(['text', 'held-text']);
    load.sending(200);
    expect(refused()).toEqual(WORKS);
    isOut();
    expect(refused()).toEqual([]);
    expect(new Set(shed)).toEqual(new Set(['segment bytes']));
  });
});

it('bytes in flight are those of the bodies that are not out, however often that is said', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(1000), fc.nat(3))), (bodies) => {
      const before = now.bytes;
      const kept = bodies.filter(([bytes, times]) => {
        const isOut = load.sending(bytes);
        for (let time = 0; time < times; time += 1) isOut();
        return times === 0;
      });
      expect(now.bytes - before).toBe(kept.reduce((sum, [bytes]) => sum + bytes, 0));
    }),
  );
});
