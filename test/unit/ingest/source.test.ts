import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readMetadata } from '../../../src/ingest/amf0.ts';
import { readAudioSpecificConfig, readMpegAudioHeader } from '../../../src/ingest/audio-headers.ts';
import { SourceProbe } from '../../../src/ingest/describe-source.ts';
import { isRateKnown, sourceFrameRate } from '../../../src/ingest/source-rate.ts';
import { readSps, spsOfAvcConfiguration } from '../../../src/ingest/sps.ts';
import { type AmfValue, amf0 } from '../../fakes/rtmp-client.ts';

const hex = (text: string) => Buffer.from(text, 'hex');
/** x264, 720p50, baseline. */
const SPS_720P50 = hex('6742c020da014016ec0440000003004000001903c60ca8');

function avcC(sps: Buffer): Buffer {
  return Buffer.concat([
    hex('0142c020ffe1'),
    Buffer.from([sps.length >> 8, sps.length & 255]),
    sps,
    hex('01000468ce0fc8'),
  ]);
}

/** Stamps as an encoder writes them: whole ms. */
function stamps(fps: number, frames = Math.ceil(fps * 0.55)): number[] {
  return Array.from({ length: frames }, (_, i) => Math.round((i * 1000) / fps));
}

describe('readSps (ITU-T H.264 7.3.2.1, Annex E; sets written by x264)', () => {
  it.each([
    [
      '6742c028da01e0089f97011000003e90000ea600f1832a',
      { width: 1920, height: 1080, displayWidth: 1920, interlaced: false, fps: 29.97 },
    ],
    [
      '6742c020da014016ec0440000003004000001903c60ca8',
      { width: 1280, height: 720, displayWidth: 1280, interlaced: false, fps: 50 },
    ],
    [
      '6742c01eda02d049bff0040002d1000003000100000300320f162ea0',
      { width: 720, height: 576, displayWidth: 1024, interlaced: false, fps: 25 },
    ],
    [
      '6742c02ada01100f1e5f0110000003001000000780f1832a',
      { width: 1080, height: 1920, displayWidth: 1080, interlaced: false, fps: 60 },
    ],
    [
      '6742c01eda0360f79bc044000003000400000300783c58ba80',
      { width: 854, height: 480, displayWidth: 854, interlaced: false, fps: 15 },
    ],
    [
      '674d4028f403c0227ef011000003000100000300321f162ea0',
      { width: 1920, height: 1080, displayWidth: 1920, interlaced: true, fps: 25 },
    ],
  ])('reads size, aspect and timing of %s', (text, { fps, ...wanted }) => {
    const sps = readSps(hex(text));
    expect(sps).toMatchObject(wanted);
    expect(sps?.timingFps).toBeCloseTo(fps, 2);
  });

  it.each([
    ['67f4001e919680a02ff89c0440000003004000000c03c58ba8', { chromaFormatIdc: 3, bitDepth: 8, profileIdc: 244 }],
    ['676e001ea6cb405017fcb808800000030080000018078b1750', { chromaFormatIdc: 1, bitDepth: 10, profileIdc: 110 }],
  ])('reads chroma format and bit depth of %s', (text, wanted) => {
    expect(readSps(hex(text))).toMatchObject({ ...wanted, width: 640, height: 360 });
  });

  it('never throws, whatever the bytes and wherever they end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(30), (bytes, cut) => {
        readSps(Buffer.concat([hex('67'), Buffer.from(bytes)]));
        expect(readSps(SPS_720P50.subarray(0, Math.min(cut, 12)))).toBeUndefined();
        spsOfAvcConfiguration(Buffer.from(bytes));
      }),
    );
  });

  it('finds the set in an avcC record (ISO/IEC 14496-15 5.3.3.1)', () => {
    expect(spsOfAvcConfiguration(avcC(SPS_720P50))).toEqual(SPS_720P50);
    expect(spsOfAvcConfiguration(avcC(SPS_720P50).subarray(0, 12))).toBeUndefined();
  });
});

describe('audio headers', () => {
  it.each([
    ['1190', { sampleRate: 48000, channels: 2 }],
    ['1208', { sampleRate: 44100, channels: 1 }],
    ['11b0', { sampleRate: 48000, channels: 6 }],
    ['1690', undefined],
    ['12', undefined],
  ])('reads AudioSpecificConfig %s (ISO/IEC 14496-3 1.6.2.1)', (config, wanted) => {
    expect(readAudioSpecificConfig(hex(config))).toEqual(wanted);
  });

  it('reads an explicit sample rate', () => {
    // object type 2, index 15, 48000 in 24 bits, 2 channels
    const bits = `00010${'1111'}${(48000).toString(2).padStart(24, '0')}0010000`;
    const bytes = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
    expect(readAudioSpecificConfig(bytes)).toEqual({ sampleRate: 48000, channels: 2 });
  });

  it.each([
    ['fffb9064', { sampleRate: 44100, channels: 2 }],
    ['fffb94c4', { sampleRate: 48000, channels: 1 }],
    ['fff390c4', { sampleRate: 22050, channels: 1 }],
    ['00fb9064', undefined],
  ])('reads MPEG audio header %s (ISO/IEC 11172-3 2.4.1.3)', (frame, wanted) => {
    expect(readMpegAudioHeader(hex(frame))).toEqual(wanted);
  });
});

describe('readMetadata', () => {
  it('reads flat fields with @setDataFrame and without', () => {
    const fields: AmfValue = { width: 1280, stereo: true, encoder: 'Lavf', nested: { a: 1 } };
    for (const body of [amf0('@setDataFrame', 'onMetaData', fields), amf0('onMetaData', fields)])
      expect(readMetadata(body)).toEqual(
        new Map<string, unknown>([
          ['width', 1280],
          ['stereo', true],
          ['encoder', 'Lavf'],
        ]),
      );
  });

  it('reads nothing from other messages', () => {
    expect(readMetadata(amf0('onTextData', { width: 1 }))).toBeUndefined();
  });

  it('is bounded: nesting, huge counts and cut bytes end the reading and keep what was read', () => {
    const start = Buffer.concat([amf0('onMetaData'), hex('03000577696474680040940000000000000001780a')]);
    const deep = Buffer.concat([start, Buffer.alloc(60_000, hex('000000010a'))]);
    const huge = Buffer.concat([start, hex('ffffffff'), Buffer.alloc(60_000, 5)]);
    for (const body of [start, deep, huge]) expect(readMetadata(body)?.get('width')).toBe(1280);
  });

  it('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        readMetadata(Buffer.concat([amf0('onMetaData'), Buffer.from(bytes)]));
      }),
    );
  });
});

describe('sourceFrameRate', () => {
  const rate = (declaredFps: (number | undefined)[], stampsMs: number[]) => {
    const { num, den } = sourceFrameRate({ declaredFps, stampsMs });
    return den === 1 ? `${num}` : `${num}/${den}`;
  };

  it.each([
    ['24000/1001', 23.976],
    ['24', 24],
    ['25', 25],
    ['30000/1001', 29.97],
    ['30', 30],
    ['50', 50],
    ['60000/1001', 59.94],
    ['60', 60],
  ])('is %s where that is declared and seen', (wanted, fps) => {
    expect(rate([fps, fps], stamps(fps))).toBe(wanted);
    expect(rate([undefined, fps], stamps(fps))).toBe(wanted);
  });

  it.each([
    ['25', 25],
    ['30', 30],
    ['50', 50],
    ['60', 60],
  ])('is %s where nothing is declared and the stamps show it', (wanted, fps) => {
    expect(rate([undefined, undefined], stamps(fps))).toBe(wanted);
  });

  it('believes the stamps where a declaration is wrong (a VUI that counts fields as frames)', () => {
    expect(rate([15, undefined], stamps(30))).toBe('30');
    expect(rate([100, undefined], stamps(50))).toBe('50');
    expect(rate([undefined, 1000], stamps(25))).toBe('25');
  });

  it('doubles 15 to 30, 12.5 to 25 and 14.985 to 29.97', () => {
    expect(rate([15, 15], stamps(15))).toBe('30');
    expect(rate([undefined, 12.5], stamps(12.5))).toBe('25');
    expect(rate([14.985, 14.985], stamps(14.985))).toBe('30000/1001');
  });

  it('halves what is above 60 to 60, and gives 30 where nothing can be known', () => {
    expect(rate([undefined, 120], stamps(120))).toBe('60');
    expect(rate([undefined, undefined], [])).toBe('30');
    expect(rate([undefined, undefined], [0, 10, 90, 95, 200, 210, 330, 420, 500, 610])).toBe('30');
  });

  it('is not misled by single lost frames', () => {
    const some = stamps(50, 30).filter((_, i) => i !== 7 && i !== 19);
    expect(rate([undefined, 50], some)).toBe('50');
  });

  it('is known at once where two declarations agree, else after half a second of stamps', () => {
    expect(isRateKnown({ declaredFps: [29.97, 29.97], stampsMs: [] })).toBe(true);
    expect(isRateKnown({ declaredFps: [29.97, undefined], stampsMs: [] })).toBe(false);
    expect(isRateKnown({ declaredFps: [29.97, 30], stampsMs: [] })).toBe(false);
    expect(isRateKnown({ declaredFps: [], stampsMs: stamps(25) })).toBe(true);
  });
});

describe('SourceProbe', () => {
  function probe(metadata: AmfValue): SourceProbe {
    const one = new SourceProbe();
    one.takeMetadata(amf0('@setDataFrame', 'onMetaData', metadata));
    one.takeVideoHeader(avcC(SPS_720P50));
    return one;
  }

  it('is complete with the first keyframe where both headers are known and the rates agree', () => {
    const one = probe({ framerate: 50, videocodecid: 7, audiocodecid: 10 });
    one.takeAacHeader(hex('1190'));
    expect(one.isComplete(0)).toBe(false);
    one.takeArrival(0);
    one.takeFrame(0, 0, true);
    expect(one.isComplete(0)).toBe(true);
    expect(one.describe()).toEqual({
      video: {
        codec: 'h264',
        width: 1280,
        height: 720,
        frameRate: { num: 50, den: 1 },
        profile: 'baseline',
        level: '3.2',
      },
      audio: { codec: 'aac', sampleRate: 48000, channels: 2 },
      encoder: undefined,
    });
  });

  it('waits 300 ms after the keyframe for audio that was announced, and not for audio that was not', () => {
    const announced = probe({ framerate: 50, videocodecid: 7, audiocodecid: 10 });
    announced.takeArrival(1_000);
    announced.takeFrame(0, 1_000, true);
    expect(announced.isComplete(1_299)).toBe(false);
    expect(announced.isComplete(1_300)).toBe(true);
    const silent = probe({ framerate: 50, videocodecid: 7 });
    silent.takeArrival(1_000);
    silent.takeFrame(0, 1_000, true);
    expect(silent.isComplete(1_000)).toBe(true);
    expect(silent.describe().audio).toBeUndefined();
  });

  it('describes an audio-only publisher after 2 s', () => {
    const one = new SourceProbe();
    one.takeAacHeader(hex('1190'));
    one.takeArrival(0);
    expect(one.isComplete(1_999)).toBe(false);
    expect(one.isComplete(2_000)).toBe(true);
    expect(one.describe().video).toBeUndefined();
  });
});
