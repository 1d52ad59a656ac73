/**
 * The decoder's buffer (ITU-T H.264 annex C, as x264 keeps to it), run over the sizes of real frames.
 * It never looks into a frame. Invariant: a stream that an encoder held to maxrate and buffer has no overshoot.
 */

export interface VbvModel {
  readonly maxrateBps: number;
  readonly bufferBits: number;
  readonly framesPerSecond: number;
}

export interface VbvReport {
  /** Frames that were not wholly there when they were due. */
  readonly lateFrames: number;
  /** The most that was missing, as a share of the buffer; 0 when nothing was. */
  readonly worstOvershoot: number;
}

/** x264 starts with its buffer filled to this share (`vbv-init`). */
const INITIAL_FILL = 0.9;

/** `frameBytes` in decoding order. The buffer fills at maxrate up to its size, and each frame is taken out at once. */
export function vbvReport(frameBytes: readonly number[], model: VbvModel): VbvReport {
  const { maxrateBps, bufferBits, framesPerSecond } = model;
  let filledBits = bufferBits * INITIAL_FILL;
  let lateFrames = 0;
  let worstBits = 0;
  for (const bytes of frameBytes) {
    filledBits -= bytes * 8;
    if (filledBits < 0) {
      lateFrames++;
      worstBits = Math.max(worstBits, -filledBits);
    }
    filledBits = Math.min(bufferBits, filledBits + maxrateBps / framesPerSecond);
  }
  return { lateFrames, worstOvershoot: worstBits / bufferBits };
}
