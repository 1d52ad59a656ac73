import { describe, expect, test } from 'vitest';
import type { Answer, Ask } from '../../../src/swarm/model.ts';
import { newViewer, stepViewer } from '../../../src/swarm/viewer.ts';
import { BASE, NOON_MS, SwarmStream, Theatre } from '../../fakes/swarm-stream.ts';

const STREAM = { segmentMs: 2000 };
const numberOf = ({ url }: Ask) => Number(/(\d+)\.m4s/.exec(url)?.[1]);

function played(shape: ConstructorParameters<typeof SwarmStream>[0], seconds: number): Theatre {
  const theatre = new Theatre(new SwarmStream(shape));
  theatre.join('dash', NOON_MS, 1);
  theatre.playUntil(NOON_MS + seconds * 1000);
  return theatre;
}

describe('a DASH viewer', () => {
  test('ISO/IEC 23009-1 5.3.1.2: loads the MPD again each minimumUpdatePeriod, from when it began to load it', () => {
    const theatre = played({ ...STREAM, updateMs: 5000, roundTripMs: 400 }, 21);
    const times = theatre.sent.filter(({ ask }) => ask.kind === 'mpd').map(({ atMs }) => atMs - NOON_MS);
    expect(times).toEqual([0, 5000, 10_000, 15_000, 20_000]);
  });

  test('A.3.2: asks for no Segment before its end and availabilityStartTime, and for each once, soon after', () => {
    const media = played(STREAM, 30).sent.filter(({ ask, atMs }) => ask.kind === 'segment' && atMs > NOON_MS + 4000);
    for (const { ask, atMs } of media) {
      const availableMs = (numberOf(ask) + 1) * 2000 + 1000;
      expect(atMs).toBeGreaterThanOrEqual(availableMs);
      expect(atMs).toBeLessThan(availableMs + 310);
    }
    expect(media.filter(({ ask }) => ask.lane === 0)).toHaveLength(13);
  });

  test('availabilityTimeOffset: asks for a Segment as soon as its first part is there, and its last byte is not late', () => {
    const theatre = played({ ...STREAM, partMs: 400 }, 30);
    const media = theatre.sent.filter(({ ask, atMs }) => ask.kind === 'segment' && atMs > NOON_MS + 4000);
    for (const { ask, atMs } of media) expect(atMs - numberOf(ask) * 2000).toBeLessThan(1000 + 400 + 310);
    expect(theatre.late).toEqual([]);
  });

  test('begins the delay of the MPD behind the clock, and asks for the time once', () => {
    const theatre = played(STREAM, 10);
    const [first] = theatre.sent.filter(({ ask }) => ask.kind === 'segment');
    // 4 s behind, and media is a second behind availabilityStartTime.
    expect(numberOf(first?.ask as Ask)).toBe(Math.floor((NOON_MS - 5000) / 2000));
    expect(theatre.sent.filter(({ ask }) => ask.kind === 'time')).toHaveLength(1);
    expect(theatre.late).toEqual([]);
  });

  test('does not take answers to a session that it left, not even for the same Segment', () => {
    const stream = new SwarmStream(STREAM);
    let viewer = newViewer('dash', `${BASE}manifest.mpd`, 1, { thinkMs: undefined }, NOON_MS);
    let asked: readonly Ask[] = [];
    const give = (input: Parameters<typeof stepViewer>[1], nowMs: number) => {
      const step = stepViewer(viewer, input, nowMs);
      viewer = step.viewer;
      asked = step.asks;
      return step.asks;
    };
    const answer = (ask: Ask, nowMs: number): Answer => stream.answer(ask, nowMs).answer;
    const mpdComes = (nowMs: number) => {
      const [mpd] = asked as [Ask];
      return give({ kind: 'answer', ask: mpd, answer: answer(mpd, nowMs) }, nowMs);
    };
    give({ kind: 'wake' }, NOON_MS);
    const old = mpdComes(NOON_MS + 10).find(({ kind }) => kind === 'segment') as Ask;
    give({ kind: 'reload' }, NOON_MS + 100);
    const anew = mpdComes(NOON_MS + 110).find(({ kind }) => kind === 'segment') as Ask;
    expect([anew.url, anew.session]).toEqual([old.url, old.session + 1]);
    const came = { status: 200, sentMs: 0 };
    expect(give({ kind: 'answer', ask: old, answer: came }, NOON_MS + 120)).toEqual([]);
    expect(give({ kind: 'answer', ask: anew, answer: came }, NOON_MS + 130).map(({ lane }) => lane)).toEqual([
      anew.lane,
    ]);
  });

  test('goes by the clock of the server, not its own; and after a 404 asks for the time again', () => {
    const stream = new SwarmStream(STREAM);
    let viewer = newViewer('dash', `${BASE}manifest.mpd`, 1, { thinkMs: undefined }, NOON_MS);
    const asked: Ask[] = [];
    let wakeAtMs: number | undefined;
    const give = (input: Parameters<typeof stepViewer>[1], nowMs: number) => {
      const step = stepViewer(viewer, input, nowMs);
      viewer = step.viewer;
      wakeAtMs = step.wakeAtMs;
      asked.push(...step.asks);
      return step.asks;
    };
    const answer = (kind: Ask['kind'], nowMs: number, changes: Partial<Answer>) => {
      const ask = asked.findLast((one) => one.kind === kind) as Ask;
      return give({ kind: 'answer', ask, answer: { status: 200, sentMs: nowMs - 20, ...changes } }, nowMs);
    };
    give({ kind: 'wake' }, NOON_MS);
    const mpd = stream.facts(asked[0] as Ask, NOON_MS);
    expect(answer('mpd', NOON_MS + 20, { text: mpd }).map(({ kind }) => kind)).toContain('time');
    // The server is 10 s ahead of us: Segments are there 10 s earlier by our clock.
    answer('time', NOON_MS + 40, { text: { kind: 'utc', utcMs: NOON_MS + 10_030 } });
    for (const ask of asked.filter(({ kind, lane }) => kind === 'segment' && lane === 1))
      give({ kind: 'answer', ask, answer: { status: 200, sentMs: NOON_MS } }, NOON_MS + 100);
    let newest = 0;
    for (let turn = 0; turn < 8; turn += 1)
      newest = Math.max(newest, ...answer('segment', NOON_MS + 200, {}).map(numberOf));
    expect(newest).toBe(Math.floor((NOON_MS + 10_000 - 1000) / 2000) - 1);
    give({ kind: 'wake' }, wakeAtMs ?? 0);
    const before = asked.filter(({ kind }) => kind === 'time').length;
    answer('segment', NOON_MS + 3000, { status: 404 });
    expect(asked.filter(({ kind }) => kind === 'time').length).toBe(before + 1);
  });

  test('a new Period is played under its own header, contiguous', () => {
    const stream = new SwarmStream(STREAM);
    const theatre = new Theatre(stream);
    theatre.join('dash', NOON_MS, 1);
    theatre.playUntil(NOON_MS + 9000);
    const before = stream.mpd();
    const [head = '', rest = ''] = before.split('<Period id="p" start="PT0S">');
    const [period = '', tail = ''] = rest.split('</Period>');
    const startS = NOON_MS / 1000 + 12;
    const second = period.replaceAll('/g/', '/h/').replaceAll('startNumber="0"', `startNumber="${startS / 2}"`);
    stream.mpd = () =>
      `${head}<Period id="p" start="PT0S">${period}</Period><Period id="q" start="PT${startS}S">${second}</Period>${tail}`;
    theatre.playUntil(NOON_MS + 30_000);
    const sound = theatre.sent.filter(({ ask }) => ask.lane === 1).map(({ ask }) => ask);
    const numbers = sound.filter(({ kind }) => kind === 'segment').map(numberOf);
    expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index));
    expect(sound.filter(({ kind }) => kind === 'init').map(({ url }) => url)).toEqual([
      `${BASE}a/g/init.mp4`,
      `${BASE}a/h/init.mp4`,
    ]);
    expect(sound.find(({ url }) => url.includes('/a/h/') && url.endsWith('m4s'))?.url).toContain(
      `/h/${startS / 2}.m4s`,
    );
  });

  test('rewinds into the time-shift buffer by its share', () => {
    const theatre = played(STREAM, 10);
    theatre.step(0, { kind: 'rewind', share: 0.5 });
    theatre.playUntil(NOON_MS + 10_500);
    const [first] = theatre.between(NOON_MS + 10_000, NOON_MS + 10_500).filter(({ ask }) => ask.kind === 'segment');
    const edgeMs = NOON_MS + 10_000 - 1000 - 4000;
    const oldestMs = NOON_MS + 10_000 - 1000 - 60_000;
    expect(numberOf(first?.ask as Ask)).toBe(Math.floor((edgeMs + oldestMs) / 2 / 2000));
  });
});
