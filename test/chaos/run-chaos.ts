/**
 * One run of chaos: a service with two channels, publishers, faults at seeded moments, and strict readers of everything.
 * It ends all it started. The outcome is what the readers found, whatever the faults were: faults are no excuse.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lookAt, makeClip, PLAIN_VIDEO } from '../rig/feeds.ts';
import { waitFor } from '../rig/service.ts';
import { APART_MS } from './fault-stage.ts';
import { inject, type Stage } from './faults.ts';
import { type LedgerFinding, MediaLedger } from './media-ledger.ts';
import { Publisher } from './publisher.ts';
import { lastsMs, planFaults, type ScheduledFault } from './schedule.ts';
import { type ChannelUnderTest, keyOf, type LogLine, ServiceUnderTest } from './service-under-test.ts';
import { readStrictly } from './strict-reader.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly lengthMs: number;
  /** Of an earlier run; else what the seed says. */
  readonly faults?: readonly ScheduledFault[];
  /** One entry of the log, in order of time. */
  readonly onEntry?: (entry: object) => void;
}

export interface ChaosOutcome {
  readonly findings: readonly LedgerFinding[];
  readonly faults: readonly ScheduledFault[];
  readonly objects: number;
  readonly texts: number;
  /** Segments that were compared with all their parts. */
  readonly joined: number;
  /** Between two new Segments, by Channel. */
  readonly longestAdvanceMs: ReadonlyMap<string, number>;
}

const CHANNELS: readonly ChannelUnderTest[] = [
  { id: 'normal', latency: 'normal', takeover: 'refuse' },
  { id: 'low', latency: 'low', takeover: 'replace' },
];
const CLIPS = ['other-size', 'other-rate', 'other-parameters', 'plain'];
/** Faults that a service may name at level error: somebody killed or stopped its processes. */
const EXPECTED_ERRORS = new Set(['ENCODER_EXITED', 'ENCODER_STALLED', 'RTMP_CHILD_EXITED']);

export async function runChaos(options: ChaosOptions): Promise<ChaosOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'chaos-'));
  const say = options.onEntry ?? (() => undefined);
  const publishers = new Map<string, Publisher>();
  let service: ServiceUnderTest | undefined;
  try {
    const clips = await makeClips(folder);
    let startMs = performance.now();
    const onLine = (line: LogLine) => say({ kind: 'service', atMs: Math.round(performance.now() - startMs), line });
    service = await ServiceUnderTest.start(folder, CHANNELS, { onLine, isKept: true });
    for (const { id } of CHANNELS) {
      const streamName = `${id}?key=${keyOf(id)}`;
      publishers.set(id, new Publisher({ port: service.ports.rtmp, streamName, clip: clips.get('plain') ?? '' }));
    }
    for (const publisher of publishers.values()) await publisher.start();
    await allLive(service);
    startMs = performance.now();
    return await play(options, { service, publishers, clips, startMs, say, folder });
  } finally {
    for (const publisher of publishers.values()) await publisher.end();
    await service?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function play(options: ChaosOptions, stage: Stage): Promise<ChaosOutcome> {
  const { seed, lengthMs } = options;
  const { service, startMs, say } = stage;
  const channels = CHANNELS.map(({ id }) => id);
  const faults = options.faults ?? planFaults({ seed, lengthMs, channels, clips: CLIPS });
  say({ kind: 'run', seed, lengthMs });
  for (const fault of faults) say(fault);
  const ledger = new MediaLedger();
  const bases = channels.map((id) => `http://127.0.0.1:${service.ports.http}/live/${id}`);
  const readings = Promise.all(
    bases.map((base) => readStrictly(base, ledger, startMs + lengthMs, (sentMs) => service.wasAway(sentMs))),
  );
  const lanes = [...new Set(faults.map(({ lane }) => lane))];
  await Promise.all(
    lanes.map((lane) =>
      playLane(
        faults.filter((fault) => fault.lane === lane),
        stage,
      ),
    ),
  );
  const read = await readings;
  const findings = read.flatMap((reading) =>
    reading.findings
      // The checker merges repeats and would hide the worst: the ledger has this one, with what D-122 allows.
      .filter(({ severity, rule }) => severity !== 'note' && rule !== 'hls.advance')
      .map(({ rule, clause, where, message, count, sliceEndMs }) => ({
        rule: `${rule} (${clause})`,
        where: where.url,
        message: `${message}${count > 1 ? ` (${count} times)` : ''} [slice until ${Math.round(sliceEndMs - startMs)} ms]`,
      })),
  );
  const all = [...findings, ...ledger.findings(), ...(await judgeEnd(stage)), ...serviceErrors(service)];
  for (const finding of all) say({ kind: 'finding', ...finding });
  return {
    findings: all,
    faults,
    objects: ledger.objects,
    texts: read.reduce((sum, { texts }) => sum + texts, 0),
    joined: ledger.joined,
    longestAdvanceMs: ledger.longestAdvanceMs,
  };
}

async function playLane(faults: readonly ScheduledFault[], stage: Stage): Promise<void> {
  for (const { atMs, lane, fault } of faults) {
    await sleep(Math.max(0, stage.startMs + atMs - performance.now()));
    const now = () => Math.round(performance.now() - stage.startMs);
    stage.say({ kind: 'begun', atMs: now(), lane, fault });
    const did = await inject(lane, fault, stage);
    stage.say({ kind: 'done', atMs: now(), lane, did, lastsMs: lastsMs(fault) });
  }
}

/** After the last fault both channels are live again, and what one hears belongs to what one sees. */
async function judgeEnd({ service, folder, say }: Stage): Promise<LedgerFinding[]> {
  try {
    await allLive(service);
  } catch (thrown) {
    return [{ rule: 'back', where: 'the end', message: String(thrown) }];
  }
  const findings: LedgerFinding[] = [];
  for (const { id } of CHANNELS) {
    const look = await lookAt(service, id, folder, 2);
    say({ kind: 'look', channel: id, ...look });
    if (look.apartMs === undefined || look.apartMs > APART_MS)
      findings.push({ rule: 'in-sync', where: id, message: `flash and beep are ${look.apartMs} ms apart` });
  }
  return findings;
}

function serviceErrors({ errors, hasEnded }: ServiceUnderTest): LedgerFinding[] {
  const found = errors
    .filter(({ code }) => code === undefined || !EXPECTED_ERRORS.has(code))
    .map(({ code, channel, msg }) => ({ rule: 'log', where: channel ?? 'service', message: `${code}: ${msg}` }));
  return hasEnded ? [{ rule: 'alive', where: 'service', message: 'the service ended' }, ...found] : found;
}

async function allLive(service: ServiceUnderTest): Promise<void> {
  for (const { id } of CHANNELS)
    await waitFor(
      `${id} is live`,
      async () => {
        const { state, onAir } = await service.status(id);
        return state === 'live' && onAir === 'live';
      },
      30_000,
    );
}

/** Each a multiple of 8 s (publisher-process.ts); the same sound, another picture. */
async function makeClips(folder: string): Promise<ReadonlyMap<string, string>> {
  const seconds = 16.5;
  await makeClip(folder, 'plain', { seconds });
  await makeClip(folder, 'other-size', { seconds, size: '480x270' });
  await makeClip(folder, 'other-rate', { seconds, filter: 'fps=25', video: [...PLAIN_VIDEO, '-g', '50'] });
  await makeClip(folder, 'other-parameters', { seconds, video: [...PLAIN_VIDEO, '-profile:v', 'high', '-refs', '3'] });
  return new Map(CLIPS.map((name) => [name, join(folder, `${name}.flv`)]));
}
