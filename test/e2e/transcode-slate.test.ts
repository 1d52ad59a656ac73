import { describe, expect, it } from 'vitest';
import { slateCommand, workerCommand } from '../../src/transcode/arguments.ts';
import { slatePicture } from '../../src/transcode/slate-picture.ts';
import { feed, makeFlv, runCommand } from '../fakes/encoder-run.ts';
import { openPostSink, type SunkBody } from '../fakes/post-sink.ts';
import { ladderOf, planOf, rate, rung, sourceOf } from '../fakes/transcode-plan.ts';

interface SourceKind {
  readonly name: string;
  readonly video: readonly string[];
  readonly sound: readonly string[];
}

const TAGGED_601 = [
  '-color_range',
  'tv',
  '-colorspace',
  'smpte170m',
  '-color_primaries',
  'smpte170m',
  '-color_trc',
  'smpte170m',
];
const SOURCES: readonly SourceKind[] = [
  { name: 'tagged BT.601, mono 44.1 kHz', video: TAGGED_601, sound: ['-ar', '44100', '-ac', '1'] },
  { name: 'untagged, stereo 48 kHz', video: [], sound: ['-ar', '48000', '-ac', '2'] },
  {
    name: 'full range with non-square pixels, stereo 22.05 kHz',
    video: ['-pix_fmt', 'yuvj420p', '-color_range', 'pc', '-aspect', '4:3', '-chroma_sample_location', 'topleft'],
    sound: ['-ar', '22050', '-ac', '2'],
  },
];

async function sunk(command: (urlOf: (track: string) => string) => Parameters<typeof runCommand>[0], input: Buffer) {
  await using sink = await openPostSink();
  const run = runCommand(command(sink.urlOf));
  await feed(run, input);
  const exit = await run.exited;
  expect(exit, exit.lastLines.join('\n')).toMatchObject({ code: 0 });
  await sink.ended(['hi', 'lo', 'a']);
  return sink.bodies as ReadonlyMap<string, SunkBody>;
}

describe('the slate', () => {
  for (const [name, frameRate] of [
    ['25', rate(25)],
    ['29.97', rate(30000, 1001)],
    ['50', rate(50)],
  ] as const) {
    it(`is one whole segment at ${name} fps whose init segments equal every worker's, whatever the source`, async () => {
      const source = sourceOf(320, 180, frameRate);
      const plan = planOf(ladderOf([rung('hi', 180), rung('lo', 90, { frameRate: 'half', profile: 'main' })]), source);
      const picture = slatePicture(640, 360);
      const slate = await sunk((urlOf) => slateCommand({ plan, urlOf, headers: {}, picture }), picture.rgb);
      for (const track of plan.video) {
        const chunks = slate.get(track.id)?.chunks ?? [];
        expect(chunks.map((chunk) => chunk.samples)).toEqual(
          Array.from({ length: plan.grid.partsPerSegment }, () => track.segmentFrames / plan.grid.partsPerSegment),
        );
        expect(chunks.map((chunk) => chunk.isSync)).toEqual([true, false, false, false, false]);
        expect(chunks[0]?.decodeTicks).toBe(0);
      }
      expect(slate.get('a')?.chunks.length).toBeGreaterThanOrEqual(46);
      for (const kind of SOURCES) {
        const flv = await makeFlv([
          ...['-f', 'lavfi', '-i', `testsrc2=s=320x180:r=${frameRate.num}/${frameRate.den}`],
          ...['-f', 'lavfi', '-i', 'sine', '-t', '1.5', '-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '0'],
          ...[...kind.video, '-c:a', 'aac', ...kind.sound],
        ]);
        const start = { trimMs: 0, audioOffsetSamples: 77, hasVideo: true, hasAudio: true };
        const worker = await sunk((urlOf) => workerCommand({ plan, urlOf, headers: {}, start }), flv);
        for (const id of ['hi', 'lo', 'a']) {
          expect(worker.get(id)?.init.toString('hex'), `${id} of a source ${kind.name}`).toBe(
            slate.get(id)?.init.toString('hex'),
          );
        }
        expect(worker.get('a')?.chunks[1]?.decodeTicks, kind.name).toBe(77);
      }
    });
  }
});
