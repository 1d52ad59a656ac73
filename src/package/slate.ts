/**
 * Slate: what fills an index that has no media of a publisher. One encoded Segment of a still picture per video Track
 * and one silent access unit per audio Track, re-stamped.
 * It never encodes. Invariant: a slate Segment is a pure function of its index, so any passed index can be filled.
 */
import { sampleData } from '../cmaf/isobmff/fragment.ts';
import type { Fragment, InitSegment, Sample } from '../cmaf/isobmff/model.ts';
import { AUDIO_RATE, AUDIO_UNIT, audioStart, type Grid, videoStartTicks } from './grid.ts';
import type { AssembledSegment } from './model.ts';
import { gatherAudio, videoSegmenter } from './segmenter.ts';

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
  segment(track: string, index: number): AssembledSegment;
}

export type SlateResult =
  | { readonly kind: 'ok'; readonly slate: Slate }
  | { readonly kind: 'bad'; readonly reason: string };

/** Checks that the loop is exactly one Segment and keeps it. */
export function makeSlate(grid: Grid, inputs: readonly SlateInput[]): SlateResult {
  const loops = new Map<string, (index: number) => AssembledSegment>();
  for (const input of inputs) {
    const loop = input.init.kind === 'video' ? videoLoop(grid, input) : audioLoop(grid, input);
    if (typeof loop === 'string') return { kind: 'bad', reason: `track ${input.id}: ${loop}` };
    loops.set(input.id, loop);
  }
  const inits = new Map(inputs.map((input) => [input.id, input.init]));
  return {
    kind: 'ok',
    slate: {
      grid,
      inits,
      segment(track, index) {
        const loop = loops.get(track);
        if (loop === undefined) throw new RangeError(`no slate for track ${track}`);
        return loop(index);
      },
    },
  };
}

function videoLoop(grid: Grid, input: SlateInput): string | ((index: number) => AssembledSegment) {
  const segmenter = videoSegmenter(grid, 0, input.frameTicks ?? 1);
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
    const again = videoSegmenter(grid, index, frameTicks);
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
    const list = [];
    for (let start = audioStart(grid, index); start < audioStart(grid, index + 1); start += AUDIO_UNIT) {
      list.push({ start, sample: silent.sample, bytes: silent.bytes });
    }
    return gatherAudio(grid, index, list, trackId, 'slate');
  };
}

function unitsOf(fragment: Fragment): { sample: Sample; bytes: Buffer }[] {
  const data = sampleData(fragment);
  return fragment.samples.map((sample, i) => ({
    sample: { ...sample, durationTicks: AUDIO_UNIT },
    bytes: data[i] ?? Buffer.alloc(0),
  }));
}
