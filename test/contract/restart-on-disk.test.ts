/** A Channel on the window of a real disk, left without a word and begun again: what was listed is there, to the byte. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type ChannelEntry, fewerEntries, readFormerLife } from '../../src/channel/former-life.ts';
import { SlateShelf } from '../../src/channel/slate-shelf.ts';
import { openMetrics } from '../../src/system/metrics.ts';
import { openWindow } from '../../src/window/open-window.ts';
import { ChannelWorld } from '../fakes/channel-world.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { MemoryLog } from '../fakes/memory-log.ts';

vi.mock('../../src/transcode/ffmpeg-process.ts', () => import('../fakes/manual-encoder.ts'));
vi.mock('../../src/transcode/slate-picture.ts', () => ({ slatePicture: () => ({ rgb: Buffer.from('picture') }) }));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'restart-on-disk-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function life(latency: 'normal' | 'low', atMs?: number) {
  const clock = new ManualClock();
  const log = new MemoryLog();
  const window = await openWindow<ChannelEntry>({
    ...{ folder: join(folder, 'match'), channel: 'match', maxBytes: 1e9, clock, log, metrics: openMetrics() },
    snapshot: fewerEntries,
  });
  const { store, journal, isContinued } = window;
  const former = { ...readFormerLife(window.entries), isContinued };
  const slates = new SlateShelf(join(folder, 'slates'), clock, log);
  const it = new ChannelWorld({ settings: { latency }, store, journal, former, slates });
  if (atMs !== undefined) it.clock.advanceTo(atMs);
  return { it, isContinued, window };
}

const textOf = (it: ChannelWorld, kind: 'hls-media' | 'hls-dvr-media', track: string): string => {
  const answer = it.channel.text({ kind, track });
  if (answer.kind !== 'ready') throw new Error(answer.kind);
  return answer.revision.text;
};

function mediaIn(it: ChannelWorld, track: string, text: string) {
  const urls = [...text.matchAll(/^#EXT-X-PART:.*URI="(\w+)\/(\d+)\.(\d+)\.m4s"|^(\w+)\/(\d+)\.m4s$/gm)];
  return urls.flatMap(([line, gen, number, part, ofWhole, whole]) => {
    const name =
      gen === undefined
        ? ({ kind: 'segment', track, gen: ofWhole ?? '', number: Number(whole) } as const)
        : ({ kind: 'part', track, gen, number: Number(number), part: Number(part) } as const);
    const answer = it.channel.media(name);
    return [{ url: line, etag: answer.kind === 'ready' ? answer.object.etag : answer.kind }];
  });
}

test.each(['normal', 'low'] as const)('latency %s: three lives, none of which ended in order', async (latency) => {
  const first = await life(latency);
  await first.it.open();
  const feed = first.it.publish();
  feed.announce();
  first.it.deliver(first.it.startWorker(), 0);
  first.it.untilLive();
  let before = first.it;
  for (let n = 0; n < 2; n++) {
    before.clock.advance(2900);
    const tracks = ['v720', 'a'] as const;
    const texts = tracks.map((track) => textOf(before, 'hls-media', track));
    const media = tracks.map((track, i) => mediaIn(before, track, texts[i]!));
    expect(media.flat().length).toBeGreaterThan(20);
    expect(media.flat().filter(({ etag }) => !etag.startsWith('"'))).toEqual([]);
    // What is written behind is in the kernel by then, as it is before anything else of the event loop is.
    await sleep(50);
    const { it, isContinued } = await life(latency, before.nowMs + 1200);
    expect(isContinued).toBe(true);
    expect(tracks.map((track) => textOf(it, 'hls-media', track))).toEqual(texts);
    expect(tracks.map((track, i) => mediaIn(it, track, texts[i]!))).toEqual(media);
    it.channel.open();
    expect(it.slateEncoders).toEqual([]);
    it.clock.advance(3000);
    expect(it.codes()).toEqual([]);
    expect(textOf(it, 'hls-dvr-media', 'v720')).not.toContain('#EXT-X-DISCONTINUITY\n');
    expect(it.status.fresh).toBe(true);
    expect(tracks.map((track, i) => mediaIn(it, track, texts[i]!))).toEqual(media);
    before = it;
  }
});
