import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeClock, planeLuma } from '../../../samples/clock-strip.mjs';
import { createFrame, fillEllipse, fillRect, rgb } from '../../../samples/match/frame.mjs';
import { drawText, textWidth } from '../../../samples/match/letters.mjs';
import { createPicture, FLASH_BOX } from '../../../samples/match/picture.mjs';
import { BALL_SECONDS, createPlay } from '../../../samples/match/play.mjs';
import { beepSource, parseFeedOptions } from '../../../samples/match-feed.mjs';

const SIZE = { width: 320, height: 180 };
const EVEN_SECOND_MS = 1_700_000_000_000;

/** Mean luma of the flash box. */
function flashLuma(frame: { width: number; height: number; y: Uint8Array }): number {
  let sum = 0;
  let count = 0;
  for (let dy = 0.3; dy < 0.8; dy += 0.1) {
    for (let dx = 0.3; dx < 0.8; dx += 0.1) {
      sum += planeLuma(
        frame.y,
        frame.width,
        frame.height,
      )(FLASH_BOX.x + dx * FLASH_BOX.width, FLASH_BOX.y + dy * FLASH_BOX.height);
      count += 1;
    }
  }
  return sum / count;
}

describe('the play', () => {
  test('players, ball and camera move without a jump, also from one ball to the next', () => {
    const play = createPlay(5);
    let before = play(0);
    for (let frame = 1; frame < 30 * BALL_SECONDS * 12; frame += 1) {
      const now = play(frame / 30);
      expect(Math.abs(now.camera - before.camera)).toBeLessThan(0.02);
      expect(Math.hypot(now.ball.x - before.ball.x, now.ball.y - before.ball.y)).toBeLessThan(0.04);
      // After an odd number of runs the batters have changed ends: they are told apart by place, not by name.
      for (const player of now.players) {
        const same = before.players.filter(({ kit }) => kit === player.kit);
        const steps = same.map((was) => Math.hypot(player.x - was.x, player.y - was.y));
        expect(Math.min(...steps)).toBeLessThan(0.03);
      }
      before = now;
    }
  });

  test('six balls make an over, runs never fall and wickets are counted', () => {
    const play = createPlay(2);
    const scores = Array.from({ length: 40 }, (_, ball) => play((ball + 0.99) * BALL_SECONDS).score);
    scores.forEach((score, ball) => {
      expect(score.balls).toBe(ball + 1);
      expect(score.runs).toBeGreaterThanOrEqual(scores[ball - 1]?.runs ?? 0);
      expect(score.wickets).toBeGreaterThanOrEqual(scores[ball - 1]?.wickets ?? 0);
    });
    expect(scores.at(-1)?.runs).toBeGreaterThan(20);
  });

  test('the innings ends with the tenth wicket or the fiftieth over', () => {
    const play = createPlay(2);
    for (let ball = 0; ball < 700; ball += 1) {
      const { score } = play((ball + 0.99) * BALL_SECONDS);
      expect(score.wickets).toBeLessThan(10);
      expect(score.balls).toBeLessThan(300);
    }
  });

  test('a second is the same whether it is asked for in order or not', () => {
    const inOrder = createPlay(3);
    for (let t = 0; t < 100; t += 1) inOrder(t);
    const back = createPlay(3);
    back(500);
    expect(back(100.5)).toEqual(inOrder(100.5));
  });
});

describe('the picture', () => {
  test('is the same bytes for the same seed, and others for another', () => {
    const bytes = (seed: number) => Buffer.from(createPicture({ ...SIZE, seed })(12.5, EVEN_SECOND_MS + 500).bytes);
    expect(bytes(1).equals(bytes(1))).toBe(true);
    expect(bytes(1).equals(bytes(2))).toBe(false);
  });

  test('moves from frame to frame', () => {
    const picture = createPicture({ ...SIZE, seed: 1 });
    const first = Buffer.from(picture(1, EVEN_SECOND_MS).y.subarray(SIZE.width * 60));
    expect(Buffer.from(picture(1.04, EVEN_SECOND_MS).y.subarray(SIZE.width * 60)).equals(first)).toBe(false);
  });

  test('shows its UTC in the clock strip at every size from 128x128 up, also portrait', () => {
    for (const [width, height] of [
      [128, 128],
      [426, 240],
      [720, 1280],
      [1920, 1080],
    ] as const) {
      const utcMs = EVEN_SECOND_MS + 12_345;
      const frame = createPicture({ width, height, seed: 1 })(0, utcMs);
      expect(decodeClock(planeLuma(frame.y, width, height))).toBe(utcMs);
    }
  });

  test('flashes for 100 ms from each even second of UTC and at no other time', () => {
    const picture = createPicture({ ...SIZE, seed: 1 });
    for (const [ms, white] of [
      [0, true],
      [99.9, true],
      [100, false],
      [1000, false],
      [1999.9, false],
      [2000, true],
      [4033.3, true],
    ] as const) {
      expect(flashLuma(picture(ms / 1000, EVEN_SECOND_MS + ms)) > 200).toBe(white);
    }
  });
});

describe('strokes', () => {
  const ink = rgb(255, 255, 255);

  test('never leave the frame, wherever they are put', () => {
    const far = fc.integer({ min: -300, max: 300 });
    fc.assert(
      fc.property(
        far,
        far,
        fc.integer({ min: 0, max: 400 }),
        fc.integer({ min: 1, max: 400 }),
        (x, y, width, height) => {
          const frame = createFrame(64, 32);
          fillRect(frame, x, y, width, height, ink);
          const inside =
            Math.max(0, Math.min(64, x + width) - Math.max(0, x)) *
            Math.max(0, Math.min(32, y + height) - Math.max(0, y));
          return frame.y.filter((luma) => luma === ink.y).length === inside;
        },
      ),
    );
    const frame = createFrame(64, 32);
    fillEllipse(frame, 64, 32, 500, 500, ink);
    expect(frame.bytes).toHaveLength((64 * 32 * 3) / 2);
  });

  test('BT.709, limited range: black is 16 128 128, white 235, red has its V above and U below the middle', () => {
    expect(rgb(0, 0, 0)).toEqual({ y: 16, u: 128, v: 128 });
    expect(rgb(255, 255, 255)).toEqual({ y: 235, u: 128, v: 128 });
    expect(rgb(255, 0, 0)).toEqual({ y: 63, u: 102, v: 240 });
  });

  test('letters are five dots wide with one between, and unlike each other', () => {
    expect(textWidth('AB', 3)).toBe(33);
    const shapes = [...'0123456789ABCDEFGHIKLMNOPRSTUVWXY/:.-'].map((letter) => {
      const frame = createFrame(6, 8);
      drawText(frame, letter, 0, 0, 1, ink);
      return Buffer.from(frame.y).toString('hex');
    });
    expect(new Set(shapes).size).toBe(shapes.length);
  });
});

describe('the command line', () => {
  test('has the defaults of the help text', () => {
    expect(parseFeedOptions([])).toEqual({
      width: 1280,
      height: 720,
      num: 30,
      den: 1,
      seconds: undefined,
      realtime: false,
      seed: 1,
      startMs: 1_700_000_000_000,
    });
  });

  test.each([
    ['23.976', 24000, 1001],
    ['24', 24, 1],
    ['25', 25, 1],
    ['29.97', 30000, 1001],
    ['30', 30, 1],
    ['50', 50, 1],
    ['59.94', 60000, 1001],
    ['60', 60, 1],
  ])('--fps %s is %i/%i', (fps, num, den) => {
    expect(parseFeedOptions(['--fps', fps])).toMatchObject({ num, den });
  });

  test.each([
    [['--fps', '31'], /--fps 31: one of/],
    [['--size', '1281x720'], /even numbers/],
    [['--size', 'big'], /WxH/],
    [['--seconds', '0'], /above 0/],
    [['--start', '1001'], /multiple of 2000/],
    [['--seed', 'x'], /whole number/],
    [['--nonsense'], /nonsense/],
  ])('%j is refused with a reason', (args, reason) => {
    expect(() => parseFeedOptions(args)).toThrow(reason);
  });

  test('--help and --beep need nothing else', () => {
    expect(parseFeedOptions(['--help'])).toEqual({ help: true });
    expect(parseFeedOptions(['--beep', '--seconds', '4'])).toEqual({
      beep: beepSource(4),
    });
    expect(beepSource()).not.toContain(':d=');
    expect(beepSource(4)).toContain(':d=4');
  });
});
