/** Sound whose stamps jump, overlap or stop: access units must stay on the grid of 1024 samples, and in step with the picture. */
import { expect, test } from 'vitest';
import { workerCommand } from '../../src/transcode/arguments.ts';
import { feed, makeFlv, runCommand } from '../fakes/encoder-run.ts';
import { openPostSink } from '../fakes/post-sink.ts';
import { ladderOf, planOf, rate, rung, sourceOf } from '../fakes/transcode-plan.ts';

const SECONDS = 8;

/** Moves the stamps of audio tags (FLV 10.1, tag header E.4.1); undefined drops the tag. */
function moveAudio(flv: Buffer, move: (stampMs: number) => number | undefined): Buffer {
  const out = [flv.subarray(0, 13)];
  for (let at = 13; at + 11 <= flv.length; ) {
    const size = flv.readUIntBE(at + 1, 3);
    const tag = Buffer.from(flv.subarray(at, at + 15 + size));
    at += 15 + size;
    if (tag[0] === 8 && tag[12] !== 0) {
      const moved = move(tag.readUIntBE(4, 3));
      if (moved === undefined) continue;
      tag.writeUIntBE(moved, 4, 3);
    }
    out.push(tag);
  }
  return Buffer.concat(out);
}

test.each<[string, (stampMs: number) => number | undefined]>([
  ['as it came', (ms) => ms],
  ['away for a second', (ms) => (ms > 3000 && ms < 4000 ? undefined : ms)],
  ['350 ms late from 3 s on', (ms) => (ms > 3000 ? ms + 350 : ms)],
  ['350 ms early from 3 s on', (ms) => (ms > 3000 ? ms - 350 : ms)],
  ['jittering by up to 40 ms', (ms) => ms + ((ms * 7) % 41)],
  ['60 ms early for a while, then back', (ms) => (ms > 2500 && ms < 5000 ? ms - 60 : ms)],
  ['130 ms early for a while, then back', (ms) => (ms > 2500 && ms < 5000 ? ms - 130 : ms)],
])('sound %s: every access unit lies on the grid and the sound is as long as the picture', async (_name, move) => {
  const picture = ['-f', 'lavfi', '-i', 'testsrc2=s=160x90:r=30', '-f', 'lavfi', '-i', 'sine=r=48000'];
  const flv = await makeFlv([
    ...picture,
    '-t',
    `${SECONDS}`,
    '-c:v',
    'libx264',
    '-preset',
    'ultrafast',
    '-g',
    '30',
    '-c:a',
    'aac',
  ]);
  const plan = planOf(ladderOf([rung('hi', 90)]), sourceOf(160, 90, rate(30)));
  await using sink = await openPostSink();
  const start = { trimMs: 0, audioOffsetSamples: 256, hasVideo: true, hasAudio: true };
  const run = runCommand(workerCommand({ plan, urlOf: sink.urlOf, headers: {}, start }));
  await feed(run, moveAudio(flv, move));
  expect((await run.exited).code).toBe(0);
  await sink.ended(['hi', 'a']);
  const units = (sink.bodies.get('a')?.chunks ?? []).slice(0, -1);
  const off = units.filter((unit, i) => unit.decodeTicks !== 256 + (i - 1) * 1024 || unit.durationTicks !== 1024);
  expect(off.slice(0, 3)).toEqual([]);
  expect(Math.abs(units.length * 1024 - SECONDS * 48_000)).toBeLessThan(0.45 * 48_000);
});
