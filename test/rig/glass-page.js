/**
 * Runs in the browser beside watch-page.js: reads the clock strip from the picture on the screen, and notes what a viewer would notice.
 * It never judges and never computes an age. Invariant: every instant is UTC ms as this page's monotonic clock carries it on.
 */
// @ts-nocheck: it runs on the page's globals.
import { readStrip, STRIP_PIXELS } from './picture-clock.js';

/** Reading pixels back costs more than all else here: six a second are enough. */
const READ_EVERY_FRAMES = 5;

const video = document.querySelector('video');
const canvas = new OffscreenCanvas(STRIP_PIXELS.width, STRIP_PIXELS.height);
const pen = canvas.getContext('2d', { willReadFrequently: true });
const utc = (now) => performance.timeOrigin + now;
let notes;

function readClock(seenMs, mediaTime) {
  const { width, height } = STRIP_PIXELS;
  pen.drawImage(video, 0, 0, video.videoWidth, video.videoHeight / 18, 0, 0, width, height);
  const stripMs = readStrip(pen.getImageData(0, 0, width, height).data) ?? null;
  const { buffered } = video;
  const ahead = buffered.length === 0 ? 0 : buffered.end(buffered.length - 1) - video.currentTime;
  notes.reads.push({ seenMs, stripMs, mediaTime, ahead, rate: video.playbackRate, height: video.videoHeight });
}

function onFrame(_now, { expectedDisplayTime, mediaTime }) {
  const seenMs = utc(expectedDisplayTime);
  notes.frames.push(seenMs);
  if (notes.frames.length % READ_EVERY_FRAMES === 1) readClock(seenMs, mediaTime);
  video.requestVideoFrameCallback(onFrame);
}

globalThis.glass = {
  start() {
    notes = { startedMs: utc(performance.now()), frames: [], reads: [], waits: [], rateChanges: 0 };
    video.addEventListener('waiting', () => {
      if (!video.paused) notes.waits.push(utc(performance.now()));
    });
    video.addEventListener('ratechange', () => {
      notes.rateChanges += 1;
    });
    video.requestVideoFrameCallback(onFrame);
  },
  notes: () => ({ ...notes, endedMs: utc(performance.now()) }),
};
