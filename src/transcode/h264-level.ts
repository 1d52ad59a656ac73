/**
 * H.264 levels: the smallest one that a picture size, rate, bitrate and reference count fit into.
 * It never asks the encoder. Invariant: the level is a function of the plan, so CODECS never moves while a Channel lives.
 */
import { type FrameRate, framesPerSecond } from '../system/frame-rate.ts';

export interface LevelDemand {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  readonly frameRate: FrameRate;
  readonly maxrateBps: number;
  readonly bufferBits: number;
  readonly profile: 'baseline' | 'main' | 'high';
  readonly preset: string;
}

interface LevelLimits {
  readonly level: string;
  /** MaxMBPS: macroblocks a second. */
  readonly macroblocksPerSecond: number;
  /** MaxFS: macroblocks of a frame. */
  readonly frameMacroblocks: number;
  /** MaxDpbMbs. */
  readonly bufferMacroblocks: number;
  /** MaxBR and MaxCPB in units of 1000 bit/s and 1000 bit for Baseline and Main. */
  readonly kilobitsPerSecond: number;
  readonly bufferKilobits: number;
}

function limits(level: string, mbps: number, fs: number, dpb: number, br: number, cpb: number): LevelLimits {
  return {
    level,
    macroblocksPerSecond: mbps,
    frameMacroblocks: fs,
    bufferMacroblocks: dpb,
    kilobitsPerSecond: br,
    bufferKilobits: cpb,
  };
}

/** ITU-T H.264 table A-1, without 1b (which x264 writes in another way). */
const LEVELS: readonly LevelLimits[] = [
  limits('1.0', 1485, 99, 396, 64, 175),
  limits('1.1', 3000, 396, 900, 192, 500),
  limits('1.2', 6000, 396, 2376, 384, 1000),
  limits('1.3', 11880, 396, 2376, 768, 2000),
  limits('2.0', 11880, 396, 2376, 2000, 2000),
  limits('2.1', 19800, 792, 4752, 4000, 4000),
  limits('2.2', 20250, 1620, 8100, 4000, 4000),
  limits('3.0', 40500, 1620, 8100, 10000, 10000),
  limits('3.1', 108000, 3600, 18000, 14000, 14000),
  limits('3.2', 216000, 5120, 20480, 20000, 20000),
  limits('4.0', 245760, 8192, 32768, 20000, 25000),
  limits('4.1', 245760, 8192, 32768, 50000, 62500),
  limits('4.2', 522240, 8704, 34816, 50000, 62500),
  limits('5.0', 589824, 22080, 110400, 135000, 135000),
  limits('5.1', 983040, 36864, 184320, 240000, 240000),
  limits('5.2', 2073600, 36864, 184320, 240000, 240000),
];

/** Reference frames of x264's presets (`x264 --fullhelp`); an unknown preset counts as its default of 3. */
const REFERENCE_FRAMES: Readonly<Record<string, number>> = {
  ultrafast: 1,
  superfast: 1,
  veryfast: 1,
  faster: 2,
  fast: 2,
  medium: 3,
};

/**
 * The smallest level of table A-1 that holds the demand, as x264 takes it (`4.0`); 5.2 when none does.
 * Besides the table: neither side may exceed sqrt(8 x MaxFS) macroblocks (A.3.1 f and g), and High has 1.25 times
 * the bitrate and buffer of Main (table A-2: cpbBrVclFactor 1250 against 1000).
 */
export function h264Level(demand: LevelDemand): string {
  const across = Math.ceil(demand.width / 16);
  const down = Math.ceil(demand.height / 16);
  const frame = across * down;
  const perSecond = frame * framesPerSecond(demand.frameRate);
  const references = REFERENCE_FRAMES[demand.preset] ?? 3;
  const bitsPerUnit = demand.profile === 'high' ? 1250 : 1000;
  const fits = LEVELS.find(
    (level) =>
      frame <= level.frameMacroblocks &&
      Math.max(across, down) <= Math.sqrt(8 * level.frameMacroblocks) &&
      perSecond <= level.macroblocksPerSecond &&
      frame * references <= level.bufferMacroblocks &&
      demand.maxrateBps <= level.kilobitsPerSecond * bitsPerUnit &&
      demand.bufferBits <= level.bufferKilobits * bitsPerUnit,
  );
  return fits?.level ?? '5.2';
}
