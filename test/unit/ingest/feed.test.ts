import { beforeEach, describe, expect, it } from 'vitest';
import { PublishFeed } from '../../../src/ingest/feed.ts';
import type { FeedEnd, SourceDescription, SourceKeyframe } from '../../../src/ingest/model.ts';
import type { Clock } from '../../../src/system/clock.ts';
import type { Logger } from '../../../src/system/log.ts';
import { amf0 } from '../../fakes/rtmp-client.ts';

const AUDIO = 8;
const VIDEO = 9;
const SCRIPT = 18;
const T0 = 1_767_225_600_000;
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const SPS_50 = '6742c020da014016ec0440000003004000001903c60ca8';
const SPS_25 = '6742c01eda02d049bff0040002d1000003000100000300320f162ea0';
const videoHeader = (sps: string) =>
  Buffer.concat([hex('1700000000 0142c020ffe1'), Buffer.from([0, sps.length / 2]), hex(sps), hex('01000468ce0fc8')]);
const AAC_HEADER = hex('af00 1190');

/** Media time is the stamp plus T0: arrivals are on time. */
let nowUs = 0;
const clock: Clock = {
  nowMs: () => T0,
  monotonicUs: () => nowUs,
  utcMsOf: (us) => T0 + us / 1000,
  after: () => () => undefined,
};
const log: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => log,
};

class Publisher {
  readonly closed: string[] = [];
  readonly sources: SourceDescription[] = [];
  readonly changes: SourceDescription[] = [];
  readonly ends: FeedEnd[] = [];
  jumps = 0;
  readonly feed = new PublishFeed(
    { id: 'p1', channel: 'match', address: '192.0.2.1:5000', startedMs: T0 },
    { clock, log, setFlow: () => undefined, onPicture: () => undefined, close: (reason) => this.closed.push(reason) },
  );

  constructor() {
    this.feed.listen({
      onSource: (source) => this.sources.push(source),
      onSourceChanged: (source) => this.changes.push(source),
      onJump: () => {
        this.jumps++;
      },
      onEnd: (how) => this.ends.push(how),
    });
  }

  tag(kind: number, body: Buffer, stamp: number, arrivalMs = stamp): this {
    this.feed.accept({ kind, stamp, arrivalUs: arrivalMs * 1000, body });
    return this;
  }

  metadata(fields: Record<string, number>): this {
    return this.tag(SCRIPT, amf0('@setDataFrame', 'onMetaData', fields), 0);
  }

  start(): this {
    return this.metadata({ framerate: 50, videocodecid: 7, audiocodecid: 10 })
      .tag(VIDEO, videoHeader(SPS_50), 0)
      .tag(AUDIO, AAC_HEADER, 0);
  }

  /** Frames of 20 ms and audio of 20 ms between two stamps; a keyframe every second. */
  play(fromMs: number, toMs: number, arrivalOffsetMs = 0): this {
    for (let ms = fromMs; ms < toMs; ms += 20) {
      const key = (ms - fromMs) % 1000 === 0;
      this.tag(VIDEO, hex(`${key ? '17' : '27'}01000000 0${key ? 5 : 1}`), ms, ms + arrivalOffsetMs);
      this.tag(AUDIO, hex('af01 21'), ms + 1, ms + 1 + arrivalOffsetMs);
    }
    return this;
  }

  attach(fromMs: number, originMs: number) {
    const written: Buffer[] = [];
    const attached = this.feed.attach({
      fromMs: T0 + fromMs,
      originMs: T0 + originMs,
      write: (bytes) => written.push(bytes),
    });
    return { ...attached, tags: () => readFlv(Buffer.concat(written)) };
  }
}

/** [kind, time, first body bytes], after the 13 bytes of the file header; the header's byte 4 comes first. */
function readFlv(flv: Buffer): { flags: number | undefined; tags: [number, number, string][] } {
  const tags: [number, number, string][] = [];
  for (let at = 13; at < flv.length; ) {
    const length = flv.readUIntBE(at + 1, 3);
    const time = flv.readUIntBE(at + 4, 3) + (flv[at + 7] ?? 0) * 2 ** 24;
    tags.push([flv[at] ?? 0, time, flv.toString('hex', at + 11, at + 13)]);
    expect(flv.readUInt32BE(at + 11 + length)).toBe(length + 11);
    at += 15 + length;
  }
  return { flags: flv[4], tags };
}

beforeEach(() => {
  nowUs = 0;
});

describe('PublishFeed', () => {
  it('describes the source once, with the first keyframe', () => {
    const publisher = new Publisher().start();
    expect(publisher.sources).toEqual([]);
    publisher.play(0, 3000);
    expect(publisher.sources).toHaveLength(1);
    expect(publisher.sources[0]).toMatchObject({
      video: { width: 1280, height: 720, frameRate: { num: 50, den: 1 } },
      audio: { codec: 'aac', sampleRate: 48000, channels: 2 },
    });
    expect(publisher.changes).toEqual([]);
  });

  it('tells a later listener what is known already', () => {
    const publisher = new Publisher().start().play(0, 100);
    publisher.feed.finish('idle');
    const told: unknown[] = [];
    publisher.feed.listen({
      onSource: (source) => told.push(source),
      onSourceChanged: () => told.push('changed'),
      onJump: () => told.push('jump'),
      onEnd: (how) => told.push(how),
    });
    expect(told).toEqual([publisher.sources[0], 'idle']);
  });

  it('gives a worker header, metadata, both sequence headers at 0, the ring from the keyframe, then live tags', () => {
    const publisher = new Publisher().start().play(0, 3000);
    const worker = publisher.attach(2500, 2000);
    const { flags, tags } = worker.tags();
    expect(flags).toBe(5);
    expect(tags.slice(0, 5)).toEqual([
      [SCRIPT, 0, '0200'],
      [VIDEO, 0, '1700'],
      [AUDIO, 0, 'af00'],
      [VIDEO, 0, '1701'],
      [AUDIO, 1, 'af01'],
    ]);
    expect(tags.at(-1)).toEqual([AUDIO, 981, 'af01']);
    publisher.tag(VIDEO, hex('1701000000 05'), 3000);
    expect(worker.tags().tags.at(-1)).toEqual([VIDEO, 1000, '1701']);
    worker.detach();
    publisher.play(4000, 4100);
    expect(worker.tags().tags.at(-1)).toEqual([VIDEO, 1000, '1701']);
  });

  it('leaves out tags before the origin', () => {
    const publisher = new Publisher().start().play(0, 2500);
    const times = publisher
      .attach(2000, 2200)
      .tags()
      .tags.slice(3)
      .map(([, time]) => time);
    expect(times[0]).toBe(0);
    expect(times).toHaveLength(30);
  });

  it('holds a worker that was attached too early until there are a source and a keyframe', () => {
    const publisher = new Publisher();
    const worker = publisher.attach(0, 0);
    publisher.start();
    expect(worker.tags().tags).toEqual([]);
    publisher.tag(VIDEO, hex('2701000000 01'), 20).play(40, 100);
    expect(worker.tags().tags.slice(3, 5)).toEqual([
      [VIDEO, 40, '1701'],
      [AUDIO, 41, 'af01'],
    ]);
  });

  it('announces video alone in byte 4 and sends no audio where none was there at the start', () => {
    const publisher = new Publisher()
      .metadata({ framerate: 50, videocodecid: 7 })
      .tag(VIDEO, videoHeader(SPS_50), 0)
      .tag(VIDEO, hex('1701000000 05'), 0);
    const worker = publisher.attach(0, 0);
    publisher.tag(AUDIO, AAC_HEADER, 500).tag(AUDIO, hex('af01 21'), 500);
    expect(worker.tags().flags).toBe(1);
    expect(worker.tags().tags.some(([kind]) => kind === AUDIO)).toBe(false);
    expect(publisher.changes).toHaveLength(1);
    expect(publisher.changes[0]?.audio?.sampleRate).toBe(48000);
  });

  it('lets a jump never reach a worker: it is told, the worker gets nothing more, the ring begins anew', () => {
    const publisher = new Publisher().start().play(0, 3000);
    const worker = publisher.attach(2000, 2000);
    const before = worker.tags().tags.length;
    publisher.play(500_000, 500_500, 3000 - 500_000);
    expect(publisher.jumps).toBe(1);
    expect(worker.tags().tags).toHaveLength(before);
    expect(publisher.feed.keyframeRange()).toEqual({ oldestMs: T0 + 3000, newestMs: T0 + 3000 });
    const next = publisher.attach(3000, 2000).tags().tags;
    expect(next[3]).toEqual([VIDEO, 1000, '1701']);
  });

  it('carries stamps over the wrap of 2^32', () => {
    const publisher = new Publisher().start();
    const wrap = 2 ** 32;
    for (let i = 0; i < 20; i++)
      publisher
        .tag(VIDEO, hex(`${i === 0 ? '17' : '27'}01000000 05`), (wrap - 200 + i * 20) % wrap, i * 20)
        .tag(AUDIO, hex('af01 21'), (wrap - 200 + i * 20) % wrap, i * 20);
    expect(publisher.jumps).toBe(0);
    const times = publisher
      .attach(0, 0)
      .tags()
      .tags.slice(3)
      .map(([, time]) => time);
    expect(times.at(-1)).toBe(380);
  });

  it('tells of parameter sets that differ, not of repeated ones, and gives them to running workers', () => {
    const publisher = new Publisher().start().play(0, 1500);
    const worker = publisher.attach(1000, 1000);
    publisher.tag(VIDEO, videoHeader(SPS_50), 1500);
    expect(publisher.changes).toHaveLength(0);
    publisher.tag(VIDEO, videoHeader(SPS_25), 1500);
    expect(publisher.changes.map(({ video }) => video?.width)).toEqual([1024]);
    expect(worker.tags().tags.at(-1)?.[2]).toBe('1700');
    expect(publisher.feed.keyframeRange()).toBeUndefined();
    publisher.play(1500, 1600);
    expect(worker.tags().tags.at(-1)).toEqual([AUDIO, 581, 'af01']);
  });

  it('serves an audio-only publisher after 2 s, from whole seconds of audio', () => {
    const publisher = new Publisher().tag(AUDIO, AAC_HEADER, 0);
    for (let ms = 0; ms <= 2500; ms += 20) publisher.tag(AUDIO, hex('af01 21'), ms);
    expect(publisher.sources).toHaveLength(1);
    expect(publisher.sources[0]?.video).toBeUndefined();
    const { flags, tags } = publisher.attach(1500, 1000).tags();
    expect(flags).toBe(4);
    expect(tags[2]).toEqual([AUDIO, 0, 'af01']);
  });

  it.each([
    ['HEVC by Enhanced RTMP', '90687663310102'],
    ['AV1', '9161763031000102'],
    ['Sorenson', '220000'],
  ])('closes a publisher of %s with words', (name, body) => {
    const publisher = new Publisher().tag(VIDEO, hex(body), 0);
    expect(publisher.closed).toHaveLength(1);
    expect(publisher.closed[0]).toContain(name);
    expect(publisher.closed[0]).toContain('H.264');
  });

  it('goes on without audio it cannot take', () => {
    const publisher = new Publisher()
      .metadata({ framerate: 50, videocodecid: 7 })
      .tag(VIDEO, videoHeader(SPS_50), 0)
      .tag(AUDIO, hex('b200'), 0)
      .tag(VIDEO, hex('1701000000 05'), 0);
    expect(publisher.closed).toEqual([]);
    expect(publisher.sources[0]?.audio).toBeUndefined();
  });

  it('closes a file that is pushed faster than real time, with the remedy', () => {
    const publisher = new Publisher().start();
    for (let ms = 0; ms < 16_000; ms += 20) publisher.tag(VIDEO, hex('1701000000 05'), ms, 0);
    expect(publisher.closed[0]).toContain('-re');
  });

  it('ends once, and takes nothing afterwards', () => {
    const publisher = new Publisher().start().play(0, 1000);
    publisher.feed.finish('publisher-gone');
    publisher.feed.finish('idle');
    publisher.play(1000, 2000);
    expect(publisher.ends).toEqual(['publisher-gone']);
    expect(publisher.feed.statistics().ringBytes).toBe(0);
  });

  it('counts what came', () => {
    const statistics = new Publisher().start().play(0, 2100).feed.statistics();
    expect(statistics).toMatchObject({
      videoTags: 106,
      audioTags: 106,
      keyframeIntervalMs: 1000,
      heardUs: 2_080_000,
    });
    expect(statistics.pictureMs).toBeGreaterThan(0);
    expect(statistics.ringBytes).toBeGreaterThan(1000);
  });

  it('tells what its encoder should set, with the figures every five seconds, and nothing after its end', () => {
    const publisher = new Publisher();
    const told: string[] = [];
    publisher.feed.listenToAdvice({
      onAdvice: ({ kind, advice }) => told.push(`${kind} ${advice.code}`),
      onFigures: (figures) => told.push(figures === undefined ? 'over' : `${figures.keyframeIntervalMs}`),
    });
    publisher.feed.setTopRung({ id: 'tiny', width: 160, height: 90, bitrateBps: 1_000 });
    publisher.start().play(0, 5_200);
    expect(told).toEqual(['given PICTURE_TOO_LARGE', '1000']);
    expect(publisher.feed.advice().map(({ code }) => code)).toEqual(['PICTURE_TOO_LARGE']);
    publisher.feed.finish('publisher-gone');
    publisher.play(5_200, 12_000);
    expect(told.slice(2)).toEqual(['over']);
    expect(publisher.feed.advice()).toEqual([]);
  });

  it('was heard until the track that is away was: the other one going on is nothing to wait for', () => {
    const publisher = new Publisher().start().play(0, 2_100);
    for (let ms = 2_100; ms < 4_000; ms += 20) publisher.tag(VIDEO, hex('2701000000 01'), ms);
    expect(publisher.feed.statistics().heardUs).toBe(2_081_000);
    publisher.tag(AUDIO, hex('af01 21'), 4_000);
    expect(publisher.feed.statistics().heardUs).toBe(3_980_000);
  });

  it('counts as heard as long as a worker holds it back: its tags wait, it is not silent', () => {
    const publisher = new Publisher().start().play(0, 2_100);
    publisher.feed.setFlow(false);
    nowUs = 3_300_000;
    expect(publisher.feed.statistics().heardUs).toBe(3_300_000);
    publisher.feed.setFlow(true);
    expect(publisher.feed.statistics().heardUs).toBe(2_080_000);
  });

  it('is announced when the tags of before are in: an encoder then begins with the newest keyframe before its place', () => {
    const publisher = new Publisher();
    nowUs = 8_100_000;
    publisher.start().play(0, 7_840);
    expect(publisher.sources).toEqual([]);
    publisher.play(7_840, 7_880);
    expect(publisher.sources).toHaveLength(1);
    expect(publisher.feed.keyframeRange()).toEqual({ oldestMs: T0, newestMs: T0 + 7_840 });
    nowUs = 60_000_000;
    publisher.play(7_880, 8_880);
    expect(publisher.sources).toHaveLength(1);
  });

  it('is announced after a second of taking in what was kept, however much is left', () => {
    const publisher = new Publisher();
    nowUs = 12_000_000;
    publisher.start().play(0, 2_000);
    nowUs = 12_999_999;
    publisher.play(2_000, 4_000);
    expect(publisher.sources).toEqual([]);
    nowUs = 13_000_000;
    publisher.play(4_000, 4_020);
    expect(publisher.sources).toHaveLength(1);
  });

  it('hands composition times to its advisor, and forgets what it measured when the stamps jump', () => {
    const publisher = new Publisher().start();
    const bitrates: number[] = [];
    publisher.feed.listenToAdvice({
      onAdvice: () => undefined,
      onFigures: (figures) => bitrates.push(figures?.bitrateBps ?? 0),
    });
    for (let ms = 0; ms < 6_000; ms += 20)
      publisher
        .tag(VIDEO, hex(`${ms % 1000 === 0 ? '17' : '27'}0100${ms % 40 === 0 ? '0000' : '0028'} 05`), ms)
        .tag(AUDIO, hex('af01 21'), ms);
    expect(publisher.feed.advice().map(({ code }) => code)).toEqual(['B_FRAMES']);
    publisher.play(500_000, 506_000, 6_000 - 500_000);
    expect(publisher.jumps).toBe(1);
    expect(bitrates).toHaveLength(2);
    expect(Math.min(...bitrates)).toBeGreaterThan(3_000);
    expect(publisher.feed.advice().map(({ code }) => code)).toEqual(['B_FRAMES']);
  });

  it('does not blame the network for the delay while a worker holds the publisher back', () => {
    const late = (isHeld: boolean) => {
      const publisher = new Publisher().start().play(0, 12_000);
      if (isHeld) publisher.feed.setFlow(false);
      publisher.play(12_000, 18_000, 1_000).play(18_000, 24_000, 1_000);
      return publisher.feed.advice().map(({ code }) => code);
    };
    expect(late(false)).toEqual(['MEDIA_LATE']);
    expect(late(true)).toEqual([]);
  });
});

describe('what a copy needs of a feed', () => {
  /** AVCVIDEOPACKETs with one NAL unit of 4 bytes' length. */
  const packet = (head: string, composition: string, nal: string) => hex(`${head}01${composition} 00000002 ${nal}00`);

  it('each keyframe with its stamp, its composition time, its media time, and whether it is an IDR picture', () => {
    const told: SourceKeyframe[] = [];
    const publisher = new Publisher().start().play(0, 100);
    publisher.feed.listen({
      onKeyframe: (keyframe) => told.push(keyframe),
      onSource: () => undefined,
      onSourceChanged: () => undefined,
      onJump: () => undefined,
      onEnd: () => undefined,
    });
    publisher.tag(VIDEO, packet('17', '000028', '65'), 1000).tag(VIDEO, packet('27', '000000', '41'), 1020);
    publisher.tag(VIDEO, packet('17', 'ffffec', '41'), 2000);
    expect(told).toEqual([
      { base: 0, stampMs: 1000, compositionMs: 40, mediaMs: T0 + 1000, hasIdr: true },
      { base: 0, stampMs: 2000, compositionMs: -20, mediaMs: T0 + 2000, hasIdr: false },
    ]);
    expect(publisher.feed.keyframes().slice(1)).toEqual(told);
  });

  it('stamps of another base are told apart, and keyframes of before a jump are forgotten', () => {
    const publisher = new Publisher().start().play(0, 2000).play(60_000, 61_000, -58_000);
    expect(publisher.jumps).toBe(1);
    expect(publisher.feed.keyframes().map(({ base, stampMs }) => [base, stampMs])).toEqual([[1, 60_000]]);
  });

  it('no keyframe is kept that has left the ring', () => {
    const publisher = new Publisher().start().play(0, 30_000);
    const oldestMs = publisher.feed.keyframeRange()?.oldestMs;
    expect(publisher.feed.keyframes()[0]?.mediaMs).toBe(oldestMs);
    expect(publisher.feed.keyframes().length).toBeLessThan(15);
  });

  it('the time of each tag may be given by whoever attaches, asked once for each, in order', () => {
    const publisher = new Publisher().start().play(0, 1060);
    const asked: [boolean, number][] = [];
    const written: Buffer[] = [];
    publisher.feed.attach({
      fromMs: T0 + 1000,
      originMs: 7,
      timeOf: ({ isVideo, stampMs }) => {
        asked.push([isVideo, stampMs]);
        return isVideo ? stampMs * 2 : undefined;
      },
      write: (bytes) => written.push(bytes),
    });
    const { tags } = readFlv(Buffer.concat(written));
    expect(tags.filter(([kind, time]) => kind === VIDEO && time > 0).map(([, time]) => time)).toEqual([
      2000, 2040, 2080,
    ]);
    expect(tags.filter(([kind]) => kind === AUDIO)).toHaveLength(1);
    expect(asked).toEqual([
      [true, 1000],
      [false, 1001],
      [true, 1020],
      [false, 1021],
      [true, 1040],
      [false, 1041],
    ]);
  });
});
