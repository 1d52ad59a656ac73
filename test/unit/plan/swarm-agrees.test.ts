// The arithmetic of `plan` against the viewers of `swarm`, played in simulated time before a stream of the same shape.
import { describe, expect, test } from 'vitest';
import type { Latency } from '../../../src/config/model.ts';
import { LIFETIME_SECONDS } from '../../../src/package/lifetimes.ts';
import { mixServed, type Player, type Served, servedOf } from '../../../src/plan/case.ts';
import { answersPerSecond, type Counts, viewerRequests } from '../../../src/plan/requests.ts';
import type { AskKind, ViewerKind } from '../../../src/swarm/model.ts';
import { draw, seedOf } from '../../../src/swarm/seeded.ts';
import { NOON_MS, SwarmStream, Theatre } from '../../fakes/swarm-stream.ts';
import { ladderOf, rate, rung, sourceOf } from '../../fakes/transcode-plan.ts';

const SECONDS = 24;
const FROM_MS = NOON_MS + 12_000;

/** Two pictures and a sound, as the stream of the theatre has. */
function served(latency: Latency, segmentSeconds: number): Served {
  const ladder = { ...ladderOf([rung('360p', 360), rung('240p', 240)]), segmentSeconds };
  const result = servedOf({ ladder, latency, source: sourceOf(640, 360, rate(30)) });
  if (result.kind === 'bad') throw new Error(result.reason);
  return result;
}

function play(of: Served, kind: ViewerKind, viewers: number, thinkMs?: number): Theatre['sent'] {
  const parts = of.partMs === undefined ? {} : { partMs: of.partMs };
  const updateMs = Math.max(2000, of.grid.segmentMs);
  const theatre = new Theatre(new SwarmStream({ segmentMs: of.grid.segmentMs, canBlock: true, updateMs, ...parts }));
  for (let n = 0; n < viewers; n += 1) theatre.join(kind, NOON_MS + draw(seedOf(1, n)).value * 4000, 1, thinkMs);
  theatre.playUntil(FROM_MS + SECONDS * 1000);
  return theatre.sent;
}

const KINDS: Readonly<Partial<Record<keyof Counts, readonly AskKind[]>>> = {
  playlist: ['playlist', 'blocked'],
  mpd: ['mpd'],
  segment: ['segment'],
  part: ['part', 'hint'],
};

describe('at the edge, by kind, swarm sends what plan says', () => {
  test.each<readonly [Player, ViewerKind, Latency, number]>([
    ['hls', 'hls', 'normal', 2],
    ['hls', 'll-hls', 'normal', 2],
    ['hls', 'hls', 'normal', 6],
    ['ll-hls', 'll-hls', 'low', 2],
    ['ll-hls', 'll-hls', 'ultra', 2],
    ['dash', 'dash', 'normal', 2],
    ['ll-dash', 'dash', 'low', 2],
    ['dash', 'dash', 'normal', 6],
  ])('%s as %s, latency %s, Segments of %i s: within 10 %%', (player, kind, latency, segmentSeconds) => {
    const of = served(latency, segmentSeconds);
    const sent = play(of, kind, 10);
    const said = viewerRequests(player, of);
    for (const [name, kinds] of Object.entries(KINDS)) {
      const expected = 10 * said[name as keyof Counts];
      const measured = sent.filter(({ atMs, ask }) => atMs >= FROM_MS && kinds.includes(ask.kind)).length / SECONDS;
      expect(measured, name).toBeGreaterThanOrEqual(expected * 0.9);
      expect(measured, name).toBeLessThanOrEqual(expected * 1.1);
    }
  });
});

/** What one cache asks the origin for: what is blocked or media once, a list when it has outlived its life. */
function fetchesOf(sent: Theatre['sent']): Readonly<Record<'playlist' | 'mpd' | 'segment' | 'part', number>> {
  const lifeMs = { playlist: LIFETIME_SECONDS.playlist * 1000, mpd: LIFETIME_SECONDS.mpd * 1000 };
  const keptUntilMs = new Map<string, number>();
  const fetches = { playlist: 0, mpd: 0, segment: 0, part: 0 };
  for (const { atMs, ask } of sent) {
    const [name] = Object.entries(KINDS).find(([, kinds]) => kinds.includes(ask.kind)) ?? [];
    if (name === undefined || (keptUntilMs.get(ask.url) ?? 0) > atMs) continue;
    const isRenewed = ask.kind === 'playlist' || ask.kind === 'mpd';
    keptUntilMs.set(ask.url, isRenewed ? atMs + lifeMs[ask.kind] : Number.POSITIVE_INFINITY);
    // The cache is warm by then.
    if (atMs >= FROM_MS) fetches[name as keyof typeof fetches] += 1;
  }
  return fetches;
}

describe('at the origin, by kind, a cache before a swarm asks for what plan says', () => {
  test.each<readonly [Player, ViewerKind, Latency]>([
    ['hls', 'hls', 'normal'],
    ['ll-hls', 'll-hls', 'low'],
    ['dash', 'dash', 'normal'],
  ])('%s as %s, latency %s: never more, and no less than nine tenths of it', (player, kind, latency) => {
    const of = served(latency, 2);
    const none = { hls: 0, 'll-hls': 0, dash: 0, 'll-dash': 0 };
    const said = answersPerSecond(mixServed({ ...none, [player]: 1 }, of), of);
    // So many that change their rung that every list is asked for all the time.
    const fetches = fetchesOf(play(of, kind, 120, 8000));
    for (const [name, count] of Object.entries(fetches)) {
      const expected = said[name as keyof Counts];
      expect(count / SECONDS, name).toBeLessThanOrEqual(expected * 1.1);
      // Polling viewers block for nothing: the addresses that others would block for are in plan's sum.
      const blocked = kind === 'hls' && name === 'playlist' ? 3 / 2 : 0;
      expect(count / SECONDS, name).toBeGreaterThanOrEqual((expected - blocked) * 0.9);
    }
  });
});
