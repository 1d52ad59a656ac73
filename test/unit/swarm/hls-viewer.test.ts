import { describe, expect, test } from 'vitest';
import type { Answer, Ask } from '../../../src/swarm/model.ts';
import { seedOf } from '../../../src/swarm/seeded.ts';
import { newViewer, stepViewer, type Viewer } from '../../../src/swarm/viewer.ts';
import { BASE, NOON_MS, SwarmStream, Theatre } from '../../fakes/swarm-stream.ts';

/** One viewer whose answers the test gives by hand. */
class Hand {
  viewer: Viewer;
  wakeAtMs: number | undefined;
  lateMs: number | undefined;
  readonly asked: Ask[] = [];

  constructor(kind: 'hls' | 'll-hls') {
    this.viewer = newViewer(kind, `${BASE}master.m3u8`, seedOf(1, 0), { thinkMs: undefined }, NOON_MS);
    this.do({ kind: 'wake' }, NOON_MS);
  }

  do(input: Parameters<typeof stepViewer>[1], nowMs: number): readonly Ask[] {
    const { viewer, asks, wakeAtMs, lateMs } = stepViewer(this.viewer, input, nowMs);
    Object.assign(this, { viewer, wakeAtMs, lateMs });
    this.asked.push(...asks);
    return asks;
  }

  /** Answers the newest request of the kind. */
  answer(stream: SwarmStream, kind: Ask['kind'], lane: number, nowMs: number, changes: Partial<Answer> = {}) {
    const ask = this.asked.findLast((one) => one.kind === kind && one.lane === lane);
    if (ask === undefined) throw new Error(`no ${kind} of lane ${lane} was asked for`);
    const answer = { status: 200, sentMs: nowMs, text: stream.facts(ask, nowMs), ...changes };
    return this.do({ kind: 'answer', ask, answer }, nowMs);
  }
}

const kinds = (asks: readonly Ask[]) => asks.map(({ kind }) => kind);
const names = (asks: readonly Ask[]) => asks.map(({ url }) => url.replace(/^.*\/live\/match\//, ''));
const POLLED = { segmentMs: 2000 };

/** Picture's list is asked for at `sentMs`, answered 100 ms later; sound stays out of it. */
function listed(stream: SwarmStream, kind: 'hls' | 'll-hls' = 'hls', sentMs = NOON_MS + 100): Hand {
  const hand = new Hand(kind);
  hand.answer(stream, 'multivariant', 0, sentMs);
  hand.answer(stream, 'playlist', 0, sentMs + 100);
  return hand;
}

function reloadsOf(hand: Hand, lane: number): number {
  return hand.asked.filter((ask) => ask.lane === lane && (ask.kind === 'playlist' || ask.kind === 'blocked')).length;
}

describe('RFC 8216bis 6.3.4: reloading', () => {
  test('MUST wait the duration of the last Segment after a changed playlist, measured from when the client began loading it', () => {
    const stream = new SwarmStream(POLLED);
    const hand = listed(stream);
    hand.do({ kind: 'wake' }, NOON_MS + 2099);
    expect(reloadsOf(hand, 0)).toBe(1);
    hand.do({ kind: 'wake' }, NOON_MS + 2100);
    expect(reloadsOf(hand, 0)).toBe(2);
  });

  test('MUST wait one-half of the target duration after an unchanged playlist', () => {
    const stream = new SwarmStream(POLLED);
    const hand = listed(stream);
    hand.do({ kind: 'wake' }, NOON_MS + 2100);
    // The text of a moment ago, as a cache has it.
    const ask = hand.asked.findLast(({ kind, lane }) => kind === 'playlist' && lane === 0) as Ask;
    const old = { status: 200, sentMs: 0, text: stream.facts(ask, NOON_MS + 200) };
    hand.do({ kind: 'answer', ask, answer: old }, NOON_MS + 2150);
    hand.do({ kind: 'wake' }, NOON_MS + 3099);
    expect(reloadsOf(hand, 0)).toBe(2);
    hand.do({ kind: 'wake' }, NOON_MS + 3100);
    expect(reloadsOf(hand, 0)).toBe(3);
  });

  test('MUST reload periodically unless there is an EXT-X-ENDLIST', () => {
    const hand = listed(new SwarmStream({ ...POLLED, hasEnded: true }));
    hand.do({ kind: 'wake' }, NOON_MS + 60_000);
    expect(reloadsOf(hand, 0)).toBe(1);
  });

  test('SHOULD NOT reload playlists of renditions that are not played: one picture and one sound', () => {
    const theatre = new Theatre(new SwarmStream(POLLED));
    theatre.join('hls', NOON_MS, 3);
    theatre.playUntil(NOON_MS + 30_000);
    const lists = new Set(theatre.sent.flatMap(({ ask }) => (ask.kind === 'playlist' ? [ask.url] : [])));
    expect(lists.size).toBe(2);
  });

  test('a list that does not come is asked for again after half a target duration, and after four failures the player starts over', () => {
    const stream = new SwarmStream(POLLED);
    const hand = listed(stream);
    let nowMs = NOON_MS + 2100;
    for (let turn = 1; turn <= 4; turn += 1) {
      hand.do({ kind: 'wake' }, nowMs);
      expect(reloadsOf(hand, 0)).toBe(1 + turn);
      hand.answer(stream, 'playlist', 0, nowMs, { status: 503, text: undefined });
      nowMs += 1000;
    }
    expect(kinds(hand.do({ kind: 'wake' }, nowMs + 2000))).toEqual(['multivariant']);
  });
});

describe('RFC 8216bis 6.3.3: where to begin', () => {
  test('SHOULD NOT begin less than three target durations from the end', () => {
    const stream = new SwarmStream(POLLED);
    const hand = listed(stream);
    const { msn } = stream.edge(NOON_MS + 200);
    const segment = hand.asked.find(({ kind }) => kind === 'segment');
    expect(segment?.url).toMatch(new RegExp(`/${msn - 3}\\.m4s$`));
  });

  test('with PART-HOLD-BACK begins so far from the last part, at one that can be decoded', () => {
    const stream = new SwarmStream({ segmentMs: 2000, partMs: 400, canBlock: true });
    // Four parts of the open Segment are out: 1.2 s before their end is the second one.
    const hand = listed(stream, 'll-hls', NOON_MS + 1600);
    const { msn, parts } = stream.edge(NOON_MS + 1700);
    expect(parts).toBe(4);
    expect(names(hand.asked.filter(({ kind }) => kind === 'part'))).toEqual([expect.stringMatching(`/g/${msn}.0.m4s`)]);
  });

  test('sound begins where the picture did', () => {
    const stream = new SwarmStream(POLLED);
    const hand = listed(stream);
    // A Segment later.
    hand.answer(stream, 'playlist', 1, NOON_MS + 2200);
    const [picture, sound] = hand.asked.filter(({ kind }) => kind === 'segment');
    expect(sound?.span?.startMs).toBe(picture?.span?.startMs);
  });

  test('the header first, once, then each Segment of the list in order, one at a time', () => {
    const theatre = new Theatre(new SwarmStream(POLLED));
    theatre.join('hls', NOON_MS, 1);
    theatre.playUntil(NOON_MS + 20_000);
    const sound = theatre.sent.filter(({ ask }) => ask.lane === 1).map(({ ask }) => ask);
    const media = sound.filter(({ kind }) => kind === 'segment');
    expect(kinds(sound.slice(0, 3))).toEqual(['playlist', 'init', 'segment']);
    expect(sound.filter(({ kind }) => kind === 'init')).toHaveLength(1);
    const numbers = media.map(({ url }) => Number(/(\d+)\.m4s/.exec(url)?.[1]));
    expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index));
    expect(numbers).toHaveLength(3 + 9);
  });

  test('bis 4.4.4.7: SHOULD NOT load a Segment with EXT-X-GAP', () => {
    const stream = new SwarmStream(POLLED);
    const hand = new Hand('hls');
    hand.answer(stream, 'multivariant', 0, NOON_MS + 100);
    const ask = hand.asked.find(({ kind, lane }) => kind === 'playlist' && lane === 0) as Ask;
    const facts = stream.facts(ask, NOON_MS + 200);
    if (facts?.kind !== 'list') throw new Error('no list');
    const { msn } = stream.edge(NOON_MS + 200);
    const segments = facts.list.segments.map((one) => ({ ...one, isGap: one.msn === msn - 3 }));
    const text = { kind: 'list', list: { ...facts.list, segments } } as const;
    const asks = hand.do({ kind: 'answer', ask, answer: { status: 200, sentMs: 0, text } }, NOON_MS + 200);
    expect(names(asks.filter(({ kind }) => kind === 'segment'))).toEqual([expect.stringMatching(`/g/${msn - 2}.m4s`)]);
  });
});

describe('RFC 8216bis 6.2.5: blocking reload and parts', () => {
  const LOW = { segmentMs: 2000, partMs: 400, canBlock: true };

  test('asks for what comes next by _HLS_msn and _HLS_part, in the order of their names (6.3.2), as soon as it has a list', () => {
    const stream = new SwarmStream(LOW);
    const hand = listed(stream, 'll-hls', NOON_MS + 900);
    const { msn, parts } = stream.edge(NOON_MS + 1000);
    expect(hand.asked.filter(({ kind }) => kind === 'blocked').map(({ url }) => new URL(url).search)).toEqual([
      `?_HLS_msn=${msn}&_HLS_part=${parts}`,
    ]);
  });

  test('names the Segment alone where there are no parts', () => {
    const stream = new SwarmStream({ segmentMs: 2000, canBlock: true });
    const hand = listed(stream, 'll-hls');
    const blocked = hand.asked.find(({ kind }) => kind === 'blocked');
    expect(new URL(blocked?.url ?? '').search).toBe(`?_HLS_msn=${stream.edge(NOON_MS + 200).msn}`);
  });

  test('never asks with directives without CAN-BLOCK-RELOAD=YES, and then polls', () => {
    const theatre = new Theatre(new SwarmStream({ ...LOW, canBlock: false }));
    theatre.join('ll-hls', NOON_MS, 1);
    theatre.playUntil(NOON_MS + 20_000);
    expect(theatre.sent.some(({ ask }) => ask.url.includes('_HLS_'))).toBe(false);
    expect(theatre.sent.filter(({ ask }) => ask.kind === 'playlist' && ask.lane === 0)).toHaveLength(10);
  });

  test('an unchanged answer to a blocking reload is no reason to hurry: half a target duration', () => {
    const stream = new SwarmStream(LOW);
    const hand = listed(stream, 'll-hls', NOON_MS + 900);
    hand.answer(stream, 'blocked', 0, NOON_MS + 1010);
    hand.do({ kind: 'wake' }, NOON_MS + 1990);
    expect(reloadsOf(hand, 0)).toBe(2);
    hand.do({ kind: 'wake' }, NOON_MS + 2000);
    expect(reloadsOf(hand, 0)).toBe(3);
  });

  test('asks for the hinted part before it exists, and for each part once', () => {
    const theatre = new Theatre(new SwarmStream(LOW));
    theatre.join('ll-hls', NOON_MS + 50, 1);
    theatre.playUntil(NOON_MS + 20_050);
    const picture = theatre.between(NOON_MS + 4000, NOON_MS + 20_000).filter(({ ask }) => ask.lane === 0);
    const parts = picture.filter(({ ask }) => ask.kind === 'hint');
    for (const { ask, atMs } of parts) {
      const [, msn, part] = /(\d+)\.(\d)\.m4s/.exec(ask.url) ?? [];
      expect(atMs).toBeLessThan(Number(msn) * 2000 + (Number(part) + 1) * 400);
    }
    expect(parts).toHaveLength(40);
    expect(new Set(parts.map(({ ask }) => ask.url)).size).toBe(40);
    expect(picture.filter(({ ask }) => ask.kind === 'part' || ask.kind === 'segment')).toHaveLength(0);
    expect(theatre.late).toEqual([]);
  });
});

describe('a viewer', () => {
  test('counts a Segment as late by how long its picture stood still, once', () => {
    const stream = new SwarmStream(POLLED);
    const hand = listed(stream);
    hand.answer(stream, 'playlist', 1, NOON_MS + 210);
    hand.answer(stream, 'segment', 0, NOON_MS + 300);
    // Both have their first: it plays from now on, and has 2 s.
    hand.answer(stream, 'segment', 1, NOON_MS + 400);
    hand.answer(stream, 'segment', 0, NOON_MS + 3400);
    expect(hand.lateMs).toBe(1000);
    hand.answer(stream, 'segment', 1, NOON_MS + 3400);
    expect(hand.lateMs).toBeUndefined();
  });

  test('does not take answers to a session that it left, not even for the same Segment', () => {
    const stream = new SwarmStream(POLLED);
    const hand = listed(stream);
    const old = hand.asked.find(({ kind }) => kind === 'segment') as Ask;
    expect(kinds(hand.do({ kind: 'reload' }, NOON_MS + 500))).toEqual(['multivariant']);
    // The seed may choose the other rung this time: the old answer is given its name.
    hand.answer(stream, 'multivariant', 0, NOON_MS + 600);
    hand.answer(stream, 'playlist', 0, NOON_MS + 700);
    const anew = hand.asked.findLast(({ kind }) => kind === 'segment') as Ask;
    const answer = { status: 200, sentMs: 0 };
    expect(hand.do({ kind: 'answer', ask: { ...anew, session: old.session }, answer }, NOON_MS + 800)).toEqual([]);
    expect(kinds(hand.do({ kind: 'answer', ask: anew, answer }, NOON_MS + 900))).toEqual(['segment']);
  });

  test('that rewinds loads from there without parts, without the multivariant playlist, and fills 20 s', () => {
    const stream = new SwarmStream({ segmentMs: 2000, partMs: 400, canBlock: true, windowSegments: 30 });
    const theatre = new Theatre(stream);
    theatre.join('ll-hls', NOON_MS, 1);
    theatre.playUntil(NOON_MS + 10_000);
    theatre.step(0, { kind: 'rewind', share: 0.25 });
    theatre.playUntil(NOON_MS + 11_000);
    const after = theatre.between(NOON_MS + 10_000, NOON_MS + 11_000).filter(({ ask }) => ask.lane === 0);
    expect(kinds(after.map(({ ask }) => ask)).slice(0, 1)).toEqual(['playlist']);
    const media = after.filter(({ ask }) => ask.kind === 'segment');
    const { msn } = stream.edge(NOON_MS + 10_000);
    expect(media[0]?.ask.url).toMatch(new RegExp(`/${msn - 30 + 7}\\.m4s$`));
    expect(media).toHaveLength(11);
    expect(theatre.late).toEqual([]);
  });

  test('now and then takes another rung, whose list it loads and whose Segments go on where it was', () => {
    const theatre = new Theatre(new SwarmStream(POLLED));
    theatre.join('hls', NOON_MS, 5, 8000);
    theatre.playUntil(NOON_MS + 120_000);
    const lists = theatre.sent.flatMap(({ ask }) => (ask.kind === 'playlist' && ask.lane === 0 ? [ask.rendition] : []));
    expect(new Set(lists).size).toBe(2);
    expect(theatre.late).toEqual([]);
  });

  test('skips a Segment that is refused twice', () => {
    const stream = new SwarmStream(POLLED);
    const hand = listed(stream);
    const first = hand.asked.findLast(({ kind }) => kind === 'segment')?.url;
    hand.answer(stream, 'segment', 0, NOON_MS + 300, { status: 404 });
    expect(names(hand.do({ kind: 'wake' }, NOON_MS + 1300))).toEqual(names([{ url: first } as Ask]));
    hand.answer(stream, 'segment', 0, NOON_MS + 1400, { status: 404 });
    const next = hand.do({ kind: 'wake' }, NOON_MS + 2400).filter(({ kind }) => kind === 'segment');
    expect(next).toHaveLength(1);
    expect(next[0]?.url).not.toBe(first);
  });
});
