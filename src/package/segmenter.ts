/**
 * Cuts the Fragments of one Track of one EncodeRun into Segments and parts of the Channel's Grid.
 * It never reads a clock and never waits: what does not lie on the Grid is dropped by name, what is whole comes out at once.
 * Invariant: an AssembledSegment covers its index exactly: no tick of gap or overlap.
 */

import { sampleData } from '../cmaf/isobmff/fragment.ts';
import type { Fragment, Sample } from '../cmaf/isobmff/model.ts';
import { restampFragment, writeFragment } from '../cmaf/isobmff/writer.ts';
import {
  AUDIO_RATE,
  AUDIO_UNIT,
  audioIndexAt,
  audioOrigin,
  audioPartStart,
  audioStart,
  type Grid,
  videoPartAt,
  videoPartTicks,
  videoStartTicks,
} from './grid.ts';
import type { AssembledPart, AssembledSegment, PartRecord } from './model.ts';

export type SegmenterEvent =
  /** Before the `segment` that it is a part of. Not for a part whose chunks do not end at its end. */
  | { readonly kind: 'part'; readonly part: AssembledPart }
  | { readonly kind: 'segment'; readonly segment: AssembledSegment }
  | {
      readonly kind: 'dropped';
      readonly reason: DropReason;
      readonly startTicks: number;
    };

/**
 * before-origin: encoder priming or media before the run's zero. mid-segment: no Segment is open and this does not begin one.
 * hole: does not continue the open Segment. off-grid: times that no frame or access unit of the Grid can have.
 */
export type DropReason = 'before-origin' | 'mid-segment' | 'hole' | 'off-grid' | 'not-independent';

export interface Segmenter {
  push(fragment: Fragment): SegmenterEvent[];
}

type PartBytes = PartRecord & { readonly bytes: Buffer };

/** Where a run begins: at this part of this index. Of a Segment begun in its middle only parts come out, never the whole. */
export interface RunOrigin {
  readonly index: number;
  readonly part: number;
}

interface OpenSegment {
  readonly index: number;
  nextTicks: number;
  /** Its first chunk is the Segment's. */
  readonly isWhole: boolean;
  /** Parts so far; the last may still grow. */
  readonly parts: { part: number; durationTicks: number; isIndependent: boolean; chunks: Buffer[] }[];
}

/**
 * Video: whole Fragments, which the encoder cuts at keyframes and parts; only times and numbers are rewritten.
 * origin is the place of the run's zero. frameTicks is the Track's frame duration.
 */
export function videoSegmenter(grid: Grid, origin: RunOrigin, frameTicks: number): Segmenter {
  const zero = videoStartTicks(grid, origin.index) + origin.part * videoPartTicks(grid);
  let open: OpenSegment | undefined;

  const admit = (fragment: Fragment, start: number): DropReason | OpenSegment => {
    if (start < zero) return 'before-origin';
    if (start % frameTicks !== 0 || fragment.durationTicks % frameTicks !== 0) return 'off-grid';
    const index = Math.floor(start / grid.segmentTicks);
    if (open?.index === index && open.nextTicks === start) return open;
    const isWhole = start === videoStartTicks(grid, index);
    if (!isWhole && start !== zero) return open === undefined ? 'mid-segment' : 'hole';
    // ISO/IEC 23000-19 7.3.2.3: a CMAF fragment starts with a sample of SAP type 1 or 2.
    if (!fragment.isIndependent) return 'not-independent';
    return { index, nextTicks: start, isWhole, parts: [] };
  };

  return {
    push(fragment) {
      const start = zero + fragment.decodeTicks;
      const admitted = admit(fragment, start);
      if (typeof admitted === 'string') {
        if (admitted !== 'before-origin') open = undefined;
        return [{ kind: 'dropped', reason: admitted, startTicks: start }];
      }
      open = admitted;
      addChunk(open, videoPartAt(grid, start - videoStartTicks(grid, open.index)), {
        bytes: restampFragment(fragment, { decodeTicks: start, sequence: sequenceOf(start / frameTicks) }),
        durationTicks: fragment.durationTicks,
        isIndependent: fragment.isIndependent,
      });
      open.nextTicks = start + fragment.durationTicks;
      const end = videoStartTicks(grid, open.index + 1);
      const events = wholePart(grid, open);
      if (open.nextTicks < end) return events;
      const finished = open;
      open = undefined;
      if (finished.nextTicks > end) return [{ kind: 'dropped', reason: 'off-grid', startTicks: start }];
      if (!finished.isWhole) return events;
      const segment = closeSegment(finished, videoStartTicks(grid, finished.index), grid.videoTimescale);
      return [...events, { kind: 'segment', segment }];
    },
  };
}

/** The newest part, if its end has come exactly. */
function wholePart(grid: Grid, open: OpenSegment): SegmenterEvent[] {
  const newest = open.parts.at(-1);
  if (newest === undefined || newest.durationTicks !== videoPartTicks(grid)) return [];
  const end = videoStartTicks(grid, open.index) + (newest.part + 1) * videoPartTicks(grid);
  if (open.nextTicks !== end) return [];
  return [{ kind: 'part', part: { index: open.index, part: newest.part, source: 'live', ...joined(newest) } }];
}

/** mfhd sequence numbers are made from the time, so that two origins write the same; 32 bit, never 0. */
function sequenceOf(count: number): number {
  return (count % 0xffff_fffe) + 1;
}

function addChunk(
  open: OpenSegment,
  part: number,
  chunk: { bytes: Buffer; durationTicks: number; isIndependent: boolean },
): void {
  const { bytes, durationTicks, isIndependent } = chunk;
  const newest = open.parts.at(-1);
  if (newest?.part !== part) {
    open.parts.push({ part, durationTicks, isIndependent, chunks: [bytes] });
    return;
  }
  newest.durationTicks += durationTicks;
  newest.chunks.push(bytes);
}

/** A part's bytes are joined once: its event, its Segment and the window share them. */
function joined(part: OpenSegment['parts'][number]): PartBytes {
  const { durationTicks, isIndependent, chunks } = part;
  const [only] = chunks;
  const bytes = chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
  part.chunks = [bytes];
  return { durationTicks, isIndependent, bytes, sizeBytes: bytes.length };
}

function closeSegment(open: OpenSegment, startTicks: number, timescale: number): AssembledSegment {
  return {
    index: open.index,
    startTicks,
    durationTicks: open.nextTicks - startTicks,
    timescale,
    source: 'live',
    parts: open.parts.map(joined),
  };
}

interface AccessUnit {
  readonly start: number;
  readonly sample: Sample;
  readonly bytes: Buffer;
}

interface OpenAudio {
  readonly index: number;
  readonly isWhole: boolean;
  nextStart: number;
  /** Whole parts of the Segment so far, from the one that the run joined at. */
  readonly parts: AssembledPart[];
  /** Place of the part that grows, and its access units. */
  part: number;
  units: AccessUnit[];
}

/**
 * Audio: access unit by access unit on the absolute 1024-sample grid, gathered into one chunk per part,
 * because a moof per access unit would cost as much as a tenth of the audio itself.
 */
export function audioSegmenter(grid: Grid, origin: RunOrigin): Segmenter {
  const zero = audioOrigin(grid, origin.index, origin.part);
  const first = audioPartStart(grid, origin.index, origin.part);
  let open: OpenAudio | undefined;

  const admit = (start: number): DropReason | OpenAudio => {
    if (open?.nextStart === start) return open;
    const index = audioIndexAt(grid, start);
    const isWhole = start === audioStart(grid, index);
    if (!isWhole && start !== first) return open === undefined ? 'mid-segment' : 'hole';
    return { index, isWhole, nextStart: start, parts: [], part: isWhole ? 0 : origin.part, units: [] };
  };

  const take = (unit: AccessUnit, trackId: number): SegmenterEvent[] => {
    const { start } = unit;
    // The AAC encoder's priming unit lies one unit before the first whole one (tfdt -1024).
    if (start < first) return [{ kind: 'dropped', reason: 'before-origin', startTicks: start }];
    const isOnGrid = start % AUDIO_UNIT === 0 && unit.sample.durationTicks === AUDIO_UNIT;
    const admitted = isOnGrid ? admit(start) : 'off-grid';
    open = typeof admitted === 'string' ? undefined : admitted;
    if (typeof admitted === 'string') return [{ kind: 'dropped', reason: admitted, startTicks: start }];
    admitted.units.push(unit);
    admitted.nextStart = start + AUDIO_UNIT;
    return takePart(admitted, trackId);
  };

  const takePart = (segment: OpenAudio, trackId: number): SegmenterEvent[] => {
    const { index } = segment;
    if (segment.nextStart < audioPartStart(grid, index, segment.part + 1)) return [];
    const part = audioPart(index, segment.part, segment.units, trackId, 'live');
    segment.parts.push(part);
    segment.part += 1;
    segment.units = [];
    const event: SegmenterEvent = { kind: 'part', part };
    if (segment.part < grid.partsPerSegment) return [event];
    open = undefined;
    return segment.isWhole ? [event, { kind: 'segment', segment: audioSegment(grid, index, segment.parts) }] : [event];
  };

  return {
    push(fragment) {
      const events: SegmenterEvent[] = [];
      let start = zero + fragment.decodeTicks;
      const data = sampleData(fragment);
      for (const [i, sample] of fragment.samples.entries()) {
        events.push(...take({ start, sample, bytes: data[i] ?? Buffer.alloc(0) }, fragment.trackId));
        start += sample.durationTicks;
      }
      return events;
    },
  };
}

/** One audio part from its access units, in order and without holes: one chunk. */
export function audioPart(
  index: number,
  part: number,
  units: readonly AccessUnit[],
  trackId: number,
  source: 'live' | 'slate',
): AssembledPart {
  const start = units[0]?.start ?? 0;
  const bytes = writeFragment({
    trackId,
    sequence: sequenceOf(start / AUDIO_UNIT),
    decodeTicks: start,
    samples: units.map((unit) => unit.sample),
    data: units.map((unit) => unit.bytes),
  });
  const durationTicks = units.length * AUDIO_UNIT;
  return { index, part, source, durationTicks, isIndependent: true, bytes, sizeBytes: bytes.length };
}

/** One audio Segment from all its parts. */
export function audioSegment(grid: Grid, index: number, parts: readonly AssembledPart[]): AssembledSegment {
  const startTicks = audioStart(grid, index);
  const durationTicks = audioStart(grid, index + 1) - startTicks;
  return { index, startTicks, durationTicks, timescale: AUDIO_RATE, source: parts[0]?.source ?? 'live', parts };
}
