import { describe, expect, test } from 'vitest';
import { LOOP_MS, roundOf, tagAt } from '../../bench/latency/feed-clip.ts';
import { firstVariant, readPlaylist } from '../../bench/latency/live-playlist.ts';
import { goalOf, meetsGoal, playsOf } from '../../bench/latency/plays.ts';

function tag(type: number, stampMs: number, body: readonly number[]): Buffer {
  const bytes = Buffer.alloc(11 + body.length + 4);
  bytes[0] = type;
  bytes.writeUIntBE(body.length, 1, 3);
  bytes.writeUIntBE(stampMs & 0xffffff, 4, 3);
  bytes[7] = stampMs >>> 24;
  bytes.set(body, 11);
  bytes.writeUInt32BE(11 + body.length, 11 + body.length);
  return bytes;
}

const FRAMES = (LOOP_MS * 30) / 1000;
const UNITS = (LOOP_MS * 48) / 1024;

function clip({ frames = FRAMES, units = UNITS } = {}): Buffer {
  const header = Buffer.from([0x46, 0x4c, 0x56, 1, 5, 0, 0, 0, 9, 0, 0, 0, 0]);
  const video = Array.from({ length: frames }, (_, i) =>
    tag(9, Math.round((i * 1000) / 30), [0x17, 1, 0, 0, 0, i % 256]),
  );
  // AAC in FLV is stamped with the milliseconds of its own sample count, and the encoder flushes one more.
  const audio = Array.from({ length: units + 1 }, (_, i) => tag(8, Math.floor((i * 1024) / 48), [0xaf, 1, i % 256]));
  const first = [tag(18, 0, [2]), tag(9, 0, [0x17, 0]), tag(8, 0, [0xaf, 0])];
  return Buffer.concat([header, ...first, ...video, ...audio, tag(9, LOOP_MS, [0x17, 2])]);
}

describe('the feed', () => {
  test('is headers once, then whole frames and access units without the end of the clip', () => {
    const { headers, media } = roundOf(clip());
    expect(headers.map(({ type, stampMs }) => [type, stampMs])).toEqual([
      [18, 0],
      [9, 0],
      [8, 0],
    ]);
    expect(media).toHaveLength(FRAMES + UNITS);
    expect(media.every(({ stampMs }) => stampMs >= 0 && stampMs < LOOP_MS)).toBe(true);
  });

  test('goes on evenly over the end of a round', () => {
    const round = roundOf(clip());
    const around = Array.from({ length: 3 * round.media.length }, (_, i) => tagAt(round, i));
    for (const [type, longestMs] of [
      [9, 34],
      [8, 22],
    ]) {
      const stamps = around.filter((one) => one.type === type).map(({ stampMs }) => stampMs);
      const steps = stamps.slice(1).map((stamp, i) => stamp - (stamps[i] ?? 0));
      expect(Math.max(...steps)).toBe(longestMs);
      expect(Math.min(...steps)).toBe((longestMs ?? 0) - 1);
    }
    expect(around.map(({ stampMs }) => stampMs)).toEqual(
      around.map(({ stampMs }) => stampMs).toSorted((a, b) => a - b),
    );
  });

  test('a clip that is no whole round is refused', () => {
    expect(() => roundOf(clip({ frames: FRAMES - 1 }))).toThrow('959 frames of 960');
    expect(() => roundOf(clip({ units: UNITS - 2 }))).toThrow('1499 access units of 1500');
  });
});

const LOW = `#EXTM3U
#EXT-X-VERSION:9
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.3,CAN-SKIP-UNTIL=12
#EXT-X-PART-INF:PART-TARGET=0.40534
#EXT-X-MEDIA-SEQUENCE:850000000
#EXT-X-MAP:URI="G/init.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-11-26T10:00:00.000Z
#EXTINF:2.000,
G/850000000.m4s
#EXT-X-PART:DURATION=0.4,URI="G/850000001.0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.4,URI="G/850000001.1.m4s"
#EXT-X-PART:DURATION=1.2,URI="G/850000001.2.m4s"
#EXTINF:2.000,
G/850000001.m4s
#EXT-X-PART:DURATION=0.4,URI="G/850000002.0.m4s",INDEPENDENT=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="G/850000002.1.m4s"
`;
const AT = Date.parse('2026-11-26T10:00:00.000Z');

describe('what a client reads of a playlist', () => {
  test('parts and Segments with their ends in UTC, the hint, and what to ask for next', () => {
    const list = readPlaylist(LOW);
    expect(list).toMatchObject({ targetSeconds: 2, canBlock: true, hint: 'G/850000002.1.m4s' });
    expect(list.segments.map(({ uri, endMs }) => [uri, endMs - AT])).toEqual([
      ['G/850000000.m4s', 2000],
      ['G/850000001.m4s', 4000],
    ]);
    expect(list.parts.map(({ endMs }) => endMs - AT)).toEqual([2400, 2800, 4000, 4400]);
    expect(list.next).toEqual({ msn: 850_000_002, part: 1 });
  });

  test('a list without parts has none, and none to wait for', () => {
    const plain = LOW.split('\n').filter((line) => !/PART|CONTROL|HINT/.test(line));
    expect(readPlaylist(plain.join('\n'))).toMatchObject({ canBlock: false, parts: [], hint: undefined });
  });

  test('the first variant with its audio', () => {
    const master = `#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="audio",URI="audio/media.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="a"
360p/media.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=2,AUDIO="a"
180p/media.m3u8
`;
    expect(firstVariant(master)).toEqual({ video: '360p/media.m3u8', audio: 'audio/media.m3u8' });
    expect(firstVariant(LOW)).toBeUndefined();
  });
});

describe('the plays', () => {
  const all = (['normal', 'low', 'ultra'] as const).flatMap(playsOf);
  const named = (name: string) => {
    const play = all.find((one) => one.name === name);
    if (play === undefined) throw new Error(`no play ${name}`);
    return play;
  };

  test('have names of their own', () => {
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  });

  test('goals are where something was promised, never behind nginx', () => {
    expect(goalOf(named('ultra/direct/page-hls'))).toEqual({ p50Ms: 1000, p95Ms: 1400 });
    expect(goalOf(named('ultra/varnish/dash.js'))).toEqual({ p50Ms: 1000, p95Ms: 1400 });
    expect(goalOf(named('low/direct/hls.js'))).toEqual({ p50Ms: 2100 });
    expect(goalOf(named('normal/varnish/shaka-dash'))).toEqual({ p50Ms: 5000 });
    expect(goalOf(named('ultra/nginx/page-hls'))).toBeUndefined();
    expect(goalOf(named('low/nginx-rtmp/hls.js'))).toBeUndefined();
  });

  test('a goal is met below its figures and with one stall in ten minutes', () => {
    const figures = {
      ...{
        startUpMs: 500,
        firstAgeMs: 900,
        p50Ms: 900,
        p95Ms: 1300,
        reads: 100,
        unreadable: 0,
        torn: 0,
        aheadP50: 0.5,
      },
      ...{ stalls: 1, longestStallMs: 200, freezes: 0, rebufferRatio: 0.01, rateChanges: 2, heights: [360] },
    };
    const goal = { p50Ms: 1000, p95Ms: 1400 };
    expect(meetsGoal(figures, goal, 1)).toBe(true);
    expect(meetsGoal({ ...figures, p50Ms: 1000 }, goal, 1)).toBe(false);
    expect(meetsGoal({ ...figures, p95Ms: 1400 }, goal, 1)).toBe(false);
    expect(meetsGoal({ ...figures, p50Ms: Number.NaN }, goal, 1)).toBe(false);
    expect(meetsGoal({ ...figures, stalls: 2 }, goal, 10)).toBe(false);
    expect(meetsGoal({ ...figures, stalls: 2 }, goal, 20)).toBe(true);
  });
});
