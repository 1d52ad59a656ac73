// What `ffmpeg -f hls` and `ffmpeg -f dash` behind a plain static server get wrong, found under its rule; and not what they get right.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CheckResult, checkStream } from '../../src/check/check-stream.ts';
import { exitCode, jsonReport, textReport } from '../../src/check/report.ts';
import { systemClock } from '../../src/system/clock.ts';
import { type StaticServer, serveFolder } from './check-static-server.ts';

const INPUT = [
  '-hide_banner',
  '-loglevel',
  'error',
  '-re',
  '-f',
  'lavfi',
  '-i',
  'testsrc2=size=256x144:rate=25',
  '-re',
  '-f',
  'lavfi',
  '-i',
  'sine=frequency=440:sample_rate=48000',
];
const VIDEO = [
  '-c:v',
  'libx264',
  '-preset',
  'ultrafast',
  '-pix_fmt',
  'yuv420p',
  '-g',
  '25',
  '-keyint_min',
  '25',
  '-sc_threshold',
  '0',
  '-b:v',
  '200k',
  '-maxrate',
  '220k',
  '-bufsize',
  '200k',
];
const AUDIO = ['-c:a', 'aac', '-b:a', '64k', '-ar', '48000', '-ac', '2'];
const HLS = [
  '-map',
  '0:v',
  '-map',
  '1:a',
  '-f',
  'hls',
  '-hls_time',
  '1',
  '-hls_list_size',
  '4',
  '-hls_segment_type',
  'fmp4',
  '-hls_flags',
  'delete_segments',
  '-var_stream_map',
  'v:0,agroup:sound,name:v a:0,agroup:sound,name:a',
  '-master_pl_name',
  'master.m3u8',
  '-hls_segment_filename',
  'seg-%v-%d.m4s',
  '-hls_fmp4_init_filename',
  'init-%v.mp4',
];
const DASH = [
  '-map',
  '0:v',
  '-map',
  '1:a',
  '-f',
  'dash',
  '-seg_duration',
  '1',
  '-window_size',
  '6',
  '-extra_window_size',
  '6',
  '-use_timeline',
  '1',
  '-adaptation_sets',
  'id=0,streams=v id=1,streams=a',
];

// keyframes at irregular instants, both tracks in one file: the target duration has to follow the segments
const LOOSE = [
  '-map',
  '0:v',
  '-map',
  '1:a',
  '-f',
  'hls',
  '-hls_time',
  '1',
  '-hls_list_size',
  '4',
  '-hls_segment_type',
  'fmp4',
  '-hls_segment_filename',
  'loose-%d.m4s',
  '-hls_fmp4_init_filename',
  'loose-init.mp4',
];
const KEYFRAMES = ['-g', '1000', '-keyint_min', '1', '-force_key_frames', '0,1,2,3,4,5,6,9,12,13,14,17'];

let folder = '';
let server: StaticServer;
let ffmpeg: ChildProcess;
let hls: CheckResult;
let loose: CheckResult;
let dash: CheckResult;

const rules = (result: CheckResult): readonly string[] =>
  [...new Set(result.findings.map((finding) => finding.rule))].sort();

/** The short sample of a fast encoder may go beyond what ffmpeg declares: not asserted either way. */
const settled = (result: CheckResult): readonly string[] =>
  rules(result).filter((rule) => !rule.startsWith('bandwidth.'));

/** What a server without policy, tags, ranges and compression gets wrong, whatever it serves. */
const PLAIN_SERVER = ['http.cache-control', 'http.cors', 'http.etag', 'http.range'];

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !condition(); i += 1) await new Promise((resolve) => setTimeout(resolve, 100));
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'check-'));
  server = await serveFolder(folder);
  const outputs = [
    ...VIDEO,
    ...AUDIO,
    ...HLS,
    'out-%v.m3u8',
    ...VIDEO,
    ...KEYFRAMES,
    ...AUDIO,
    ...LOOSE,
    'loose.m3u8',
    ...VIDEO,
    ...AUDIO,
    ...DASH,
    'live.mpd',
  ];
  ffmpeg = spawn('ffmpeg', [...INPUT, ...outputs], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  await until(() => existsSync(join(folder, 'seg-v-4.m4s')) && existsSync(join(folder, 'live.mpd')));
  const clock = systemClock();
  const check = (file: string): Promise<CheckResult> =>
    checkStream({ url: `${server.origin}/${file}`, seconds: 9, clock });
  [hls, loose, dash] = await Promise.all([check('master.m3u8'), check('loose.m3u8'), check('live.mpd')]);
}, 60_000);

afterAll(async () => {
  ffmpeg.kill('SIGKILL');
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

test('ffmpeg -f hls with demuxed fMP4: exactly its known faults, none in its media', () => {
  expect(settled(hls)).toEqual(
    [
      ...PLAIN_SERVER,
      'http.gzip',
      'hls.average-bandwidth',
      'hls.closed-captions-absent',
      'hls.dsn-present',
      'hls.frame-rate',
      'hls.independent-segments',
      'hls.media-channels',
      'hls.media-language',
      'hls.pdt',
      'hls.version-high',
      'hls.window-six',
    ].sort(),
  );
  expect(hls.summary).toMatchObject({ mode: 'hls', tracks: 2 });
  expect(hls.summary.objects).toBeGreaterThan(15);
});

test('ffmpeg -f hls with irregular keyframes and muxed tracks: a target duration that moves, two tracks in a file', () => {
  expect(rules(loose)).toEqual(
    expect.arrayContaining([
      ...PLAIN_SERVER,
      'cmaf.single-track',
      'hls.dsn-present',
      'hls.pdt',
      'hls.target-duration-constant',
    ]),
  );
  expect(rules(loose)).not.toContain('cmaf.unreadable');
});

test('ffmpeg -f dash: no time source, a maxSegmentDuration that its audio exceeds, and a plain server', () => {
  expect(settled(dash)).toEqual(
    [...PLAIN_SERVER, 'dash.max-segment-duration', 'dash.utc-timing', 'http.gzip-mpd'].sort(),
  );
  expect(dash.summary).toMatchObject({ mode: 'dash', tracks: 2 });
});

test('the reports name rule, clause, place and what to do', () => {
  const text = textReport(hls);
  expect(text).toContain('error   hls.frame-rate  (RFC 8216bis 4.4.6.2, Apple HLS 9.15)');
  expect(text).toContain('master.m3u8:4');
  expect(exitCode(hls.findings)).toBe(1);
  expect(JSON.parse(jsonReport(hls))).toEqual(JSON.parse(JSON.stringify(hls)));
});
