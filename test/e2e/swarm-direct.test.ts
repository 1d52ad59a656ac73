// The swarm in front of a real service: what it says it asked for is what the origin says it was asked for.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AskKind } from '../../src/swarm/model.ts';
import type { SwarmPlan, SwarmWish } from '../../src/swarm/plan.ts';
import type { SwarmReport } from '../../src/swarm/report.ts';
import { runSwarm } from '../../src/swarm/run-swarm.ts';
import { systemClock } from '../../src/system/clock.ts';
import { KEY, startTestService, type TestService, TINY_LADDER } from '../rig/service.ts';

const folder = mkdtempSync(join(tmpdir(), 'pitchside-swarm-'));
let service: TestService;

beforeAll(async () => {
  const config = join(folder, 'settings.yaml');
  writeFileSync(config, `channels:\n  match: { ladder: ${TINY_LADDER}, latency: low, keys: { main: ${KEY} } }\n`);
  service = await startTestService({ config });
  // Slate is a stream like any other; three target durations of it are where players begin.
  await service.waitFor('a list of eight Segments', async () => {
    const text = await (await fetch(`${service.base}/180p/media.m3u8`)).text();
    return text.split('#EXTINF').length > 8;
  });
});

afterAll(async () => {
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function swarm(changes: Partial<SwarmWish>): Promise<{ report: SwarmReport; plan: SwarmPlan | undefined }> {
  let plan: SwarmPlan | undefined;
  const wish: SwarmWish = {
    ...{ hlsUrl: `${service.base}/master.m3u8`, mpdUrl: `${service.base}/manifest.mpd`, viewers: 20, seed: 1 },
    ...{
      mix: { hls: 60, 'll-hls': 30, dash: 10 },
      durationMs: 6000,
      rampMs: 500,
      spike: undefined,
      thinkMs: undefined,
    },
    ...{ connections: undefined, maxRequestsPerSecond: 5000 },
    edgeLogFile: undefined,
    metricsUrl: `http://127.0.0.1:${service.ports.control}/metrics`,
    ...changes,
  };
  const report = await runSwarm({
    ...{ wish, consentedHost: undefined, clock: systemClock(), signal: new AbortController().signal },
    onPlan: (made) => {
      plan = made;
    },
    onProgress: () => undefined,
  });
  return { report, plan };
}

const ORIGIN_KINDS: readonly (readonly [string, readonly AskKind[]])[] = [
  ['hls-master', ['multivariant']],
  ['hls-media', ['playlist']],
  ['hls-blocked', ['blocked']],
  ['dash', ['mpd']],
  ['init', ['init']],
  ['segment', ['segment']],
  ['part', ['part', 'hint']],
];

describe('twenty viewers for six seconds, no cache between', () => {
  it('are the same requests by their own books and by the origin, by kind, without an error or a late segment', async () => {
    const { report, plan } = await swarm({});
    expect(plan?.counts).toEqual({ hls: 12, 'll-hls': 6, dash: 2 });
    expect(report.phases.map(({ name, viewers }) => [name, viewers])).toEqual([
      ['joining', 20],
      ['watching', 20],
    ]);
    for (const [origin, kinds] of ORIGIN_KINDS) {
      const of = (sum: (phase: SwarmReport['phases'][number]) => number) =>
        report.phases.reduce((all, phase) => all + sum(phase), 0);
      const asked = of(({ kinds: books }) => kinds.reduce((all, kind) => all + (books[kind]?.requests ?? 0), 0));
      const counted = of((phase) => phase.origin?.byKind[origin] ?? 0);
      expect(asked, origin).toBeGreaterThan(0);
      // What is between the two at the moment of reading.
      expect(Math.abs(asked - counted), `${origin}: ${asked} asked, ${counted} counted`).toBeLessThanOrEqual(12);
    }
    expect(report.phases.map(({ errors }) => errors)).toEqual([0, 0]);
    expect(report.phases[0]?.kinds.multivariant).toMatchObject({ requests: 18, gzipped: 18 });
    const held = report.phases[1]?.kinds.blocked;
    expect(held?.latencyMs.p50).toBeGreaterThan(200);
  });

  it('a spike joins within a second, beside those who watch, and is counted apart', async () => {
    const mix = { hls: 1, 'll-hls': 0, dash: 0 };
    const spike = { viewers: 10, atMs: 100, what: 'join' } as const;
    const { report } = await swarm({ viewers: 2, mix, rampMs: 0, durationMs: 6000, spike });
    expect(report.phases.map(({ name, viewers }) => [name, viewers])).toEqual([
      ['joining', 2],
      ['spike', 12],
    ]);
    expect(report.phases.map(({ kinds }) => kinds.multivariant?.requests)).toEqual([2, 10]);
  });
});
