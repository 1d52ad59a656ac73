import { describe, expect, test } from 'vitest';
import { readArguments } from '../../../src/cli/arguments.ts';
import { matchPicture } from '../../../src/cli/match-picture.ts';
import { exitReason } from '../../../src/cli/publisher.ts';
import { progressLine, pushCommand, pushTarget } from '../../../src/cli/push.ts';
import { filePush, matchPush, readFileStreams, shownUrl } from '../../../src/cli/push-command.ts';
import { fakeDoors } from '../../fakes/control-doors.ts';

const args = (...argv: string[]) => readArguments(pushCommand(fakeDoors()), argv);

/** What `ffmpeg -i` says about a file (5.1, shortened). */
const STDERR = `Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'match.mp4':
  Duration: 00:00:10.00, start: 0.000000, bitrate: 5123 kb/s
  Stream #0:0[0x1](und): Video: h264 (High) (avc1 / 0x31637661), yuv420p(tv, bt709), 1280x720, 30 fps (default)
  Stream #0:1[0x2](eng): Audio: aac (LC) (mp4a / 0x6134706D), 48000 Hz, stereo, fltp, 128 kb/s (default)
At least one output file must be specified
`;

describe('push', () => {
  test('takes an address, or a file and an address', () => {
    expect(pushTarget(args('rtmp://h/live/match?key=s'))).toEqual({
      file: undefined,
      url: 'rtmp://h/live/match?key=s',
    });
    expect(pushTarget(args('a.mp4', 'rtmp://h/live/k'))).toEqual({ file: 'a.mp4', url: 'rtmp://h/live/k' });
  });

  test('joins server and key as OBS does', () => {
    expect(pushTarget(args('--key', 'match?key=s', 'rtmp://h:1935/live/')).url).toBe('rtmp://h:1935/live/match?key=s');
  });

  test.each([[[]], [['a.mp4']], [['http://h/live']], [['rtmp://h']], [['rtmp://h/live/k', 'a.mp4']]])(
    'refuses %j',
    (argv) => {
      expect(() => pushTarget(args(...argv))).toThrow(expect.objectContaining({ code: 'USAGE' }));
    },
  );

  test.each([[['--size', '1280']], [['--size', '1280x720; rm']], [['--fps', '23']]])(
    'refuses the picture %j',
    (argv) => {
      expect(() => matchPicture(args(...argv), 'push')).toThrow(expect.objectContaining({ code: 'USAGE' }));
    },
  );

  test('reads the codecs of a file out of what ffmpeg says', () => {
    expect(readFileStreams(STDERR)).toEqual({ video: 'h264', audio: 'aac' });
    expect(readFileStreams('a.txt: Invalid data found when processing input')).toEqual({
      video: undefined,
      audio: undefined,
    });
  });

  test('copies what RTMP carries and encodes the rest', () => {
    const options = (video: string, audio: string | undefined) =>
      filePush('/a.mp4', 'rtmp://h/live/k', { video, audio }).outputs[0]?.options.join(' ');
    expect(options('h264', 'aac')).toBe(
      '-map 0:v:0 -map 0:a:0? -c:v copy -c:a copy -f flv -flvflags no_duration_filesize',
    );
    expect(options('hevc', 'aac')).toContain('-c:v libx264');
    expect(options('h264', 'ac3')).toContain('-c:v copy -c:a aac');
  });

  test('loops a file at its own rate', () => {
    expect(filePush('/a.mp4', 'rtmp://h/live/k', { video: 'h264', audio: 'aac' }).inputs).toEqual([
      { url: '/a.mp4', options: ['-re', '-stream_loop', '-1'] },
    ]);
  });

  test('pushes the match with the arguments of the golden', async () => {
    const command = JSON.stringify(matchPush('rtmp://h/live/k', 'sine'), undefined, 2);
    await expect(`${command}\n`).toMatchFileSnapshot('../../golden/push-match.json');
  });

  test('never shows the stream key', () => {
    expect(shownUrl('rtmp://h:1935/live/match?key=s3cret')).toBe('rtmp://h:1935/live/…');
  });

  test('tells how far it is', () => {
    const progress = { frame: 150, fps: 30, speed: 1.004, outTimeMs: 5033, dropped: 0, duplicated: 0 };
    expect(progressLine(progress)).toBe('5 s sent, 30 fps, speed 1.00');
    expect(progressLine({ ...progress, bitrateBps: 2_860_000 }, 2)).toBe(
      '5 s sent, 2.86 Mbit/s, 30 fps, speed 1.00, 2 reconnects',
    );
    expect(progressLine({ ...progress, speed: undefined, outTimeMs: undefined })).toBe('150 frames sent, 30 fps');
  });

  test.each([
    ['rtmp://h:1935/live/match?key=s3cret: Operation not permitted', 'rtmp://h:1935/…: Operation not permitted'],
    ['rtmps://h/live?key=s3cret/match: Input/output error', 'rtmps://h/…: Input/output error'],
    ['Error opening output rtmp://h/live/s3cret.', 'Error opening output rtmp://h/…'],
  ])('never shows the stream key when the push ends: %s', (line, shown) => {
    expect(exitReason({ code: 1, signal: undefined, lastLines: [line] })).toBe(`${shown} (exit code 1)`);
  });

  test('says what the server said, which is more than what ffmpeg makes of it', () => {
    const lastLines = [
      '[rtmp @ 0x55d] Server error: The stream key is not valid.',
      'rtmp://h/live/match?key=s3cret: Operation not permitted',
    ];
    expect(exitReason({ code: 1, signal: undefined, lastLines })).toBe(
      'the server says: The stream key is not valid (exit code 1)',
    );
  });

  test('gives the last line of ffmpeg that is no progress as the reason of its end', () => {
    const lastLines = ['rtmp://h: Connection refused', 'frame=  12 fps=30', ''];
    expect(exitReason({ code: 1, signal: undefined, lastLines })).toBe('rtmp://h: Connection refused (exit code 1)');
    expect(exitReason({ code: undefined, signal: 'SIGKILL', lastLines: [] })).toBe('SIGKILL');
  });
});
