/**
 * The case as asked, and the same with one thing changed: what each choice costs and gains, row by row.
 * It never recommends. Invariant: a row differs from the first in exactly what its name says.
 */
import type { Ladder, LadderVideo, Latency } from '../config/model.ts';
import { type Capacity, capacityOf } from './capacity.ts';
import type { CapacityCase } from './case.ts';

export interface Variant {
  readonly name: string;
  readonly asked: CapacityCase;
}

export interface TradeOff {
  readonly name: string;
  readonly capacity: Capacity;
}

const SEGMENT_SECONDS = [2, 4, 6];
const PARTS: Readonly<Record<Latency, string>> = { normal: 'no parts', low: 'parts of 0.4 s', ultra: 'parts of 0.2 s' };

/** The case itself is the first. */
export function variantsOf(asked: CapacityCase): readonly Variant[] {
  const { ladder, latency } = asked;
  const withLadder = (name: string, changed: Ladder | undefined): Variant[] =>
    changed === undefined ? [] : [{ name, asked: { ...asked, ladder: changed } }];
  const [first, last] = [ladder.video.at(0), ladder.video.at(-1)];
  return [
    { name: 'as asked', asked },
    ...SEGMENT_SECONDS.filter((seconds) => seconds !== ladder.segmentSeconds).map((segmentSeconds) => ({
      name: `segments of ${segmentSeconds} s`,
      asked: { ...asked, ladder: { ...ladder, segmentSeconds } },
    })),
    ...(['normal', 'low', 'ultra'] as const)
      .filter((other) => other !== latency)
      .map((other) => ({ name: PARTS[other], asked: { ...asked, latency: other } })),
    ...(first === undefined ? [] : withLadder(`without ${first.id}`, without(ladder, first))),
    ...(last === undefined || last === first ? [] : withLadder(`without ${last.id}`, without(ladder, last))),
    ...withLadder('one rung more', withOneMore(ladder)),
  ];
}

/** `coresOf` says what the encoder of a variant was measured to take. Variants that cannot be are left out. */
export function tradeOffs(
  asked: CapacityCase,
  coresOf: (variant: Variant) => number | undefined = () => undefined,
): readonly TradeOff[] {
  return variantsOf(asked).flatMap((variant) => {
    const result = capacityOf(variant.asked, coresOf(variant));
    return result.kind === 'ok' ? [{ name: variant.name, capacity: result.capacity }] : [];
  });
}

function without(ladder: Ladder, rung: LadderVideo): Ladder | undefined {
  const video = ladder.video.filter((other) => other !== rung);
  return video.some(({ copy }) => copy !== true) ? { ...ladder, video } : undefined;
}

/** In the widest step of the ladder: the geometric mean of its neighbours' rates, and a height between theirs. */
function withOneMore(ladder: Ladder): Ladder | undefined {
  const { video } = ladder;
  let widest: { readonly at: number; readonly ratio: number } | undefined;
  for (const [at, above] of video.entries()) {
    const below = video[at + 1];
    if (below === undefined || above.height === undefined || below.height === undefined) continue;
    const ratio = above.bitrateBps / below.bitrateBps;
    if (widest === undefined || ratio > widest.ratio) widest = { at, ratio };
  }
  const [above, below] = widest === undefined ? [] : [video[widest.at], video[widest.at + 1]];
  if (widest === undefined || above?.height === undefined || below?.height === undefined) return undefined;
  const mean = (a: number, b: number): number => Math.round(Math.sqrt(a * b));
  const between: LadderVideo = {
    ...below,
    id: 'one-more',
    height: 2 * Math.round((above.height + below.height) / 4),
    bitrateBps: mean(above.bitrateBps, below.bitrateBps),
    maxrateBps: mean(above.maxrateBps, below.maxrateBps),
    bufferBits: mean(above.bufferBits, below.bufferBits),
  };
  return { ...ladder, video: [...video.slice(0, widest.at + 1), between, ...video.slice(widest.at + 1)] };
}
