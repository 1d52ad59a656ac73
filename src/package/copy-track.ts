/**
 * The Track of a copy: a publisher's own H.264 samples put on the Grid, as Fragments of one part each.
 * It never encodes, waits or reads a clock. Invariants: every sample stands on a whole frame of the Grid and lasts until the
 * next one; a keyframe stands a whole number of GOPs after the one before, whatever its stamps' jitter; the first sample
 * of a Segment is an IDR picture whose presentation time is the Segment's start.
 */
import { readFragment } from '../cmaf/isobmff/fragment.ts';
import type { Fragment, InitSegment, Sample } from '../cmaf/isobmff/model.ts';
import { writeFragment } from '../cmaf/isobmff/writer.ts';
import { type PlacedKeyframe, TOLERANCE_FRAMES } from './copy-keyframes.ts';
import type { Grid } from './grid.ts';

export interface CopyTrackStart {
  readonly grid: Grid;
  readonly init: InitSegment;
  /** Index of the run's zero. */
  readonly originIndex: number;
  readonly gopFrames: number;
  /** The keyframe that the samples begin with. */
  readonly keyframe: PlacedKeyframe;
}

export interface CopySample {
  /** Decoding stamp, ms. */
  readonly stampMs: number;
  readonly compositionMs: number;
  readonly isKeyframe: boolean;
  /** Length-prefixed NAL units, in pieces. */
  readonly data: readonly Uint8Array[];
}

/** ISO/IEC 14496-12 8.6.4.3 and 8.8.3.1: depends on no other; and depends on others, no sync sample. */
const SYNC = 0x0200_0000;
const NON_SYNC = 0x0101_0000;
/** As in the encoders' graph: a frame takes the slot after its predecessor's while it is less than this many frames off it. */
const SLOT_HYSTERESIS = 0.75;

interface Pending {
  readonly slot: number;
  readonly sample: CopySample;
  readonly compositionFrames: number;
}

export class CopyTrack {
  readonly #start: CopyTrackStart;
  readonly #frameMs: number;
  readonly #frameTicks: number;
  readonly #partFrames: number;
  /** The newest keyframe: what slots and offsets are counted from. */
  #keyframe: Pick<PlacedKeyframe, 'stampMs' | 'compositionMs' | 'frame'>;
  #pending: Pending | undefined;
  #open: { readonly slot: number; readonly samples: Sample[]; readonly data: Uint8Array[] } | undefined;

  constructor(start: CopyTrackStart) {
    const { grid, keyframe } = start;
    this.#start = start;
    this.#keyframe = keyframe;
    this.#frameMs = (1000 * grid.frameRate.den) / grid.frameRate.num;
    this.#frameTicks = grid.segmentTicks / grid.segmentFrames;
    this.#partFrames = grid.segmentFrames / grid.partsPerSegment;
  }

  /** Media time in ms, on the Channel's Grid, of what bears this stamp. */
  mediaMsOf(stampMs: number): number {
    const { frame, stampMs: keyStampMs, compositionMs } = this.#keyframe;
    return frame * this.#frameMs + (stampMs - keyStampMs - compositionMs);
  }

  /** The Fragments that became whole by this sample: it says how long the one before lasts. A string: why it can't be placed. */
  push(sample: CopySample): readonly Fragment[] | string {
    const slot = this.#slotOf(sample);
    // Off its place: whoever watches the keyframes says so.
    if (slot === undefined) return [];
    const before = this.#pending;
    if (before !== undefined && slot <= before.slot)
      return `pictures come faster than ${this.#start.grid.frameRate.num}/${this.#start.grid.frameRate.den} a second`;
    if (sample.isKeyframe) this.#keyframe = { ...sample, frame: slot };
    const compositionFrames = Math.round((sample.compositionMs - this.#keyframe.compositionMs) / this.#frameMs);
    this.#pending = { slot, sample, compositionFrames };
    return before === undefined ? [] : this.#append(before, slot);
  }

  #slotOf(sample: CopySample): number | undefined {
    const { frame, stampMs, compositionMs } = this.#keyframe;
    if (sample.isKeyframe) {
      const { gopFrames } = this.#start;
      const frames = (sample.stampMs + sample.compositionMs - stampMs - compositionMs) / this.#frameMs;
      const distance = Math.round(frames / gopFrames) * gopFrames;
      return Math.abs(frames - distance) > TOLERANCE_FRAMES ? undefined : frame + distance;
    }
    const exact = frame + (sample.stampMs - stampMs) / this.#frameMs;
    const next = (this.#pending?.slot ?? frame) + 1;
    return Math.abs(exact - next) < SLOT_HYSTERESIS ? next : Math.round(exact);
  }

  #append({ slot, sample, compositionFrames }: Pending, nextSlot: number): readonly Fragment[] {
    const open = this.#open ?? { slot, samples: [], data: [] };
    this.#open = open;
    open.samples.push({
      durationTicks: (nextSlot - slot) * this.#frameTicks,
      sizeBytes: sample.data.reduce((sum, piece) => sum + piece.length, 0),
      flags: sample.isKeyframe ? SYNC : NON_SYNC,
      compositionOffsetTicks: compositionFrames * this.#frameTicks,
    });
    open.data.push(...sample.data);
    if (this.#partOf(nextSlot) === this.#partOf(open.slot)) return [];
    this.#open = undefined;
    return [this.#fragment(open)];
  }

  #partOf(slot: number): number {
    return Math.floor(slot / this.#partFrames);
  }

  #fragment(open: { readonly slot: number; readonly samples: Sample[]; readonly data: Uint8Array[] }): Fragment {
    const { grid, init, originIndex } = this.#start;
    const bytes = writeFragment({
      trackId: init.trackId,
      sequence: 1,
      // Relative to the run's zero, as an encoder's are; the segmenter adds the constant.
      decodeTicks: (open.slot - originIndex * grid.segmentFrames) * this.#frameTicks,
      samples: open.samples,
      data: open.data,
    });
    return readFragment(bytes, init);
  }
}
