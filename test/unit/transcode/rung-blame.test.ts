import { describe, expect, test } from 'vitest';
import { blameOf } from '../../../src/transcode/rung-blame.ts';

const outputs = ['720p', '720p-low', '360p', 'audio'].map((track) => ({
  track,
  url: `http://127.0.0.1:9/r-1/${track}`,
}));
const at = (track: string) => `http://127.0.0.1:9/r-1/${track}`;
const blamed = (...lines: string[]) => blameOf(lines, outputs)?.track;

describe('the last words of ffmpeg blame', () => {
  // Said by ffmpeg 5.1 when the socket of one POST was destroyed, and when a POST was answered 400.
  test.each([
    ['Broken pipe', '[http @ 0x557ee16a9800] URL read error: End of file'],
    ['Connection reset by peer', '    Last message repeated 2 times'],
  ])('the output whose trailer could not be written (%s)', (why, more) => {
    const lines = [
      `av_interleaved_write_frame(): ${why}`,
      `Error writing trailer of ${at('360p')}: ${why}`,
      more,
      `Error closing file ${at('360p')}: End of file`,
    ];
    expect(blamed(...lines)).toBe('360p');
  });

  test.each([
    [
      'Error initializing output stream 2:0 -- Error while opening encoder for output stream #2:0 - maybe incorrect parameters such as bit_rate, rate, width or height',
      '360p',
    ],
    ['Could not write header for output file #1 (incorrect codec parameters ?): Invalid argument', '720p-low'],
    ['[out#1/mp4 @ 0x55d0c8] Error muxing a packet', '720p-low'],
    ['[vost#0:0/libx264 @ 0x55d0c8] Error while opening encoder - maybe incorrect parameters', '720p'],
    ['[aost#3:0/aac @ 0x55d0c8] Error submitting a packet to the muxer: Broken pipe', 'audio'],
  ])('an output by its index: %s', (line, track) => {
    expect(blamed('[libx264 @ 0x562d35f1f600] invalid level_idc: 99', line)).toBe(track);
  });

  test('an output by its whole name only', () => {
    expect(blamed(`${at('720p-low')}: Connection refused`)).toBe('720p-low');
    expect(blamed(`${at('720p')}: Connection refused`)).toBe('720p');
  });

  test.each([
    [
      'two outputs',
      [`Error writing trailer of ${at('360p')}: Broken pipe`, `Error writing trailer of ${at('audio')}: Broken pipe`],
    ],
    ['a warning', ['Non-monotonous DTS in output stream 0:0; previous: 10, current: 5; changing to 11.']],
    ['nothing', []],
    ['no output', ["Unknown encoder 'nosuch'", 'av_interleaved_write_frame(): Broken pipe']],
    ['an output that is not ours', ['[out#9/mp4 @ 0x1] Error muxing a packet']],
  ])('nobody for words about %s', (_what, lines) => {
    expect(blamed(...lines)).toBeUndefined();
  });
});
