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
  videoStartTicks,
} from './grid.ts';
import type { AssembledSegment, PartRecord } from './model.ts';

export type SegmenterEvent =
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

interface OpenSegment {
  readonly index: number;
  nextTicks: number;
  readonly parts: Map<number, { durationTicks: number; isIndependent: boolean; chunks: Buffer[] }>;
}

/**
 * Video: whole Fragments, which the encoder cuts at keyframes and parts; only times and numbers are rewritten.
 * originIndex is the Grid index of the run's zero. frameTicks is the Track's frame duration.
 */
export function videoSegmenter(grid: Grid, originIndex: number, frameTicks: number): Segmenter {
  const origin = videoStartTicks(grid, originIndex);
  let open: OpenSegment | undefined;

  const admit = (fragment: Fragment, start: number): DropReason | OpenSegment => {
    if (start < origin) return 'before-origin';
    if (start % frameTicks !== 0 || fragment.durationTicks % frameTicks !== 0) return 'off-grid';
    const index = Math.floor(start / grid.segmentTicks);
    if (open?.index === index && open.nextTicks === start) return open;
    if (start !== videoStartTicks(grid, index)) return open === undefined ? 'mid-segment' : 'hole';
    // ISO/IEC 23000-19 7.3.2.3: a CMAF fragment starts with a sample of SAP type 1 or 2.
    if (!fragment.isIndependent) return 'not-independent';
    return { index, nextTicks: start, parts: new Map() };
  };

  return {
    push(fragment) {
      const start = origin + fragment.decodeTicks;
      const admitted = admit(fragment, start);
      if (typeof admitted === 'string') {
        if (admitted !== 'before-origin') open = undefined;
        return [{ kind: 'dropped', reason: admitted, startTicks: start }];
      }
      open = admitted;
      const sequence = sequenceOf(start / frameTicks);
      addChunk(open, videoPartAt(grid, start - videoStartTicks(grid, open.index)), {
        bytes: restampFragment(fragment, { decodeTicks: start, sequence }),
        durationTicks: fragment.durationTicks,
        isIndependent: fragment.isIndependent,
      });
      open.nextTicks = start + fragment.durationTicks;
      const end = videoStartTicks(grid, open.index + 1);
      if (open.nextTicks < end) return [];
      const finished = open;
      open = undefined;
      if (finished.nextTicks > end) return [{ kind: 'dropped', reason: 'off-grid', startTicks: start }];
      return [
        {
          kind: 'segment',
          segment: closeSegment(finished, videoStartTicks(grid, finished.index), grid.videoTimescale),
        },
      ];
    },
  };
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
  const existing = open.parts.get(part);
  if (existing === undefined) {
    open.parts.set(part, {
      durationTicks: chunk.durationTicks,
      isIndependent: chunk.isIndependent,
      chunks: [chunk.bytes],
    });
    return;
  }
  existing.durationTicks += chunk.durationTicks;
  existing.chunks.push(chunk.bytes);
}

function closeSegment(open: OpenSegment, startTicks: number, timescale: number): AssembledSegment {
  const parts: PartBytes[] = [...open.parts.values()].map(({ durationTicks, isIndependent, chunks }) => {
    const bytes = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
    return { durationTicks, isIndependent, bytes, sizeBytes: bytes.length };
  });
  return {
    index: open.index,
    startTicks,
    durationTicks: open.nextTicks - startTicks,
    timescale,
    source: 'live',
    parts,
  };
}

interface AccessUnit {
  readonly start: number;
  readonly sample: Sample;
  readonly bytes: Buffer;
}

/**
 * Audio: access unit by access unit on the absolute 1024-sample grid, gathered into one chunk per part,
 * because a moof per access unit would cost as much as a tenth of the audio itself.
 */
export function audioSegmenter(grid: Grid, originIndex: number): Segmenter {
  const origin = audioOrigin(grid, originIndex);
  let open:
    | {
        readonly index: number;
        nextStart: number;
        readonly units: AccessUnit[];
      }
    | undefined;

  const take = (unit: AccessUnit, trackId: number): SegmenterEvent | undefined => {
    const { start } = unit;
    // The AAC encoder's priming unit lies one unit before the first whole one (tfdt -1024).
    if (start < audioStart(grid, originIndex)) return { kind: 'dropped', reason: 'before-origin', startTicks: start };
    if (start % AUDIO_UNIT !== 0 || unit.sample.durationTicks !== AUDIO_UNIT) {
      open = undefined;
      return { kind: 'dropped', reason: 'off-grid', startTicks: start };
    }
    if (open === undefined || open.nextStart !== start) {
      const index = audioIndexAt(grid, start);
      const reason = open === undefined ? 'mid-segment' : 'hole';
      open = start === audioStart(grid, index) ? { index, nextStart: start, units: [] } : undefined;
      if (open === undefined) return { kind: 'dropped', reason, startTicks: start };
    }
    open.units.push(unit);
    open.nextStart = start + AUDIO_UNIT;
    if (open.nextStart < audioStart(grid, open.index + 1)) return undefined;
    const finished = open;
    open = undefined;
    return {
      kind: 'segment',
      segment: gatherAudio(grid, finished.index, finished.units, trackId, 'live'),
    };
  };

  return {
    push(fragment) {
      const events: SegmenterEvent[] = [];
      let start = origin + fragment.decodeTicks;
      const data = sampleData(fragment);
      for (const [i, sample] of fragment.samples.entries()) {
        const event = take({ start, sample, bytes: data[i] ?? Buffer.alloc(0) }, fragment.trackId);
        if (event !== undefined) events.push(event);
        start += sample.durationTicks;
      }
      return events;
    },
  };
}

/** One audio Segment from its access units, in order and without holes: one chunk per part. */
export function gatherAudio(
  grid: Grid,
  index: number,
  units: readonly AccessUnit[],
  trackId: number,
  source: 'live' | 'slate',
): AssembledSegment {
  const parts: PartBytes[] = [];
  let from = 0;
  for (let part = 0; part < grid.partsPerSegment; part++) {
    const end = audioPartStart(grid, index, part + 1);
    let to = from;
    while (to < units.length && (units[to]?.start ?? end) < end) to++;
    const inPart = units.slice(from, to);
    from = to;
    const first = inPart[0];
    if (first === undefined) continue;
    const bytes = writeFragment({
      trackId,
      sequence: sequenceOf(first.start / AUDIO_UNIT),
      decodeTicks: first.start,
      samples: inPart.map((unit) => unit.sample),
      data: inPart.map((unit) => unit.bytes),
    });
    parts.push({
      durationTicks: inPart.length * AUDIO_UNIT,
      isIndependent: true,
      bytes,
      sizeBytes: bytes.length,
    });
  }
  const startTicks = audioStart(grid, index);
  return {
    index,
    startTicks,
    durationTicks: audioStart(grid, index + 1) - startTicks,
    timescale: AUDIO_RATE,
    source,
    parts,
  };
}
