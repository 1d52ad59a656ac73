import { describe, expect, test, vi } from 'vitest';
import type { Advice } from '../../../src/ingest/advice-model.ts';
import { ChannelWorld } from '../../fakes/channel-world.ts';

vi.mock('../../../src/transcode/ffmpeg-process.ts', () => import('../../fakes/manual-encoder.ts'));
vi.mock('../../../src/transcode/slate-picture.ts', () => ({ slatePicture: () => ({ rgb: Buffer.from('picture') }) }));

const ADVICE: Advice = {
  code: 'KEYFRAMES_FAR_APART',
  level: 'warn',
  message: 'Keyframes come every 8.3 s.',
  obs: 'Keyframe Interval 2 s',
  ffmpeg: '-g 60',
  sinceMs: 1,
};

async function published() {
  const it = new ChannelWorld();
  await it.open();
  const feed = it.publish();
  feed.announce();
  const metric = async (name: string) =>
    (await it.metrics.registry.metrics()).split('\n').filter((line) => line.startsWith(`pitchside_ingest_${name}{`));
  return { it, feed, tell: feed.adviceListener!, metric };
}

describe("a publisher's advice", () => {
  test('stands in the status while the feed has it, and is empty when nobody publishes', async () => {
    const { it, feed } = await published();
    expect(it.status.advice).toEqual([]);
    feed.standing = [ADVICE];
    expect(it.status.advice).toEqual([ADVICE]);
    feed.end();
    expect(it.status.advice).toEqual([]);
  });

  test('is logged once at its level, with the settings, and once when it is over; a second time it is not', async () => {
    const { it, tell } = await published();
    tell.onAdvice({ kind: 'given', advice: ADVICE, again: false });
    tell.onAdvice({ kind: 'withdrawn', advice: ADVICE, again: false });
    tell.onAdvice({ kind: 'given', advice: ADVICE, again: true });
    tell.onAdvice({ kind: 'withdrawn', advice: ADVICE, again: true });
    const lines = it.log.lines.filter(({ fields }) => fields['code'] === 'KEYFRAMES_FAR_APART');
    expect(lines.map(({ level }) => level)).toEqual(['warn', 'info']);
    expect(lines[0]).toMatchObject({
      message: 'Keyframes come every 8.3 s.',
      fields: { channel: 'match', publish: 'p1', obs: 'Keyframe Interval 2 s', ffmpeg: '-g 60' },
    });
  });

  test('and its figures are in the metrics until the publish is over', async () => {
    const { tell, metric } = await published();
    tell.onFigures({ bitrateBps: 6_100_000, keyframeIntervalMs: 8_340, driftPpm: undefined, audioLeadMs: -120 });
    tell.onAdvice({ kind: 'given', advice: ADVICE, again: false });
    expect(await metric('source_bits_per_second')).toEqual([
      'pitchside_ingest_source_bits_per_second{channel="match"} 6100000',
    ]);
    expect(await metric('source_keyframe_interval_seconds')).toHaveLength(1);
    expect(await metric('source_clock_drift_ppm')).toEqual([]);
    expect(await metric('source_audio_lead_seconds')).toEqual([
      'pitchside_ingest_source_audio_lead_seconds{channel="match"} -0.12',
    ]);
    expect((await metric('advice_standing'))[0]).toMatch(/code="KEYFRAMES_FAR_APART"\} 1$/);
    tell.onAdvice({ kind: 'withdrawn', advice: ADVICE, again: false });
    expect((await metric('advice_standing'))[0]).toMatch(/ 0$/);
    tell.onFigures(undefined);
    for (const name of ['source_bits_per_second', 'source_keyframe_interval_seconds', 'advice_standing'])
      expect(await metric(name)).toEqual([]);
  });

  test('on bitrate and picture is against the top rung of the plan, also for who comes back within the grace', async () => {
    const { it, feed } = await published();
    const top = { id: 'v720', width: 1280, height: 720 };
    expect(feed.topRung).toMatchObject(top);
    const worker = it.startWorker();
    it.deliver(worker, 0);
    it.untilLive();
    feed.end();
    const back = it.publish();
    back.announce();
    expect(it.log.saying('publisher is back; its worker goes on')).toHaveLength(1);
    expect(back.topRung).toMatchObject(top);
  });
});
