import { describe, expect, it } from 'vitest';
import { readInit } from '../../../src/cmaf/isobmff/init.ts';
import { normalHeader } from '../../../src/cmaf/isobmff/normal-header.ts';
import { audioInit, box, bytesOf, fullBox, s64, u16, u32, videoInit, zeros } from '../../fakes/boxes.ts';

/** The header with an edit list in its trak, sizes put right. */
function withEdits(init: Buffer, elst: Buffer): Buffer {
  const bytes = Buffer.from(init);
  const at = (name: string) => bytes.indexOf(name, 0, 'latin1') - 4;
  const edts = box('edts', elst);
  for (const name of ['moov', 'trak']) bytes.writeUInt32BE(bytes.readUInt32BE(at(name)) + edts.length, at(name));
  const mdia = at('mdia');
  return bytesOf(bytes.subarray(0, mdia), edts, bytes.subarray(mdia));
}

const edit = (duration: number, mediaTime: number) => [...u32(duration), ...u32(mediaTime), ...u16(1), ...u16(0)];

describe('a received header on the timescale of the Grid', () => {
  it('has the new timescale, the same codec and size, and the brands of CMAF (ISO/IEC 23000-19 7.2)', () => {
    const { init, editTicks } = normalHeader(
      readInit(videoInit({ timescale: 12_800, brands: ['iso5', 'dash'] })),
      90_000,
    );
    expect(init).toMatchObject({ timescale: 90_000, codec: 'avc1.640028', width: 1920, height: 1080, trackId: 1 });
    expect(init.brands).toEqual(['iso6', 'iso6', 'cmfc', 'mp41']);
    expect(editTicks).toBe(0);
  });

  it('has durations of 0 in both versions of the boxes (ISO/IEC 23000-19 7.5.1)', () => {
    for (const version of [0, 1] as const) {
      const { init } = normalHeader(readInit(audioInit({ version })), 48_000);
      expect(init.timescale).toBe(48_000);
      expect(readInit(init.bytes)).toEqual(init);
    }
  });

  it('loses the edit list and says what it meant (ISO/IEC 14496-12 8.6.6)', () => {
    const delayed = withEdits(videoInit({ timescale: 12_800 }), fullBox('elst', 0, 0, u32(1), edit(0, 1024)));
    const { init, editTicks } = normalHeader(readInit(delayed), 90_000);
    expect(editTicks).toBe(1024);
    expect(init.bytes.includes('elst')).toBe(false);
    const late = fullBox('elst', 0, 0, u32(2), edit(500, 0xffff_ffff), edit(0, 0));
    expect(normalHeader(readInit(withEdits(videoInit({ timescale: 12_800 }), late)), 90_000).editTicks).toBe(-6400);
    const long = fullBox('elst', 1, 0, u32(1), s64(0), s64(2048), zeros(4));
    expect(normalHeader(readInit(withEdits(videoInit(), long)), 90_000).editTicks).toBe(2048);
  });

  it('an empty edit alone says nothing that could be carried', () => {
    const empty = withEdits(videoInit(), fullBox('elst', 0, 0, u32(1), edit(500, 0xffff_ffff)));
    expect(() => normalHeader(readInit(empty), 90_000)).toThrow('empty edits alone');
  });
});
