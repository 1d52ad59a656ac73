/** Sound of every honest kind, late, early or not at all: each feed goes live, keeps every rule, and beeps with its flashes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { checkStream } from '../../src/check/check-stream.ts';
import { systemClock } from '../../src/system/clock.ts';
import { AUDIO, VIDEO } from '../fakes/rtmp-client.ts';
import { channelsYaml, lookAt, makeClip, pushTags } from '../rig/feeds.ts';
import { type FlvTag, isHeader, isKeyframe } from '../rig/flv-file.ts';
import { rowsOf } from '../rig/matrix.ts';
import { KEY, startTestService, type TestService, TINY_LADDER, waitFor, waitLive } from '../rig/service.ts';
import { viewerOf } from './service-client.ts';

const folder = mkdtempSync(join(tmpdir(), 'feeds-sound-'));

interface Case {
  readonly what: string;
  readonly clip: () => Promise<FlvTag[]>;
  readonly source?: string;
  readonly isSilent?: boolean;
}

const sound = (name: string, audio: readonly string[] | 'none') => () => makeClip(folder, name, { audio });
let base: Promise<FlvTag[]> | undefined;
const plain = () => {
  base ??= makeClip(folder, 'plain', { seconds: 20 });
  return base;
};

/** ISO/IEC 14496-3, 1.6.2.1: SBR signalled explicitly over an AAC-LC core at half the rate. */
async function heAac(): Promise<FlvTag[]> {
  const bits = ['00101', '0110', '0010', '0011', '00010', '000'].join('').padEnd(32, '0');
  const config = Buffer.alloc(4);
  config.writeUInt32BE(Number.parseInt(bits, 2));
  const core = await makeClip(folder, 'he', { audio: ['-c:a', 'aac', '-ar', '24000', '-ac', '2', '-b:a', '64k'] });
  return core.map((tag) =>
    tag.type === AUDIO && isHeader(tag) ? { ...tag, body: Buffer.concat([tag.body.subarray(0, 2), config]) } : tag,
  );
}

/** Sound, headers too, comes only from that stamp on; or pictures do, from a keyframe. */
const without = (tags: readonly FlvTag[], type: number, untilMs: number, withHeader: boolean): FlvTag[] => {
  const header = tags.filter((tag) => tag.type === type && isHeader(tag));
  const others = tags.filter((tag) => tag.type !== type && (tag.type !== 18 || withHeader));
  const media = tags.filter((tag) => tag.type === type && !isHeader(tag));
  const first = media.find((tag) => tag.stamp >= untilMs && (type === AUDIO || isKeyframe(tag)))?.stamp ?? 0;
  const late = header.map((tag) => ({ ...tag, stamp: withHeader ? tag.stamp : first }));
  const all = [...others, ...late, ...media.filter(({ stamp }) => stamp >= first)];
  return all.toSorted((a, b) => a.stamp - b.stamp);
};

const MATRIX: readonly Case[] = [
  { what: '44.1 kHz', clip: sound('a441', ['-c:a', 'aac', '-ar', '44100']), source: '44100 Hz' },
  { what: 'one channel', clip: sound('mono', ['-c:a', 'aac', '-ac', '1']), source: '48000 Hz x 1' },
  { what: 'HE-AAC', clip: heAac, source: 'aac' },
  { what: 'MP3', clip: sound('mp3', ['-c:a', 'libmp3lame', '-ar', '44100', '-b:a', '128k']), source: 'mp3 44100 Hz' },
  { what: 'no sound', clip: sound('none', 'none'), isSilent: true },
  { what: 'sound 1 s before the picture', clip: async () => without(await plain(), VIDEO, 900, true) },
  { what: 'sound 4 s before the picture and its header', clip: async () => without(await plain(), VIDEO, 3500, false) },
  { what: 'the picture 1 s before the sound', clip: async () => without(await plain(), AUDIO, 1000, true) },
  { what: 'sound that starts 5 s late, with its header', clip: async () => without(await plain(), AUDIO, 5000, false) },
  {
    what: 'sound that starts 5 s late, announced at once',
    clip: async () => without(await plain(), AUDIO, 5000, true),
  },
];

const CASES = rowsOf(MATRIX, ({ what }) => what, [
  '44.1 kHz',
  'HE-AAC',
  'MP3',
  'no sound',
  'sound 4 s before the picture and its header',
  'sound that starts 5 s late, with its header',
]);

let service: TestService;
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
  for (const [i, { what, source, isSilent = false }] of CASES.entries())
    test(`${what} is served by all rules`, async ({ expect }) => {
      const channel = `c${i}`;
      const push = await pushTags(service.ports.rtmp, `${channel}?key=${KEY}-${channel}`, clips.get(what) ?? []);
      await waitLive(service, channel);
      const url = `http://127.0.0.1:${service.ports.http}/live/${channel}/master.m3u8`;
      const { findings } = await checkStream({ url, seconds: 6, clock: systemClock() });
      expect(findings.filter(({ severity }) => severity !== 'note')).toEqual([]);
      if (source !== undefined) expect(service.directory.get(channel)?.status().publisher?.source).toContain(source);
      let look = await lookAt(service, channel, folder, 2);
      if (what.includes('5 s late'))
        await waitFor('beeps', async () => {
          look = await lookAt(service, channel, folder, 1);
          return look.beeps.length > 0 && look.flashes.length > 0;
        });
      await push.stop();
      expect(service.directory.get(channel)?.status().onAir).toBe('live');
      expect(look.flashes.length).toBeGreaterThanOrEqual(1);
      expect(look.movingShare).toBeGreaterThan(0.85);
      if (isSilent) expect(look.beeps).toEqual([]);
      else expect(look.apartMs ?? 999).toBeLessThan(70);
      const { segments, discontinuitySequence } = await viewerOf(service, channel).playlist('180p');
      expect([segments.filter((segment) => segment.isDiscontinuity).length, discontinuitySequence]).toEqual([0, 1]);
    });
});
