/** Pictures of every honest kind: each feed goes live, keeps every rule of the checker, and flash and beep stay together. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { checkStream } from '../../src/check/check-stream.ts';
import { systemClock } from '../../src/system/clock.ts';
import { VIDEO } from '../fakes/rtmp-client.ts';
import { channelsYaml, lookAt, makeClip, PLAIN_VIDEO, pushTags } from '../rig/feeds.ts';
import { type FlvTag, isHeader, isKeyframe } from '../rig/flv-file.ts';
import { rowsOf } from '../rig/matrix.ts';
import { KEY, startTestService, type TestService, TINY_LADDER, waitFor, waitLive } from '../rig/service.ts';
import { viewerOf } from './service-client.ts';

const folder = mkdtempSync(join(tmpdir(), 'feeds-picture-'));
const x264 = (gop: number, parameters: string) => [
  ...['-preset', 'veryfast', '-pix_fmt', 'yuv420p', '-g', `${gop}`, '-x264-params', `scenecut=0:${parameters}`],
];

interface Case {
  readonly what: string;
  readonly clip: () => Promise<FlvTag[]>;
  /** Share of the frames that must differ from the one before. */
  readonly moving?: number;
  readonly apartMs?: number;
  /** What is in the description of the source. */
  readonly source?: string;
  readonly during?: (channel: string) => Promise<void>;
}

let base: Promise<FlvTag[]> | undefined;
const plain = () => {
  base ??= makeClip(folder, 'plain');
  return base;
};
/** Composition times as encoders write them that let stamps begin with the first picture shown: B-frames come out negative. */
const signed = (tags: readonly FlvTag[], shiftMs: number): FlvTag[] =>
  tags.map((tag) => {
    if (tag.type !== VIDEO || isHeader(tag)) return tag;
    const body = Buffer.from(tag.body);
    body.writeIntBE(body.readIntBE(2, 3) - shiftMs, 2, 3);
    return { ...tag, stamp: tag.stamp + shiftMs, body };
  });
/** A fixed sequence that looks like noise, 0..below. */
const noise = (i: number, below: number) => ((i * 7919 + 104_729) % 9973) % below;

/** A worker that dies is replaced from the ring: also where the ring begins with pictures that lean on what is gone. */
async function killEncoder(channel: string): Promise<void> {
  const pid = pidOf(channel);
  if (pid !== undefined) process.kill(pid, 'SIGKILL');
  await sleep(1000);
}

const MATRIX: readonly Case[] = [
  { what: 'B-frames', clip: () => makeClip(folder, 'b', { video: x264(60, 'bframes=3:b-adapt=0') }) },
  {
    what: 'B-frames with negative composition times',
    clip: async () =>
      signed(await makeClip(folder, 'bs', { video: x264(60, 'bframes=3:b-adapt=0:b-pyramid=none') }), 67),
  },
  {
    what: 'open GOPs, and an encoder that dies',
    clip: () => makeClip(folder, 'open', { video: x264(30, 'bframes=3:b-adapt=0:open-gop=1'), seconds: 20 }),
    during: killEncoder,
  },
  { what: 'a keyframe every 0.25 s', clip: () => makeClip(folder, 'k1', { video: [...PLAIN_VIDEO, '-g', '8'] }) },
  { what: 'a keyframe every 8.3 s', clip: () => makeClip(folder, 'k8', { video: [...PLAIN_VIDEO, '-g', '250'] }) },
  {
    what: 'keyframes at irregular times',
    clip: () =>
      makeClip(folder, 'ki', { video: [...PLAIN_VIDEO, '-g', '999', '-force_key_frames', '0.7,1.1,3.93,4,8.5'] }),
  },
  {
    what: 'a variable rate, as phones have it',
    clip: () =>
      makeClip(folder, 'vfr', {
        filter: `select='not(eq(mod(n,7),3))*lt(mod(n,83),75)'`,
        video: [...PLAIN_VIDEO, '-fps_mode', 'vfr'],
      }),
    moving: 0.7,
    apartMs: 100,
  },
  {
    what: 'duplicate stamps',
    clip: async () => {
      const all = await plain();
      const tags = all.filter(({ type }) => type === VIDEO);
      const stamps = tags.map(({ stamp }, i) => (i % 5 === 0 ? (tags[i - 1]?.stamp ?? stamp) : stamp));
      let at = 0;
      return all.map((tag) => (tag.type === VIDEO ? { ...tag, stamp: stamps[at++] ?? tag.stamp } : tag));
    },
    moving: 0.75,
  },
  {
    what: 'stamps that jitter by 12 ms',
    clip: async () =>
      (await plain()).map((tag, i) => (tag.type === VIDEO ? { ...tag, stamp: tag.stamp + noise(i, 13) } : tag)),
    moving: 0.85,
  },
  { what: 'portrait', clip: () => makeClip(folder, 'portrait', { size: '180x320' }), source: '180x320' },
  {
    what: '4:4:4 at 321x179',
    clip: () => makeClip(folder, 'odd', { size: '321x179', format: 'yuv444p', video: yuv('yuv444p') }),
    source: '321x179',
  },
  { what: '10 bits', clip: () => makeClip(folder, 'ten', { video: yuv('yuv420p10le') }) },
  { what: '4:2:2 with 10 bits', clip: () => makeClip(folder, 'ten422', { video: yuv('yuv422p10le') }) },
  {
    what: 'a start in mid-GOP',
    clip: async () => {
      const tags = await plain();
      const from = tags.filter((tag) => tag.type === VIDEO && !isHeader(tag))[20]?.stamp ?? 0;
      return tags.filter((tag) => isHeader(tag) || tag.type === 18 || tag.stamp >= from);
    },
  },
  {
    what: 'another size in mid-stream',
    clip: async () => {
      const tall = await makeClip(folder, 'tall', { size: '180x320' });
      const begin = 5000;
      const wide = (await plain()).filter(({ stamp }) => stamp < begin);
      return [...wide, ...tall.filter(({ type }) => type !== 18).map((tag) => ({ ...tag, stamp: tag.stamp + begin }))];
    },
    source: '180x320',
  },
];

const CASES = rowsOf(MATRIX, ({ what }) => what, [
  'B-frames with negative composition times',
  'open GOPs, and an encoder that dies',
  'a keyframe every 8.3 s',
  'a variable rate, as phones have it',
  'stamps that jitter by 12 ms',
  '4:4:4 at 321x179',
  '4:2:2 with 10 bits',
  'a start in mid-GOP',
  'another size in mid-stream',
]);

function yuv(format: string): string[] {
  return ['-preset', 'ultrafast', '-tune', 'zerolatency', '-g', '60', '-pix_fmt', format];
}

let service: TestService;
const pidOf = (channel: string) => service.directory.get(channel)?.status().encoder?.pid;
const clips = new Map<string, readonly FlvTag[]>();
beforeAll(async () => {
  for (const { what, clip } of CASES) clips.set(what, await clip());
  const config = join(folder, 'settings.yaml');
  writeFileSync(
    config,
    channelsYaml(
      TINY_LADDER,
      KEY,
      CASES.map((_, i) => `c${i}`),
    ),
  );
  service = await startTestService({ config });
});
afterAll(async () => {
  await service?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe.concurrent('a feed with', () => {
  for (const [i, { what, moving = 0.9, apartMs = 70, source, during }] of CASES.entries())
    test(`${what} is served by all rules`, async ({ expect }) => {
      const channel = `c${i}`;
      const tags = clips.get(what) ?? [];
      expect(isKeyframe(tags.find((tag) => tag.type === VIDEO && !isHeader(tag)) ?? tags[0] ?? never())).toBe(
        what !== 'a start in mid-GOP',
      );
      const push = await pushTags(service.ports.rtmp, `${channel}?key=${KEY}-${channel}`, tags);
      await waitLive(service, channel);
      const pid = pidOf(channel);
      const url = `http://127.0.0.1:${service.ports.http}/live/${channel}/master.m3u8`;
      const [{ findings }] = await Promise.all([
        checkStream({ url, seconds: 5, clock: systemClock() }),
        during?.(channel),
      ]);
      expect(findings.filter(isSerious)).toEqual([]);
      await waitFor(`${what} on air`, () => service.directory.get(channel)?.status().onAir === 'live', 10_000);
      if (source !== undefined)
        await waitFor(
          source,
          () => service.directory.get(channel)?.status().publisher?.source.includes(source) === true,
        );
      if (what === 'another size in mid-stream') {
        // Conformed by a worker of its own, while the channel goes on.
        await waitFor('another worker', () => ![undefined, pid].includes(pidOf(channel)));
        await sleep(5000);
        expect((await checkStream({ url, seconds: 3, clock: systemClock() })).findings.filter(isSerious)).toEqual([]);
      }
      const look = await lookAt(service, channel, folder, during === undefined ? 2 : 1);
      await push.stop();
      expect(look.flashes.length).toBeGreaterThanOrEqual(1);
      expect(look.apartMs ?? 999).toBeLessThan(apartMs);
      expect(look.movingShare).toBeGreaterThan(moving);
      const { segments, discontinuitySequence } = await viewerOf(service, channel).playlist('180p');
      expect([segments.filter((segment) => segment.isDiscontinuity).length, discontinuitySequence]).toEqual([0, 1]);
    });
});

const isSerious = ({ severity }: { readonly severity: string }): boolean => severity !== 'note';

function never(): never {
  throw new Error('the clip is empty');
}
