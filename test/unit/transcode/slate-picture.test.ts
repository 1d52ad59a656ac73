import { describe, expect, it } from 'vitest';
import { drawText, textWidth } from '../../../src/transcode/slate-letters.ts';
import { slatePicture } from '../../../src/transcode/slate-picture.ts';

describe('the slate picture', () => {
  it('is raw RGB24 of the asked size, the same bytes every time', () => {
    const picture = slatePicture(320, 180);
    expect(picture.rgb).toHaveLength(320 * 180 * 3);
    expect(picture.rgb.equals(slatePicture(320, 180).rgb)).toBe(true);
  });

  it.each([
    [1280, 720],
    [406, 720],
    [160, 90],
  ])('is night above, grass below and has its words within, at %ix%i', (width, height) => {
    const { rgb } = slatePicture(width, height);
    const at = (x: number, y: number) => [...rgb.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)] as const;
    const [, skyGreen, skyBlue] = at(width >> 1, 2);
    expect(skyBlue).toBeGreaterThan(skyGreen ?? 0);
    const [, grassGreen, grassBlue] = at(2, height - 2);
    expect(grassGreen).toBeGreaterThan(grassBlue ?? 0);
    const words: number[] = [];
    for (let x = 0; x < width; x++) {
      for (let y = Math.round(height * 0.26); y < height * 0.58; y++)
        if (at(x, y).join() === '246,248,244') words.push(x);
    }
    expect(words.length).toBeGreaterThan(20);
    const [left, right] = [words[0] ?? 0, words.at(-1) ?? 0];
    expect(left).toBeGreaterThan(width * 0.1);
    expect(Math.abs(left + right + 1 - width)).toBeLessThanOrEqual(1);
  });

  it('has a glyph for every letter of its words, of five columns and seven rows', () => {
    for (const letter of new Set('PITCHSIDEWEWILLBERIGHTBACK')) {
      const cells: [number, number][] = [];
      drawText(letter, 0, 0, 1, (x, y) => cells.push([x, y]));
      expect(Math.max(...cells.map(([x]) => x)), letter).toBe(4);
      expect(Math.max(...cells.map(([, y]) => y)), letter).toBe(6);
    }
    expect(textWidth('AB', 2)).toBe(22);
  });
});
