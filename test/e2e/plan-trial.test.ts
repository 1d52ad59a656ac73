// A ladder's trial and the doctor as a person runs them, with the real ffmpeg, for seconds.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LadderTrial } from '../../src/plan/ladder-trial.ts';

const ROOT = resolve(import.meta.dirname, '../..');
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plan-e2e-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function pitchside(...args: string[]): Promise<{ readonly code: number; readonly out: string }> {
  return new Promise((done) => {
    execFile(process.execPath, [join(ROOT, 'dist/main.js'), ...args], { cwd: ROOT, timeout: 90_000 }, (error, stdout) =>
      done({ code: error === null ? 0 : Number(error.code), out: stdout }),
    );
  });
}

test('ladder try encodes the generated match with each rung, holds its rate and VBV, and sees that more bits look better', async () => {
  const html = join(folder, 'trial.html');
  const ladder = ['--ladder', 'test/fixtures/ladders/tiny.yaml', '--size', '480x270'];
  const { code, out } = await pitchside('ladder', 'try', ...ladder, '--seconds', '2', '--html', html, '--json');
  expect(code).toBe(0);
  const trial = JSON.parse(out) as LadderTrial;
  expect(trial.rungs.map(({ id, width, height }) => [id, width, height])).toEqual([
    ['180p', 320, 180],
    ['90p', 160, 90],
  ]);
  const [upper, lower] = trial.rungs;
  for (const rung of trial.rungs) {
    expect(rung.heldBps / rung.bitrateBps).toBeGreaterThan(0.5);
    expect(rung.peakSegmentBps).toBeLessThan(rung.declaredPeakBps);
    expect(rung.vbv.worstOvershoot).toBeLessThan(0.1);
    expect(rung.speed).toBeGreaterThan(0);
  }
  expect(upper!.quality.psnrDb).toBeGreaterThan(lower!.quality.psnrDb + 2);
  expect(upper!.quality.psnrDb).toBeGreaterThan(31);
  expect(trial.steps).toMatchObject([{ verdict: 'far' }]);
  expect(await readFile(html, 'utf8')).toContain('<svg');
});

test('doctor measures the encoder of a channel and finds ffmpeg, disk and ports', async () => {
  const ports = ['--port', '0', '--rtmp-port', '0', '--control-port', '0'];
  const ladder = ['--ladder', 'test/fixtures/ladders/tiny.yaml'];
  const { out } = await pitchside('doctor', ...ports, ...ladder, '--data', join(folder, 'not-there'), '--json');
  const { findings } = JSON.parse(out) as { findings: { check: string; verdict: string; said: string }[] };
  const of = (check: string) => findings.find((one) => one.check === check);
  for (const check of ['settings', 'node', 'ffmpeg', 'port http', 'disk', 'memory'])
    expect(of(check)).toMatchObject({ verdict: 'ok' });
  expect(of('cores')?.said).toMatch(/the encoder keeps 0\.\d\d busy/);
  expect(await readFile(join(folder, 'not-there')).catch(({ code }: NodeJS.ErrnoException) => code)).toBe('ENOENT');
});
