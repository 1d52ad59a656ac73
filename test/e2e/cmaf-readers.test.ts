// What ffmpeg writes, read by ours, by mp4box and by ffprobe: they must agree. What ours writes must decode to the same pictures.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sampleData } from '../../src/cmaf/isobmff/fragment.ts';
import type { Fragment, InitSegment } from '../../src/cmaf/isobmff/model.ts';
import { CmafStreamReader, readCmaf } from '../../src/cmaf/isobmff/stream.ts';
import { restampFragment, writeFragment } from '../../src/cmaf/isobmff/writer.ts';
import { openCmafReceiver } from '../../src/cmaf/receiver.ts';
import { keptLog } from '../fakes/control-quiet-log.ts';
import { readByFfprobe, readByMp4box } from '../fakes/foreign-readers.ts';

const FFMPEG = process.env['FFMPEG_PATH'] ?? 'ffmpeg';
const PICTURE = ['-f', 'lavfi', '-i', 'testsrc2=s=320x180:r=30'];
const NTSC = ['-f', 'lavfi', '-i', 'testsrc2=s=320x180:r=30000/1001'];
const TONE = ['-f', 'lavfi', '-i', 'sine=r=48000'];
const CMAF = ['-f', 'mp4', '-movflags', '+cmaf+frag_keyframe+skip_trailer+frag_discont', '-frag_duration', '398000'];
const EACH = ['-f', 'mp4', '-movflags', '+cmaf+frag_every_frame+skip_trailer+frag_discont'];
const X264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '60', '-keyint_min', '60', '-sc_threshold', '0'];
const AAC = ['-c:a', 'aac', '-ac', '2'];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cmaf-readers-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function ffmpeg(...args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(FFMPEG, [
    '-hide_banner',
    '-nostdin',
    '-v',
    'error',
    '-y',
    ...args,
  ]);
  expect(stderr).toBe('');
  return stdout;
}

let made = 0;

/** Four seconds of CMAF as ffmpeg writes it. */
async function encode(
  input: readonly string[],
  ...output: readonly string[]
): Promise<{ path: string; bytes: Buffer }> {
  const path = join(folder, `${made++}.mp4`);
  await ffmpeg(...input, '-t', '4', ...output, path);
  return { path, bytes: await readFile(path) };
}

async function save(...pieces: readonly Buffer[]): Promise<string> {
  const path = join(folder, `${made++}.mp4`);
  await writeFile(path, Buffer.concat(pieces));
  return path;
}

interface ReadSample {
  readonly dts: number;
  readonly pts: number;
  readonly size: number;
  readonly isSync: boolean;
}

function samplesOf(fragments: readonly Fragment[]): ReadSample[] {
  return fragments.flatMap((fragment) => {
    let dts = fragment.decodeTicks;
    return fragment.samples.map((sample) => {
      const read = {
        dts,
        pts: dts + sample.compositionOffsetTicks,
        size: sample.sizeBytes,
        isSync: (sample.flags & 0x10000) === 0,
      };
      dts += sample.durationTicks;
      return read;
    });
  });
}

/** ffprobe moves all times by the largest negative composition offset: compared from the first picture on. */
function fromFirst(samples: readonly ReadSample[]): ReadSample[] {
  const first = samples[0];
  return samples.map((sample) => ({
    ...sample,
    dts: sample.dts - (first?.dts ?? 0),
    pts: sample.pts - (first?.pts ?? 0),
  }));
}

const videoCases: [string, readonly string[], readonly string[]][] = [
  ['no B-frames', PICTURE, ['-tune', 'zerolatency', '-bf', '0', '-video_track_timescale', '90000', ...CMAF]],
  [
    'B-frames: negative composition offsets',
    PICTURE,
    ['-bf', '2', '-x264-params', 'b-adapt=0', '-video_track_timescale', '90000', ...CMAF],
  ],
  [
    '29.97 with prft, sidx and mfra',
    NTSC,
    [
      '-bf',
      '0',
      '-video_track_timescale',
      '30000',
      '-write_prft',
      'wallclock',
      ...CMAF,
      '-movflags',
      '+cmaf+dash+frag_keyframe+frag_discont',
    ],
  ],
  [
    'UTC as media time',
    PICTURE,
    ['-bf', '0', '-video_track_timescale', '90000', '-output_ts_offset', '1795000000', ...CMAF],
  ],
];

describe('picture of ffmpeg is read alike by ours, mp4box and ffprobe', () => {
  it.each(videoCases)('%s', async (_what, input, output) => {
    const { path, bytes } = await encode(input, ...X264, ...output);
    const { init, fragments } = readCmaf(bytes);
    const ours = samplesOf(fragments);
    const boxed = readByMp4box(bytes);
    const probed = await readByFfprobe(path);
    expect(ours).toHaveLength(Number(probed.stream.nb_read_frames));
    expect(ours).toEqual(boxed.samples);
    expect(fromFirst(ours)).toEqual(fromFirst(probed.samples));
    expect(init.codec).toBe(boxed.codec);
    const level = probed.stream.level.toString(16).padStart(2, '0');
    expect(init.codec.slice(-2)).toBe(level);
    expect(init).toMatchObject({ width: probed.stream.width, height: probed.stream.height });
    expect(`1/${init.timescale}`).toBe(probed.stream.time_base);
    const keys = ours.filter((sample) => sample.isSync).length;
    expect(fragments.filter((fragment) => fragment.isIndependent)).toHaveLength(keys);
  });

  it('tfdt of a chunk is the end of the one before: 0 ticks of error (ISO/IEC 23000-19 7.3.2)', async () => {
    const { bytes } = await encode(NTSC, ...X264, '-bf', '0', '-video_track_timescale', '30000', ...CMAF);
    const { fragments } = readCmaf(bytes);
    expect(fragments.length).toBeGreaterThan(8);
    for (const [index, fragment] of fragments.slice(1).entries()) {
      const before = fragments[index]!;
      expect(fragment.decodeTicks).toBe(before.decodeTicks + before.durationTicks);
    }
  });
});

describe('sound of ffmpeg is read alike', () => {
  it('AAC from 0: the priming is at -1024, as ffprobe says', async () => {
    const { path, bytes } = await encode(TONE, ...AAC, ...EACH);
    const { init, fragments } = readCmaf(bytes);
    const probed = await readByFfprobe(path);
    expect(samplesOf(fragments)).toEqual(probed.samples);
    expect(fragments[0]?.decodeTicks).toBe(-1024);
    expect(init).toMatchObject({ codec: 'mp4a.40.2', channels: probed.stream.channels, kind: 'audio' });
    expect(String(init.sampleRate)).toBe(probed.stream.sample_rate);
  });

  it('AAC with an offset, one access unit a chunk', async () => {
    const { path, bytes } = await encode(
      TONE,
      ...AAC,
      '-output_ts_offset',
      '1000',
      '-write_prft',
      'wallclock',
      ...EACH,
    );
    const { init, fragments } = readCmaf(bytes);
    const boxed = readByMp4box(bytes);
    expect(samplesOf(fragments)).toEqual(boxed.samples);
    expect(samplesOf(fragments)).toEqual((await readByFfprobe(path)).samples);
    expect(init.codec).toBe(boxed.codec);
    expect(fragments.every((fragment) => fragment.samples.length === 1 && fragment.isIndependent)).toBe(true);
  });
});

/** MD5 of every decoded frame, without times. */
async function decoded(path: string): Promise<string[]> {
  const text = await ffmpeg('-i', path, '-f', 'framemd5', '-');
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(',').at(-1)?.trim() ?? '');
}

describe('what ours writes decodes to the same frames', () => {
  it('restamped chunks, with time in UTC', async () => {
    const { path, bytes } = await encode(PICTURE, ...X264, '-bf', '2', '-video_track_timescale', '90000', ...CMAF);
    const { init, fragments } = readCmaf(bytes);
    const base = 1_795_000_000 * 90_000;
    const restamped = fragments.map((fragment, index) =>
      restampFragment(fragment, { decodeTicks: base + fragment.decodeTicks, sequence: 900_000_000 + index }),
    );
    const saved = await save(init.bytes, ...restamped);
    expect(await decoded(saved)).toEqual(await decoded(path));
    expect((await readByFfprobe(saved)).samples[0]?.dts).toBe(base);
  });

  it('a 32-bit tfdt that grew', async () => {
    const { path, bytes } = await encode(PICTURE, ...X264, '-bf', '0', '-video_track_timescale', '90000', ...CMAF);
    const { init, fragments } = readCmaf(bytes);
    const short = fragments.map((fragment) => withShortTime(fragment));
    const reader = new CmafStreamReader({ knownInit: init });
    const items = short.flatMap((chunk) => reader.push(chunk));
    const grown = items.map((item) => {
      if (item.kind !== 'fragment') throw new Error(item.kind);
      expect(item.fragment.timeIs64Bit).toBe(false);
      return restampFragment(item.fragment, {
        decodeTicks: item.fragment.decodeTicks,
        sequence: item.fragment.sequence,
      });
    });
    expect(Buffer.concat(grown).equals(Buffer.concat(fragments.map((fragment) => fragment.bytes)))).toBe(true);
    expect(await decoded(await save(init.bytes, ...short))).toEqual(await decoded(path));
  });

  it.each<[string, readonly string[], readonly string[], number]>([
    [
      'pictures with B-frames, rewritten',
      PICTURE,
      [...X264, '-bf', '2', '-video_track_timescale', '90000', ...CMAF],
      1,
    ],
    ['access units gathered by nineteen', TONE, [...AAC, '-output_ts_offset', '10', ...EACH], 19],
  ])('%s', async (_what, input, output, gather) => {
    const { path, bytes } = await encode(input, ...output);
    const { init, fragments } = readCmaf(bytes);
    const chunks: Buffer[] = [];
    for (let at = 0; at < fragments.length; at += gather) chunks.push(gathered(init, fragments.slice(at, at + gather)));
    expect(samplesOf(readCmaf(Buffer.concat([init.bytes, ...chunks])).fragments)).toEqual(samplesOf(fragments));
    const saved = await save(init.bytes, ...chunks);
    expect(await decoded(saved)).toEqual(await decoded(path));
  });
});

function gathered(init: InitSegment, fragments: readonly Fragment[]): Buffer {
  return writeFragment({
    trackId: init.trackId,
    sequence: 1,
    decodeTicks: fragments[0]?.decodeTicks ?? 0,
    samples: fragments.flatMap((fragment) => fragment.samples),
    data: fragments.flatMap((fragment) => sampleData(fragment)),
  });
}

/** The same chunk with tfdt version 0: four bytes fewer, for encoders that write it so. */
function withShortTime(fragment: Fragment): Buffer {
  const { bytes, timeOffset } = fragment;
  const short = Buffer.concat([bytes.subarray(0, timeOffset), bytes.subarray(timeOffset + 4)]);
  for (const name of ['moof', 'traf', 'tfdt']) {
    const at = short.indexOf(name) - 4;
    short.writeUInt32BE(short.readUInt32BE(at) - 4, at);
  }
  short[short.indexOf('tfdt') + 4] = 0;
  const dataOffsetAt = short.indexOf('trun') + 12;
  short.writeInt32BE(short.readInt32BE(dataOffsetAt) - 4, dataOffsetAt);
  return short;
}

describe('ffmpeg as a source', () => {
  it('POSTs one endless body a Track: header, every chunk, and a clean end', async () => {
    const heard: string[] = [];
    const pieces: Buffer[] = [];
    const log = keptLog();
    const receiver = await openCmafReceiver({ host: '127.0.0.1', port: 0, log });
    const run = receiver.openRun({
      runId: 'run-1',
      tracks: ['v', 'a'],
      sink: {
        onInit: (track, init) => {
          heard.push(`${track} ${init.codec.slice(0, 4)}`);
          if (track === 'v') pieces.push(init.bytes);
        },
        onFragment: (track, fragment) => {
          if (track === 'v') pieces.push(fragment.bytes);
        },
        onEnd: (track, how) => heard.push(`${track} ${how}`),
        onRefused: (track, why) => heard.push(`${track} ${why.message}`),
      },
    });
    const post = (track: string) => [
      '-method',
      'POST',
      '-headers',
      `Authorization: ${run.headers['Authorization']}\r\n`,
      run.urlOf(track),
    ];
    const video = [
      '-map',
      '0:v',
      ...X264,
      '-bf',
      '0',
      '-video_track_timescale',
      '90000',
      ...CMAF,
      '-t',
      '4',
      ...post('v'),
    ];
    const audio = ['-map', '1:a', ...AAC, ...EACH, '-t', '4', ...post('a')];
    await ffmpeg(...PICTURE, ...TONE, ...video, ...audio);
    await receiver.close();
    expect(heard.toSorted()).toEqual(['a clean', 'a mp4a', 'v avc1', 'v clean']);
    expect(log.lines).toEqual([]);
    expect(await decoded(await save(...pieces))).toHaveLength(120);
  });

  it('with a wrong secret ends at once and is heard by nobody', async () => {
    const heard: string[] = [];
    const receiver = await openCmafReceiver({ host: '127.0.0.1', port: 0, log: keptLog() });
    const note = (track: string): void => {
      heard.push(track);
    };
    const sink = { onInit: note, onFragment: note, onEnd: note, onRefused: note };
    const run = receiver.openRun({ runId: 'run-1', tracks: ['v'], sink });
    const headers = 'Authorization: Bearer nobody\r\n';
    const args = ['-re', ...PICTURE, ...X264, ...CMAF, '-method', 'POST', '-headers', headers, run.urlOf('v')];
    await expect(
      promisify(execFile)(FFMPEG, ['-nostdin', '-v', 'error', ...args], { timeout: 20_000 }),
    ).rejects.toMatchObject({
      code: expect.any(Number),
    });
    await receiver.close();
    expect(heard).toEqual([]);
  });
});
