import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { rateFor, startCatchUp } from '../../../src/control/page/catch-up.js';

describe('the rate to play at', () => {
  test.each([
    ['at the target', { latency: 0.65, target: 0.64, ahead: 0.5, rate: 1 }, 1],
    ['a little beyond it: not worth a change', { latency: 0.73, target: 0.64, ahead: 0.5, rate: 1 }, 1],
    ['beyond it', { latency: 0.8, target: 0.64, ahead: 0.5, rate: 1 }, 1.03],
    ['far beyond it: the most that nobody hears', { latency: 2, target: 0.64, ahead: 1.5, rate: 1 }, 1.1],
    ['on the way back it goes on until the target', { latency: 0.7, target: 0.64, ahead: 0.5, rate: 1.05 }, 1.02],
    ['and ends there', { latency: 0.66, target: 0.64, ahead: 0.5, rate: 1.02 }, 1],
    ['with a buffer too thin to be eaten from', { latency: 2, target: 0.64, ahead: 0.29, rate: 1.1 }, 1],
    ['before the target: it never slows down', { latency: 0.2, target: 0.64, ahead: 0.1, rate: 1 }, 1],
    ['without a figure', { latency: Number.NaN, target: 0.64, ahead: 0.5, rate: 1.1 }, 1],
  ])('%s', (_, now, rate) => {
    expect(rateFor(now)).toBe(rate);
  });
});

describe('catching up', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  /** A video of two seconds in the buffer, at second 10. */
  const playing = () => {
    const buffered = { length: 2, start: (i: number) => [0, 9][i] ?? 0, end: (i: number) => [3, 12][i] ?? 0 };
    return { paused: false, seeking: false, currentTime: 10, playbackRate: 1, buffered } as unknown as HTMLVideoElement;
  };

  test('is for whoever plays at the edge, until it is stopped', () => {
    const video = playing();
    let latency = 2;
    const { stop } = startCatchUp(video, () => ({ latency, target: 0.64 }));
    vi.advanceTimersByTime(200);
    expect(video.playbackRate).toBe(1.1);
    latency = 0.64;
    vi.advanceTimersByTime(200);
    expect(video.playbackRate).toBe(1);
    latency = 2;
    stop();
    vi.advanceTimersByTime(1000);
    expect(video.playbackRate).toBe(1);
  });

  test.each([
    ['paused', { paused: true }, 2],
    ['seeking', { seeking: true }, 2],
    ['looking back', {}, 60],
    ['outside of the buffer', { currentTime: 5 }, 2],
  ])('leaves alone who is %s', (_, change, latency) => {
    const video = Object.assign(playing(), change);
    startCatchUp(video, () => ({ latency, target: 0.64 }));
    vi.advanceTimersByTime(1000);
    expect(video.playbackRate).toBe(1);
  });

  test('waits for a target', () => {
    const video = playing();
    startCatchUp(video, () => ({ latency: 2, target: null }));
    vi.advanceTimersByTime(1000);
    expect(video.playbackRate).toBe(1);
  });
});
