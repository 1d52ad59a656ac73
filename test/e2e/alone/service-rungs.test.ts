/** A rung that fails, a machine too slow and an encoder that hangs: what is left out, how it is said, and that the others go on. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkStream } from '../../../src/check/check-stream.ts';
import { systemClock } from '../../../src/system/clock.ts';
import { LAG_LIMITS } from '../../../src/transcode/lag-watch.ts';
import { RUNG_LIMITS } from '../../../src/transcode/rung-policy.ts';
import { keptLog } from '../../fakes/control-quiet-log.ts';
import { FFMPEG, KEY, startTestService, type TestService, TINY_LADDER, waitFor, waitLive } from '../../rig/service.ts';
import { metricOf, viewerOf, watchChannel } from '../service-client.ts';

const folder = mkdtempSync(join(tmpdir(), 'service-rungs-'));
const flag = (name: string) => join(folder, name);
const log = keptLog();
let service: TestService;

/**
 * ffmpeg, but for a worker of the rung 180p: while the file `failing` is there its encoder can't be opened (level 99) in channel
 * failing, and while `slow` is there the input of channel slow is read at six tenths of its speed.
 */
const WRAPPER = `#!/bin/sh
case "$*" in
  *-slate-*) ;;
  */failing-*/180p*) [ -e '${flag('failing')}' ] && bad=-level ;;
  */slow-*/180p*) [ -e '${flag('slow')}' ] && late=-i ;;
esac
n=$#
while [ $n -gt 0 ]; do
  a=$1; shift; n=$((n - 1))
  if [ "$a" = "$late" ]; then set -- "$@" -readrate 0.6; late=; fi
  set -- "$@" "$a"
  if [ "$a" = "$bad" ]; then shift; n=$((n - 1)); set -- "$@" 99; bad=; fi
done
exec '${FFMPEG}' "$@"
`;

beforeAll(async () => {
  // Minutes, so that it never flaps; seconds here.
  Object.assign(RUNG_LIMITS.waits.failed, { firstMs: 6000 });
  Object.assign(RUNG_LIMITS.waits.slow, { firstMs: 8000 });
  const ffmpegPath = join(folder, 'ffmpeg');
  writeFileSync(ffmpegPath, WRAPPER);
  chmodSync(ffmpegPath, 0o755);
  const channel = (id: string, latency: string) =>
    `  ${id}: { ladder: ${TINY_LADDER}, keys: { primary: ${KEY}-${id} }, latency: ${latency} }`;
  const config = join(folder, 'settings.yaml');
  writeFileSync(config, ['channels:', channel('failing', 'low'), channel('slow', 'normal'), ''].join('\n'));
  service = await startTestService({ config }, {}, { log, ffmpegPath });
  for (const id of ['failing', 'slow']) service.push({ channel: id, key: `${KEY}-${id}` });
  await Promise.all(['failing', 'slow'].map((id) => waitLive(service, id)));
});
afterAll(async () => {
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const status = (id: string) => service.directory.get(id)?.status();
const codes = (id: string) => status(id)?.lastFaults.map(({ code }) => code) ?? [];
const tracks = (id: string) => status(id)?.tracks.map((track) => track.id);
const slateOf = (channel: string) => metricOf(service, 'packager_segments_total', { channel, source: 'slate' });

/** Numbers of a DVR list: contiguous, each Segment the end of the one before. */
async function contiguous(id: string, track: string): Promise<number[]> {
  const { segments } = await viewerOf(service, id).playlist(track, 'dvr.m3u8');
  const numbers = segments.map(({ number }) => number);
  expect(numbers).toEqual(numbers.map((_, i) => (numbers[0] ?? 0) + i));
  return numbers;
}

test('with parts, an encoder that is stopped is seen within 2 s and replaced, and nothing is declared', async () => {
  const pid = status('failing')?.encoder?.pid ?? 0;
  const startMs = performance.now();
  process.kill(pid, 'SIGSTOP');
  await waitFor('it is seen', () => codes('failing').includes('ENCODER_STALLED'), 5000);
  expect(performance.now() - startMs).toBeLessThan(2000);
  await waitFor('another', () => status('failing')?.encoder !== undefined && status('failing')?.encoder?.pid !== pid);
  expect(await metricOf(service, 'packager_periods_total', { channel: 'failing' })).toBe(1);
  expect(status('failing')?.droppedRungs).toEqual([]);
});

test('a rung that fails again and again is withdrawn, the others go on, and it is back when it works', async () => {
  const viewer = viewerOf(service, 'failing');
  const watch = watchChannel(service, 'failing');
  const before = await viewer.playlist('180p', 'dvr.m3u8');
  const slate = await slateOf('failing');
  writeFileSync(flag('failing'), '');
  process.kill(status('failing')?.encoder?.pid ?? 0, 'SIGKILL');
  await waitFor('it is withdrawn', () => tracks('failing')?.join() === '90p,audio');
  expect(status('failing')?.droppedRungs).toEqual([{ id: '180p', reason: expect.stringMatching(/^failed: .*#0:0/) }]);
  expect(codes('failing')).toContain('RUNG_FAILED');
  expect(await metricOf(service, 'encoder_rungs_left_out', { channel: 'failing' })).toBe(1);
  expect(await metricOf(service, 'encoder_rungs_shed_total', { channel: 'failing', reason: 'failed' })).toBe(1);

  await waitFor('its playlist is gone', async () => (await viewer.get('180p/media.m3u8')).status === 410);
  const gone = await viewer.get('180p/media.m3u8');
  expect(gone.headers['cache-control']).toContain('max-age=5');
  // What it was stays fetchable.
  const last = before.segments.at(-1);
  expect((await viewer.get(`180p/${last?.uri}`)).status).toBe(200);
  expect(await viewer.renditions()).toEqual(expect.not.arrayContaining(['180p']));
  expect(await viewer.text('90p/media.m3u8')).not.toContain('180p');
  const withdrawn = (await viewer.periods()).at(-1);
  expect([...(withdrawn?.tracks ?? [])].sort()).toEqual(['90p', 'audio']);

  rmSync(flag('failing'));
  await waitFor('it is back', () => tracks('failing')?.length === 3);
  // HLS lists it with its first whole Segment; until then it is withdrawn, never unknown.
  await waitFor('it is listed', async () => {
    const { status: answer } = await viewer.get('180p/media.m3u8');
    expect([200, 410]).toContain(answer);
    return answer === 200;
  });
  // A list that begins anew is short at first.
  await waitFor('it lists six', async () => (await viewer.playlist('180p')).segments.length >= 6);
  const { findings } = await checkStream({
    url: `http://127.0.0.1:${service.ports.http}/live/failing/master.m3u8`,
    seconds: 4,
    clock: systemClock(),
  });
  expect(findings.filter(({ severity }) => severity === 'error')).toEqual([]);
  expect(status('failing')).toMatchObject({ droppedRungs: [], onAir: 'live' });
  expect(await metricOf(service, 'encoder_rungs_left_out', { channel: 'failing' })).toBe(0);

  const kept = await contiguous('failing', '90p');
  expect(kept).toContain(before.segments.at(-1)?.number);
  expect((await contiguous('failing', '180p')).at(-1)).toBeGreaterThanOrEqual(kept.at(-1) ?? 0);
  const periods = await viewer.periods('dvr.mpd');
  expect(periods.map((period) => period.tracks.length)).toEqual([3, 2, 3]);
  expect(periods[1]?.startSeconds).toBe(2 * (periods[1]?.startNumber ?? 0));
  expect((await slateOf('failing')) - slate).toBeLessThanOrEqual(3);
  // A list may be withdrawn between the multivariant playlist and its own request.
  expect((await watch.end()).filter((fault) => !/180p\/dvr.m3u8 is 410/.test(fault))).toEqual([]);
});

test('an encoder slower than real time: the top rung is shed and said so, the lag is bounded, and it comes back', async () => {
  const lagMs = async () => 1000 * (await metricOf(service, 'encoder_lag_seconds', { channel: 'slow' }));
  const seen: { readonly atMs: number; readonly lagMs: number }[] = [];
  writeFileSync(flag('slow'), '');
  process.kill(status('slow')?.encoder?.pid ?? 0, 'SIGKILL');
  await waitFor(
    'it is shed',
    async () => {
      seen.push({ atMs: performance.now(), lagMs: await lagMs() });
      return status('slow')?.droppedRungs.length === 1;
    },
    30_000,
  );
  // How far behind it begins is the ring's and the machine's; how long it may stay so is the policy's. It may seem to gain once:
  // a machine that stops and goes on makes all that time up.
  const late = seen.filter((sample) => sample.lagMs > LAG_LIMITS.lateMs);
  const lateForMs = (late.at(-1)?.atMs ?? 0) - (late[0]?.atMs ?? 0);
  expect(lateForMs).toBeGreaterThan(0);
  expect(lateForMs).toBeLessThan(2 * LAG_LIMITS.lateForMs);
  expect(status('slow')?.droppedRungs).toEqual([
    { id: '180p', reason: expect.stringMatching(/^shed: machine too slow/) },
  ]);
  expect(codes('slow')).toContain('RUNG_SHED');
  expect(status('slow')?.lastFaults.at(-1)?.hint).toMatch(/ladder/);
  rmSync(flag('slow'));
  await waitFor('it keeps up', async () => (await lagMs()) < LAG_LIMITS.lateMs);
  await waitFor('without it', () => tracks('slow')?.join() === '90p,audio' && status('slow')?.onAir === 'live');
  await waitFor('it is back', () => tracks('slow')?.length === 3, 30_000);
  await contiguous('slow', '90p');
});
