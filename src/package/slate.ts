/**
 * Slate: what fills an index that has no media of a publisher. One encoded Segment of a still picture per video Track
 * and one silent access unit per audio Track, re-stamped.
 * It never encodes. Invariant: a slate Segment is a pure function of its index, so any passed index can be filled.
 */
import { sampleData } from '../cmaf/isobmff/fragment.ts';
import type { Fragment, InitSegment, Sample } from '../cmaf/isobmff/model.ts';
import { AUDIO_RATE, AUDIO_UNIT, audioPartStart, type Grid, videoStartTicks } from './grid.ts';
import type { AssembledPart, AssembledSegment } from './model.ts';
import { audioPart, audioSegment, videoSegmenter } from './segmenter.ts';

/** What the slate encoder posted for one Track. */
export interface SlateInput {
  readonly id: string;
  readonly init: InitSegment;
  readonly fragments: readonly Fragment[];
  /** Frame duration of a video Track in ticks. */
  readonly frameTicks: number | undefined;
}

export interface Slate {
  readonly grid: Grid;
  readonly inits: ReadonlyMap<string, InitSegment>;
  /** Each video part begins with an IDR: a Segment whose encoder died is finished with the slate's parts. */
  readonly hasIndependentParts: boolean;
  segment(track: string, index: number): AssembledSegment;
}

export type SlateResult =
  | { readonly kind: 'ok'; readonly slate: Slate }
  | { readonly kind: 'bad'; readonly reason: string };

/** Checks that the loop is exactly one Segment and keeps it. */
export function makeSlate(grid: Grid, inputs: readonly SlateInput[]): SlateResult {
  const loops = new Map<string, (index: number) => AssembledSegment>();
  let hasIndependentParts = true;
  for (const input of inputs) {
    const loop = input.init.kind === 'video' ? videoLoop(grid, input) : audioLoop(grid, input);
    if (typeof loop === 'string') return { kind: 'bad', reason: `track ${input.id}: ${loop}` };
    const { parts } = loop(0);
    if (parts.length !== grid.partsPerSegment || parts.some((part) => !part.isIndependent)) hasIndependentParts = false;
    loops.set(input.id, lastKept(loop));
  }
  const inits = new Map(inputs.map((input) => [input.id, input.init]));
  return {
    kind: 'ok',
    slate: {
      grid,
      inits,
      hasIndependentParts,
      segment(track, index) {
        const loop = loops.get(track);
        if (loop === undefined) throw new RangeError(`no slate for track ${track}`);
        return loop(index);
      },
    },
  };
}

/** Parts are asked for one by one: the Segment that they belong to is made once. */
function lastKept(loop: (index: number) => AssembledSegment): (index: number) => AssembledSegment {
  let last: AssembledSegment | undefined;
  return (index) => {
    if (last?.index !== index) last = loop(index);
    return last;
  };
}

function videoLoop(grid: Grid, input: SlateInput): string | ((index: number) => AssembledSegment) {
  const segmenter = videoSegmenter(grid, { index: 0, part: 0 }, input.frameTicks ?? 1);
  const cut = input.fragments.flatMap((fragment) => segmenter.push(fragment));
  const whole = cut.find((event) => event.kind === 'segment');
  if (whole === undefined) {
    const dropped = cut.find((event) => event.kind === 'dropped');
    return `the slate is not one whole Segment${dropped === undefined ? '' : ` (${dropped.reason} at ${dropped.startTicks})`}`;
  }
  const fragments = input.fragments.filter(
    (fragment) => fragment.decodeTicks >= 0 && fragment.decodeTicks < grid.segmentTicks,
  );
  const frameTicks = input.frameTicks ?? 1;
  return (index) => {
    const again = videoSegmenter(grid, { index, part: 0 }, frameTicks);
    for (const fragment of fragments) {
      for (const event of again.push(fragment))
        if (event.kind === 'segment') return { ...event.segment, source: 'slate' };
    }
    throw new RangeError(
      `slate of index ${index} is not whole (first Segment starts at ${videoStartTicks(grid, index)})`,
    );
  };
}

/** The middle access unit of a second of encoded silence: by then the encoder has settled. */
function audioLoop(grid: Grid, input: SlateInput): string | ((index: number) => AssembledSegment) {
  const units = input.fragments.flatMap((fragment) => unitsOf(fragment));
  const silent = units[units.length >> 1];
  if (silent === undefined) return 'no audio access unit came';
  if (input.init.timescale !== AUDIO_RATE) return `audio timescale ${input.init.timescale}, expected ${AUDIO_RATE}`;
  const { trackId } = input.init;
  return (index) => {
    const parts: AssembledPart[] = [];
    for (let part = 0; part < grid.partsPerSegment; part++) {
      const units = [];
      const end = audioPartStart(grid, index, part + 1);
      for (let start = audioPartStart(grid, index, part); start < end; start += AUDIO_UNIT)
        units.push({ start, sample: silent.sample, bytes: silent.bytes });
      parts.push(audioPart(index, part, units, trackId, 'slate'));
    }
    return audioSegment(grid, index, parts);
  };
}

function unitsOf(fragment: Fragment): { sample: Sample; bytes: Buffer }[] {
  const data = sampleData(fragment);
  return fragment.samples.map((sample, i) => ({
    sample: { ...sample, durationTicks: AUDIO_UNIT },
    bytes: data[i] ?? Buffer.alloc(0),
  }));
}
