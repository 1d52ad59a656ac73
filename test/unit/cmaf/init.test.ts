import { describe, expect, it } from 'vitest';
import { readInit } from '../../../src/cmaf/isobmff/init.ts';
import {
  ascii,
  audioEntry,
  audioInit,
  avcC,
  box,
  bytesOf,
  esds,
  ftyp,
  fullBox,
  trak,
  u16,
  u32,
  videoInit,
  visualEntry,
  zeros,
} from '../../fakes/boxes.ts';

describe('a CMAF header (ISO/IEC 23000-19 7.3.1)', () => {
  it('of video', () => {
    const bytes = videoInit({
      trackId: 7,
      timescale: 30_000,
      defaults: { durationTicks: 1001, sizeBytes: 5, flags: 0x1010000 },
    });
    expect(readInit(bytes)).toEqual({
      bytes,
      trackId: 7,
      kind: 'video',
      timescale: 30_000,
      codec: 'avc1.640028',
      language: 'und',
      brands: ['iso6', 'cmfc', 'mp41'],
      width: 1920,
      height: 1080,
      sampleRate: undefined,
      channels: undefined,
      defaults: { durationTicks: 1001, sizeBytes: 5, flags: 0x1010000 },
    });
  });

  it('of audio', () => {
    expect(readInit(audioInit({ language: 'spa' }))).toMatchObject({
      kind: 'audio',
      timescale: 48_000,
      codec: 'mp4a.40.2',
      language: 'spa',
      sampleRate: 48_000,
      channels: 2,
      width: undefined,
    });
  });

  it('reads the 64-bit versions of tkhd and mdhd', () => {
    expect(readInit(videoInit({ version: 1, trackId: 9, timescale: 60_000, language: 'eng' }))).toMatchObject({
      trackId: 9,
      timescale: 60_000,
      language: 'eng',
    });
  });

  it('says und for a language that is no three letters', () => {
    expect(readInit(videoInit({ language: '```' })).language).toBe('und');
  });

  it('believes AudioSpecificConfig before channelcount', () => {
    expect(readInit(audioInit({ entry: audioEntry('mp4a', 2, 48_000, esds([0x11, 0x88])) })).channels).toBe(1);
    expect(readInit(audioInit({ entry: audioEntry('mp4a', 2, 48_000, esds([0x11, 0xb8])) })).channels).toBe(8);
    expect(readInit(audioInit({ entry: audioEntry('mp4a', 6, 48_000, esds([0x11, 0x80])) })).channels).toBe(6);
  });
});

const hvcC = (profile: number, compatibility: number, level: number, constraints: readonly number[]) =>
  box('hvcC', [1, profile], u32(compatibility), [...constraints], [level], zeros(10));
const av1C = (...bytes: number[]) => box('av1C', [0x81, ...bytes, 0]);
const nclx = (primaries: number, transfer: number, matrix: number) =>
  box('colr', ascii('nclx'), u16(primaries), u16(transfer), u16(matrix), [0]);
const picture = (type: string, ...children: Buffer[]) =>
  videoInit({ entry: visualEntry(type, 1280, 720, ...children) });
const sound = (type: string, ...children: Buffer[]) => audioInit({ entry: audioEntry(type, 2, 48_000, ...children) });

describe('codec strings (RFC 6381)', () => {
  it.each([
    ['avc1.4d401f', picture('avc1', avcC(0x4d, 0x40, 0x1f))],
    ['avc3.42c01e', picture('avc3', avcC(0x42, 0xc0, 0x1e))],
    ['avc1.64001f', picture('avc1', box('btrt', zeros(12)), avcC(0x64, 0, 0x1f))],
    // ISO/IEC 14496-15 E.3: Main at level 4, and Main 10 at level 5.1.
    ['hvc1.1.6.L120.90', picture('hvc1', hvcC(1, 0x60000000, 120, [0x90, 0, 0, 0, 0, 0]))],
    ['hvc1.2.4.L153.B0', picture('hvc1', hvcC(2, 0x20000000, 153, [0xb0, 0, 0, 0, 0, 0]))],
    ['hev1.A1.80000000.H93.B0.0.1', picture('hev1', hvcC(0x61, 1, 93, [0xb0, 0, 1, 0, 0, 0]))],
    ['av01.0.08M.08', picture('av01', av1C(0x08, 0x0c))],
    ['av01.0.08M.10', picture('av01', av1C(0x08, 0x4c))],
    ['av01.2.19H.12', picture('av01', av1C(0x53, 0xec))],
    ['av01.0.12M.10.0.110.09.16.09.0', picture('av01', av1C(0x0c, 0x4c), nclx(9, 16, 9))],
    ['av01.0.08M.08', picture('av01', av1C(0x08, 0x0c), nclx(1, 1, 1))],
    ['av01.0.08M.08.1.110.01.01.01.0', picture('av01', av1C(0x08, 0x1c))],
    ['vp09.02.10.10', picture('vp09', fullBox('vpcC', 1, 0, [2, 10, 0xa2], zeros(5)))],
    ['mp4a.40.2', sound('mp4a', esds([0x11, 0x90]))],
    ['mp4a.40.5', sound('mp4a', esds([0x2b, 0x11, 0x88]))],
    ['mp4a.40.29', sound('mp4a', esds([0xeb, 0x09, 0x88]))],
    ['mp4a.40.42', sound('mp4a', esds([0xf9, 0x46, 0x40]))],
    ['mp4a.6B', sound('mp4a', esds([], 0x6b))],
    ['ac-3', sound('ac-3')],
    ['ec-3', sound('ec-3')],
    ['Opus', sound('Opus')],
    ['fLaC', sound('fLaC')],
  ])('%s', (codec, bytes) => {
    expect(readInit(bytes).codec).toBe(codec);
  });

  it('skips the optional fields of an ES_Descriptor (ISO/IEC 14496-1 7.2.6.5)', () => {
    const decoder = [4, 17, 0x40, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 2, 0x11, 0x90];
    const entry = fullBox('esds', 0, 0, [3, 40, 0, 1, 0xe0, 0, 2, 3, 65, 66, 67, 0, 3], decoder);
    expect(readInit(sound('mp4a', entry)).codec).toBe('mp4a.40.2');
  });
});

describe('headers that are refused', () => {
  const mvex = box('mvex', fullBox('trex', 0, 0, u32(1), zeros(16)));
  const track = trak({ handler: 'vide', entry: visualEntry('avc1', 16, 16, avcC()) });

  it.each([
    ['two Tracks', bytesOf(ftyp(), box('moov', track, track, mvex)), 'CMAF_UNSUPPORTED', 'moov'],
    ['no Track', bytesOf(ftyp(), box('moov', mvex)), 'CMAF_BOX_INVALID', 'moov'],
    ['a progressive file', bytesOf(ftyp(), box('moov', track)), 'CMAF_UNSUPPORTED', 'moov'],
    [
      'a trex of another Track',
      bytesOf(ftyp(), box('moov', track, box('mvex', fullBox('trex', 0, 0, u32(5), zeros(16))))),
      'CMAF_BOX_INVALID',
      'mvex',
    ],
    ['a text Track', videoInit({ handler: 'text' }), 'CMAF_UNSUPPORTED', 'hdlr'],
    ['timescale 0', videoInit({ timescale: 0 }), 'CMAF_BOX_INVALID', 'mdhd'],
    ['an unknown codec', picture('mp4v'), 'CMAF_UNSUPPORTED', 'mp4v'],
    ['an encrypted entry', picture('encv', avcC()), 'CMAF_UNSUPPORTED', 'encv'],
    ['avc1 without avcC', picture('avc1'), 'CMAF_BOX_INVALID', 'avc1'],
    ['an avcC of two bytes', picture('avc1', box('avcC', [1, 2])), 'CMAF_BOX_TRUNCATED', 'avcC'],
    [
      'an esds without decoder config',
      sound('mp4a', fullBox('esds', 0, 0, [3, 3, 0, 1, 0, 6, 0])),
      'CMAF_BOX_INVALID',
      'esds',
    ],
    [
      'an esds whose lengths run away',
      sound('mp4a', fullBox('esds', 0, 0, [3, 0xff, 0xff, 0xff, 0xff, 0xff])),
      'CMAF_BOX_INVALID',
      'esds',
    ],
    ['no sample entry', videoInit({ entry: zeros(0) }), 'CMAF_BOX_INVALID', 'stsd'],
    ['a sample entry cut short', videoInit({ entry: box('avc1', zeros(20)) }), 'CMAF_BOX_TRUNCATED', 'avc1'],
    ['no ftyp', box('moov', track, mvex), 'CMAF_BOX_INVALID', 'file'],
  ])('%s', (_what, bytes, code, at) => {
    expect(() => readInit(bytes)).toThrow(expect.objectContaining({ name: 'FormatError', code, box: at }));
  });
});
