import { describe, expect, it } from 'vitest';
import { parseProgressBlock, parseProgressLine } from '../../../src/transcode/progress.ts';

const LINE = 'frame=  123 fps= 30 q=21.0 q=-1.0 size=N/A time=01:00:04.10 bitrate=N/A dup=1 drop=2 speed=1.01x    ';

describe('progress lines', () => {
  it('give frame, rate, time, speed, doubled and dropped frames', () => {
    const expected = { frame: 123, fps: 30, speed: 1.01, outTimeMs: 3_604_100, dropped: 2, duplicated: 1 };
    expect(parseProgressLine(LINE)).toEqual(expected);
  });
  it('leave unknown and negative figures out', () => {
    const line = 'frame=    0 fps=0.0 q=0.0 size=N/A time=-577014:32:22.77 bitrate=N/A speed=N/A';
    const none = { frame: 0, fps: 0, speed: undefined, outTimeMs: undefined, dropped: 0, duplicated: 0 };
    expect(parseProgressLine(line)).toEqual(none);
    expect(parseProgressLine(line.replace('-577014:32:22.77', 'N/A'))).toEqual(none);
  });
  it('are read from a run with sound alone', () => {
    const line = 'size=N/A time=00:00:01.00 bitrate=N/A speed=   2x';
    expect(parseProgressLine(line)).toMatchObject({ frame: 0, outTimeMs: 1000, speed: 2 });
  });
  it('are told from everything else ffmpeg says', () => {
    for (const line of ['', '[libx264 @ 0x1] frame=I', 'time=now', 'Input #0, flv, from pipe:0:']) {
      expect(parseProgressLine(line)).toBeUndefined();
    }
  });
  it('are the same in a block of -progress', () => {
    const block = ['frame=24', 'fps=12.5', 'out_time=00:00:00.800000', 'dup_frames=3', 'drop_frames=4', 'speed= 0.5x'];
    const expected = { frame: 24, fps: 12.5, speed: 0.5, outTimeMs: 800, dropped: 4, duplicated: 3 };
    expect(parseProgressBlock([...block, 'progress=continue'])).toEqual(expected);
  });
});
