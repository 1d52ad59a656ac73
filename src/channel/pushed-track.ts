/**
 * The Tracks of a push, put on the Grid: samples in whatever timescale and chunks come in, chunks of one part each go out.
 * Pure. Invariants: every sample stands on a whole frame or access unit of the Grid; what does not is refused with the figure;
 * the result is the same however the source cut its chunks and whatever of it came twice.
 */
import { readFragment, sampleData } from '../cmaf/isobmff/fragment.ts';
import type { Fragment, InitSegment, Sample } from '../cmaf/isobmff/model.ts';
import { writeFragment } from '../cmaf/isobmff/writer.ts';
import { AUDIO_RATE, AUDIO_UNIT, audioOrigin, type Grid, type Rate } from '../package/grid.ts';
import { ServiceError } from '../system/errors.ts';
import { formatFrameRate } from '../system/frame-rate.ts';
import { type PushBase, unitsSince } from './pushed-time.ts';

export interface PushedTrackStart {
  readonly id: string;
  readonly grid: Grid;
  readonly base: PushBase;
  /** On the Grid's timescale. */
  readonly init: InitSegment;
  /** What the source's ticks are counted in. */
  readonly timescale: number;
  /** Presentation time = decoding time + composition offset - this. */
  readonly editTicks: number;
}

export interface PushedTrack {
  /** Chunks with times from the base's origin. Throws ServiceError CMAF_OFF_GRID. */
  place(fragment: Fragment): Fragment[];
}

/** A picture may stand this far off its frame: timescales of 1000 round to 0.03 frames at 60 a second. */
const TOLERANCE_FRAMES = 0.1;
/** Rounding of an access unit's length in timescales other than the sampling rate's. */
const TOLERANCE_SAMPLES = 2;

export function pushedTrack(start: PushedTrackStart, rate: Rate | undefined): PushedTrack {
  return rate === undefined ? new PushedAudio(start) : new PushedVideo(start, rate);
}

function offGrid(id: string, message: string, hint: string): ServiceError {
  return new ServiceError('CMAF_OFF_GRID', `Track ${id}: ${message}.`, { hint });
}

interface OpenPart {
  readonly frame: number;
  readonly samples: Sample[];
  readonly data: Uint8Array[];
}

class PushedVideo implements PushedTrack {
  readonly #start: PushedTrackStart;
  readonly #rate: Rate;
  readonly #segmentFrames: number;
  readonly #frameTicks: number;
  /** Composition offset of the newest keyframe: the presentation time of a keyframe is what stands on the Grid. */
  #keyOffset: number | undefined;
  #keyFrame: number | undefined;
  /** Start of a Segment that was no keyframe. */
  #missed: number | undefined;
  /** Frame that comes next; what lies before it has come already. */
  #next = Number.NEGATIVE_INFINITY;
  #open: OpenPart | undefined;

  constructor(start: PushedTrackStart, rate: Rate) {
    const { grid } = start;
    this.#start = start;
    this.#rate = rate;
    this.#segmentFrames = (grid.segmentMs * rate.num) / (1000 * rate.den);
    this.#frameTicks = (grid.videoTimescale * rate.den) / rate.num;
  }

  place(fragment: Fragment): Fragment[] {
    const placed: Fragment[] = [];
    const data = sampleData(fragment);
    let decodeTicks = fragment.decodeTicks;
    for (const [i, sample] of fragment.samples.entries()) {
      placed.push(...this.#take(sample, decodeTicks, data[i] ?? Buffer.alloc(0)));
      decodeTicks += sample.durationTicks;
    }
    return placed;
  }

  #take(sample: Sample, decodeTicks: number, bytes: Buffer): Fragment[] {
    // ISO/IEC 14496-12 8.8.3.1: sample_is_non_sync_sample.
    const isSync = (sample.flags & 0x1_0000) === 0;
    if (isSync) this.#keyOffset = sample.compositionOffsetTicks;
    if (this.#keyOffset === undefined) return [];
    const shift = this.#keyOffset - this.#start.editTicks;
    const frame = this.#frameAt(decodeTicks + shift);
    const frames = this.#frameAt(decodeTicks + shift + sample.durationTicks) - frame;
    if (frames < 1)
      throw offGrid(
        this.#start.id,
        `a picture lasts ${sample.durationTicks} ticks of ${this.#start.timescale}, less than a frame of ${formatFrameRate(this.#rate)} a second`,
        `Encode at a constant ${formatFrameRate(this.#rate)} frames a second.`,
      );
    if (frame < this.#next) return [];
    if (!this.#isInSegment(frame, isSync)) return [];
    const continues = this.#open !== undefined && frame === this.#next;
    const open = continues && this.#open !== undefined ? this.#open : { frame, samples: [], data: [] };
    this.#open = open;
    this.#next = frame + frames;
    const offset = unitsSince(
      { ticks: this.#keyOffset, timescale: this.#start.timescale },
      { ticks: sample.compositionOffsetTicks, timescale: this.#start.timescale },
      this.#rate,
    );
    open.samples.push({
      durationTicks: frames * this.#frameTicks,
      sizeBytes: bytes.length,
      flags: sample.flags,
      compositionOffsetTicks: Math.round(offset) * this.#frameTicks,
    });
    open.data.push(bytes);
    if (this.#partOf(this.#next) === this.#partOf(open.frame)) return [];
    this.#open = undefined;
    return [this.#chunk(open)];
  }

  #frameAt(ticks: number): number {
    const { base, timescale, id } = this.#start;
    const exact = unitsSince(base.zero, { ticks, timescale }, this.#rate);
    const frame = Math.round(exact);
    const off = exact - frame;
    if (Math.abs(off) <= TOLERANCE_FRAMES) return frame;
    const rate = formatFrameRate(this.#rate);
    const offMs = (off * 1000 * this.#rate.den) / this.#rate.num;
    const offTicks = Math.round((offMs * timescale) / 1000);
    throw offGrid(
      id,
      `the picture at ${ticks} is ${Math.abs(offMs).toFixed(1)} ms (${Math.abs(offTicks)} ticks of ${timescale}) off the channel's ${rate} frames a second`,
      `Encode at a constant ${rate} frames a second (ffmpeg: -r ${rate} -fps_mode cfr), all Tracks from one clock${base.kind === 'absolute' ? ', times whole Segments since 1970 (ffmpeg: -output_ts_offset)' : ''}.`,
    );
  }

  /** Every Segment of the Grid begins with a keyframe; its first picture says whether it does. */
  #isInSegment(frame: number, isSync: boolean): boolean {
    const inSegment = modulo(frame, this.#segmentFrames);
    if (isSync) {
      if (this.#missed !== undefined) throw this.#wrongInterval(frame - (this.#keyFrame ?? frame), inSegment);
      this.#keyFrame = frame;
      return true;
    }
    if (this.#missed === undefined && inSegment === 0) this.#missed = frame;
    if (this.#missed === undefined) return true;
    if (frame - this.#missed >= 2 * this.#segmentFrames)
      throw this.#wrongInterval(frame - (this.#keyFrame ?? frame), undefined);
    return false;
  }

  /** The figures of a keyframe interval that is not the Grid's; `late` is where in its Segment the keyframe stands. */
  #wrongInterval(gopFrames: number, late: number | undefined): ServiceError {
    const { grid, id } = this.#start;
    const seconds = (frames: number) => ((frames * this.#rate.den) / this.#rate.num).toFixed(3);
    const found =
      late === undefined
        ? `no keyframe for ${seconds(gopFrames)} s (${gopFrames} frames)`
        : `keyframes are ${seconds(gopFrames)} s (${gopFrames} frames) apart, the last one ${seconds(late)} s (${late} frames) after the start of its Segment`;
    this.#missed = undefined;
    this.#keyFrame = undefined;
    return offGrid(
      id,
      `${found}; Segments are ${grid.segmentMs / 1000} s (${this.#segmentFrames} frames)`,
      `Set a keyframe interval of ${this.#segmentFrames} frames, none at scene cuts (ffmpeg: -g ${this.#segmentFrames} -keyint_min ${this.#segmentFrames} -sc_threshold 0).`,
    );
  }

  #partOf(frame: number): number {
    return Math.floor((frame * this.#start.grid.partsPerSegment) / this.#segmentFrames);
  }

  #chunk({ frame, samples, data }: OpenPart): Fragment {
    const { init } = this.#start;
    const decodeTicks = frame * this.#frameTicks;
    return readFragment(writeFragment({ trackId: init.trackId, sequence: 1, decodeTicks, samples, data }), init);
  }
}

/**
 * Access units are counted: they follow each other whatever their times' rounding. They stand on the Grid's own 1024 samples, so a
 * push is moved by half a unit (10.7 ms) at most, once for all of it.
 */
class PushedAudio implements PushedTrack {
  readonly #start: PushedTrackStart;
  readonly #origin: number;
  /** Added to the pushed position in samples. */
  #shift: number | undefined;
  /** First sample of the unit that comes next, from 1970. */
  #next = Number.NEGATIVE_INFINITY;
  #hasUnits = false;

  constructor(start: PushedTrackStart) {
    this.#start = start;
    this.#origin = audioOrigin(start.grid, start.base.originIndex);
  }

  place(fragment: Fragment): Fragment[] {
    const placed: Fragment[] = [];
    const data = sampleData(fragment);
    let decodeTicks = fragment.decodeTicks;
    let from: number | undefined;
    const units: { readonly sample: Sample; readonly bytes: Buffer }[] = [];
    const flush = (): void => {
      if (from !== undefined && units.length > 0) placed.push(this.#chunk(from, units.splice(0)));
      from = undefined;
    };
    for (const [i, sample] of fragment.samples.entries()) {
      const position = this.#take(sample, decodeTicks);
      decodeTicks += sample.durationTicks;
      if (position === undefined) continue;
      if (from !== undefined && position !== from + units.length * AUDIO_UNIT) flush();
      from ??= position;
      units.push({ sample: { ...sample, durationTicks: AUDIO_UNIT }, bytes: data[i] ?? Buffer.alloc(0) });
    }
    flush();
    return placed;
  }

  /** Where the unit stands; undefined: it came before, or is the short last one of a stream. */
  #take(sample: Sample, decodeTicks: number): number | undefined {
    const { base, timescale, editTicks, id } = this.#start;
    const samples = (sample.durationTicks * AUDIO_RATE) / timescale;
    if (samples > AUDIO_UNIT + TOLERANCE_SAMPLES || (samples < AUDIO_UNIT - TOLERANCE_SAMPLES && !this.#hasUnits))
      throw offGrid(
        id,
        `access units last ${Math.round(samples)} samples at 48 kHz, not ${AUDIO_UNIT}`,
        'Send AAC-LC at 48 kHz (ffmpeg: -c:a aac -ar 48000).',
      );
    if (samples < AUDIO_UNIT - TOLERANCE_SAMPLES) return undefined;
    this.#hasUnits = true;
    const exact =
      this.#origin + unitsSince(base.zero, { ticks: decodeTicks - editTicks, timescale }, { num: AUDIO_RATE, den: 1 });
    this.#shift ??= nearestUnit(exact) - exact;
    let position = nearestUnit(exact + this.#shift);
    if (position < this.#next) return undefined;
    if (position > this.#next) {
      this.#shift = nearestUnit(exact) - exact;
      position = nearestUnit(exact);
    }
    this.#next = position + AUDIO_UNIT;
    return position;
  }

  #chunk(from: number, units: readonly { readonly sample: Sample; readonly bytes: Buffer }[]): Fragment {
    const { init } = this.#start;
    const bytes = writeFragment({
      trackId: init.trackId,
      sequence: 1,
      decodeTicks: from - this.#origin,
      samples: units.map(({ sample }) => sample),
      data: units.map((unit) => unit.bytes),
    });
    return readFragment(bytes, init);
  }
}

function nearestUnit(samples: number): number {
  return Math.round(samples / AUDIO_UNIT) * AUDIO_UNIT;
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}
