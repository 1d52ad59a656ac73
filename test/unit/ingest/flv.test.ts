import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readMetadata } from '../../../src/ingest/amf0.ts';
import { readTagContent } from '../../../src/ingest/flv-tags.ts';
import { flvFileHeader, flvTag, metadataTag } from '../../../src/ingest/flv-writer.ts';
import { GopRing } from '../../../src/ingest/gop-ring.ts';
import { FrameReader, frameHeader } from '../../../src/ingest/media-frames.ts';
import { Restamper } from '../../../src/ingest/restamp.ts';

const AUDIO = 8;
const VIDEO = 9;
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('readTagContent', () => {
  it.each([
    ['17 00 000000 0142', { kind: 'video', packet: 'sequence-header', keyframe: true, compositionMs: 0 }],
    ['17 01 000050 00', { kind: 'video', packet: 'nalu', keyframe: true, compositionMs: 80 }],
    ['27 01 000000 00', { kind: 'video', packet: 'nalu', keyframe: false, compositionMs: 0 }],
    ['17 02 000000', { kind: 'video', packet: 'end', keyframe: false, compositionMs: 0 }],
  ])('reads AVC %s (FLV E.4.3.1)', (bytes, wanted) => {
    expect(readTagContent(VIDEO, hex(bytes))).toEqual(wanted);
  });

  it('reads CompositionTime as a signed number (FLV E.4.3.1: SI24)', () => {
    expect(readTagContent(VIDEO, hex('27 01 ffffd8 00'))).toMatchObject({
      compositionMs: -40,
    });
  });

  it.each([
    ['af 00 1190', { kind: 'aac', packet: 'sequence-header' }],
    ['af 01 21', { kind: 'aac', packet: 'raw' }],
    ['af 01', { kind: 'nothing' }],
    ['2f fffb', { kind: 'mp3' }],
    ['b2 00', { kind: 'unsupported', track: 'audio', name: 'Speex' }],
  ])('reads audio %s (FLV E.4.2.1)', (bytes, wanted) => {
    expect(readTagContent(AUDIO, hex(bytes))).toEqual(wanted);
  });

  it.each([
    ['90 68766331', 'HEVC by Enhanced RTMP (hvc1)'],
    ['91 61763031 00', 'AV1 by Enhanced RTMP (av01)'],
    ['96 00', 'Enhanced RTMP multitrack'],
    ['97 00', 'Enhanced RTMP ModEx'],
    ['90 00000000', 'an unknown Enhanced RTMP codec'],
    ['22 00', 'Sorenson H.263'],
  ])('names the codec of video %s that is not taken', (bytes, name) => {
    expect(readTagContent(VIDEO, hex(bytes))).toEqual({
      kind: 'unsupported',
      track: 'video',
      name,
    });
  });

  it('has an answer for any bytes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 12 }), (type, bytes) => {
        expect(readTagContent(type, Buffer.from(bytes)).kind).toBeTypeOf('string');
      }),
    );
  });
});

describe('flvTag', () => {
  it('puts the upper 8 bits of the time behind the lower 24 (FLV E.4.1)', () => {
    const tag = flvTag(VIDEO, 0x12345678, hex('aabb'));
    expect(tag.toString('hex')).toBe('0900000234567812000000aabb0000000d');
  });

  it('announces in byte 4 only what is there (FLV E.2)', () => {
    expect(flvFileHeader({ audio: false, video: true })[4]).toBe(1);
    expect(flvFileHeader({ audio: true, video: false })[4]).toBe(4);
    expect(flvFileHeader({ audio: true, video: true }).toString('hex')).toBe('464c5601050000000900000000');
  });

  it('writes metadata that its own reader understands', () => {
    const tag = metadataTag({
      video: {
        codec: 'h264',
        width: 1280,
        height: 720,
        frameRate: { num: 30000, den: 1001 },
        profile: 'high',
        level: '3.1',
      },
      audio: { codec: 'mp3', sampleRate: 44100, channels: 2 },
      encoder: undefined,
    });
    const fields = readMetadata(tag.subarray(11, -4));
    expect(fields?.get('framerate')).toBeCloseTo(29.97, 3);
    expect(fields?.get('videocodecid')).toBe(7);
    expect(fields?.get('audiocodecid')).toBe(2);
  });
});

describe('Restamper', () => {
  const timeOf = (tag: Buffer | undefined) =>
    tag === undefined ? undefined : tag.readUIntBE(4, 3) + (tag[7] ?? 0) * 2 ** 24;
  const body = hex('2701000000');

  it('leaves out what lies before the origin and gives whole ms after it', () => {
    const restamper = new Restamper(10_000);
    expect(restamper.restamp(VIDEO, 9_999.4, body)).toBeUndefined();
    expect(timeOf(restamper.restamp(VIDEO, 9_999.6, body))).toBe(0);
    expect(timeOf(restamper.restamp(VIDEO, 10_033.4, body))).toBe(33);
  });

  it('never gives a time below an earlier one of the same kind, nor below 0', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(AUDIO, VIDEO), fc.double({ min: 0, max: 1e6, noNaN: true }))),
        (tags) => {
          const restamper = new Restamper(5_000);
          const last = new Map<number, number>();
          for (const [type, mediaMs] of tags) {
            const time = timeOf(restamper.restamp(type, mediaMs, body));
            if (time === undefined) continue;
            expect(time).toBeGreaterThanOrEqual(last.get(type) ?? 0);
            last.set(type, time);
          }
        },
      ),
    );
  });

  it('copies the body, which the ring and other workers share', () => {
    const shared = Buffer.from(body);
    const tag = new Restamper(0).restamp(VIDEO, 0, shared);
    shared.fill(0xee);
    expect(tag?.subarray(11, -4).equals(body)).toBe(true);
  });
});

describe('FrameReader', () => {
  it('gives the same frames however the bytes are cut', () => {
    const frame = fc.record({
      kind: fc.constantFrom(8, 9, 18),
      arrivalUs: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
      stamp: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      body: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    });
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 30 })), (frames, cuts) => {
        const bytes = Buffer.concat(frames.flatMap((one) => [frameHeader(one), one.body]));
        const reader = new FrameReader(1024);
        const read = [];
        let at = 0;
        for (const cut of cuts) {
          read.push(...reader.push(bytes.subarray(at, at + cut)));
          at = Math.min(bytes.length, at + cut);
        }
        read.push(...reader.push(bytes.subarray(at)));
        expect(read).toEqual(frames);
      }),
    );
  });

  it('refuses a body above the bound before it reserves memory for it', () => {
    const header = frameHeader({ kind: 9, arrivalUs: 0, stamp: 0, body: Buffer.alloc(11) });
    expect(() => new FrameReader(10).push(header)).toThrow(RangeError);
  });
});

describe('GopRing', () => {
  const tag = (mediaMs: number, bytes = 10, tagType = VIDEO) => ({ tagType, mediaMs, body: Buffer.alloc(bytes) });

  it('keeps nothing before the first keyframe', () => {
    const ring = new GopRing();
    ring.push(tag(0), false);
    expect(ring.range()).toBeUndefined();
    expect(ring.bytes).toBe(0);
  });

  it('drops whole GOPs from the front beyond 12 s', () => {
    const ring = new GopRing();
    for (let ms = 0; ms <= 20_000; ms += 500) ring.push(tag(ms), ms % 2_000 === 0);
    expect(ring.range()).toEqual({ oldestMs: 8_000, newestMs: 20_000 });
    expect(ring.from(0)[0]?.mediaMs).toBe(8_000);
  });

  it('starts from the newest keyframe at or before, else from the oldest', () => {
    const ring = new GopRing();
    for (let ms = 0; ms < 6_000; ms += 500) ring.push(tag(ms), ms % 2_000 === 0);
    expect(ring.startAtOrBefore(3_999)).toBe(2_000);
    expect(ring.startAtOrBefore(4_000)).toBe(4_000);
    expect(ring.startAtOrBefore(-1)).toBe(0);
    expect(ring.from(3_000).map((one) => one.mediaMs)).toEqual([
      2_000, 2_500, 3_000, 3_500, 4_000, 4_500, 5_000, 5_500,
    ]);
  });

  it('gives the audio that was interleaved ahead of the keyframe', () => {
    const ring = new GopRing();
    ring.push(tag(0), true);
    ring.push(tag(1_990, 4, AUDIO), false);
    ring.push(tag(2_011, 4, AUDIO), false);
    ring.push(tag(2_000), true);
    expect(ring.from(2_000).map((one) => [one.tagType, one.mediaMs])).toEqual([
      [AUDIO, 2_011],
      [VIDEO, 2_000],
    ]);
  });

  it('keeps the first part of a GOP that alone exceeds a bound, says so, and recovers at the next keyframe', () => {
    const ring = new GopRing({ maxMs: 12_000, maxBytes: 10_000 });
    for (let ms = 0; ms < 20_000; ms += 1_000) ring.push(tag(ms), ms === 0);
    expect(ring.isCut).toBe(true);
    expect(ring.from(0).length).toBe(13);
    ring.push(tag(20_000), true);
    expect(ring.isCut).toBe(false);
    expect(ring.range()).toEqual({ oldestMs: 20_000, newestMs: 20_000 });
  });

  it('never holds more than its bounds, and always starts on a keyframe', () => {
    const step = fc.record({
      afterMs: fc.integer({ min: 0, max: 900 }),
      bytes: fc.integer({ min: 1, max: 3_000 }),
      keyframe: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const ring = new GopRing({ maxMs: 3_000, maxBytes: 20_000 });
        const starts = new Set<number>();
        let nowMs = 0;
        for (const { afterMs, bytes, keyframe } of steps) {
          nowMs += afterMs;
          if (keyframe) starts.add(nowMs);
          ring.push(tag(nowMs, bytes), keyframe);
          const kept = ring.from(0);
          expect(ring.bytes).toBeLessThanOrEqual(20_000);
          expect((kept.at(-1)?.mediaMs ?? 0) - (kept[0]?.mediaMs ?? 0)).toBeLessThanOrEqual(3_000);
          if (kept[0]) expect(starts.has(kept[0].mediaMs)).toBe(true);
        }
      }),
    );
  });
});
