/**
 * A rate-quality curve of a ladder's trial as inline SVG. Pure.
 * It never names another host. Invariant: every rung is a point with its name, and no two names lie on each other.
 */
import { formatBits } from '../config/quantities.ts';
import type { RungTrial } from './ladder-trial.ts';

const WIDTH = 640;
const HEIGHT = 320;
const MARGIN = { left: 56, right: 24, top: 28, bottom: 48 };
const LABEL = { width: 44, height: 15, aside: 7 };
const MOST_TICKS = 6;

interface Point {
  readonly x: number;
  readonly y: number;
  readonly rung: RungTrial;
  readonly value: number;
}

/** Whatever a rung or file is called, as text in markup. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

export interface Measure {
  /** `PSNR in dB`. */
  readonly name: string;
  readonly digits: number;
  /** The least that the axis spans, so that rungs of one quality look like it. */
  readonly leastSpan: number;
  /** The greatest figure there is. */
  readonly most: number;
  figureOf(rung: RungTrial): number;
}

/** Rates on a logarithmic axis, since each step of a ladder is a factor. */
export function curve(rungs: readonly RungTrial[], measure: Measure): string {
  const { name, digits, figureOf, leastSpan, most } = measure;
  const across = axis(
    rungs.map(({ heldBps }) => Math.log2(heldBps)),
    1,
  );
  const up = axis(rungs.map(figureOf), leastSpan);
  const x = (bps: number): number => round(MARGIN.left + across.share(Math.log2(bps)) * plot.width);
  const y = (value: number): number => round(MARGIN.top + (1 - up.share(value)) * plot.height);
  const points = rungs.map((rung) => ({ x: x(rung.heldBps), y: y(figureOf(rung)), rung, value: figureOf(rung) }));
  const rates = rateTicks(2 ** across.least, 2 ** across.most);
  return `<figure>
<figcaption>${escaped(name)} against bits a second held</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(`${name} against bits a second: ${points.map((point) => spoken(point, digits)).join('; ')}`)}">
${rates.map((bps) => gridLine(x(bps), MARGIN.top, x(bps), BASE, x(bps), BASE + 18, 'middle', formatRate(bps))).join('\n')}
${valueTicks(up.least, Math.min(up.most, most))
  .map((value) =>
    gridLine(MARGIN.left, y(value), RIGHT, y(value), MARGIN.left - 8, y(value) + 4, 'end', value.toFixed(digits)),
  )
  .join('\n')}
<text class="name" x="${MARGIN.left + plot.width / 2}" y="${HEIGHT - 8}" text-anchor="middle">bit/s</text>
<polyline class="curve" points="${points.map((point) => `${point.x},${point.y}`).join(' ')}"/>
${points.map((point) => `<circle class="point" cx="${point.x}" cy="${point.y}" r="4"><title>${escaped(spoken(point, digits))}</title></circle>`).join('\n')}
${placedLabels(points)}
</svg>
</figure>`;
}

const plot = { width: WIDTH - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom };
const BASE = HEIGHT - MARGIN.bottom;
const RIGHT = WIDTH - MARGIN.right;

function spoken({ rung, value }: Point, digits: number): string {
  return `${rung.id}: ${value.toFixed(digits)} at ${formatBits(Math.round(rung.heldBps))}`;
}

function gridLine(
  x1: number,
  y1: number,
  x2: number,
  y2: number,
  textX: number,
  textY: number,
  anchor: 'middle' | 'end',
  text: string,
): string {
  return `<line class="axis" x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}"/><text x="${textX}" y="${textY}" text-anchor="${anchor}">${text}</text>`;
}

/**
 * To the left above its point, where a rising curve is not; where that place is taken below to the right, else further out.
 * A label can take two rows on either side of another point, so among twice as many rows as there are points one is free.
 */
function placedLabels(points: readonly Point[]): string {
  const taken: Place[] = [];
  const rows = Array.from({ length: 2 * points.length }, (_, row) => row);
  return points
    .map(({ x, y, rung }) => {
      const places = rows.flatMap((row): Place[] => [
        { x: x - LABEL.aside, y: y - LABEL.aside - row * LABEL.height, anchor: 'end' },
        { x: x + LABEL.aside, y: y + LABEL.aside + 10 + row * LABEL.height, anchor: 'start' },
      ]);
      const place = places.find((one) => taken.every((other) => isApart(one, other))) ?? places[0];
      if (place === undefined) return '';
      taken.push(place);
      return `<text class="rung" x="${round(place.x)}" y="${round(place.y)}" text-anchor="${place.anchor}">${escaped(rung.id)}</text>`;
    })
    .join('\n');
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly anchor: 'start' | 'end';
}

function isApart(one: Place, other: Place): boolean {
  const left = ({ x, anchor }: Place): number => (anchor === 'end' ? x - LABEL.width : x);
  return Math.abs(left(one) - left(other)) >= LABEL.width || Math.abs(one.y - other.y) >= LABEL.height;
}

interface Axis {
  /** What lies at the ends: a twelfth of the span beyond the figures. */
  readonly least: number;
  readonly most: number;
  /** 0 at `least`, 1 at `most`. */
  share(value: number): number;
}

function axis(values: readonly number[], leastSpan: number): Axis {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const span = Math.max(high - low, leastSpan);
  const middle = (low + high) / 2;
  const [least, most] = [middle - span * (0.5 + 1 / 12), middle + span * (0.5 + 1 / 12)];
  return { least, most, share: (value) => (value - least) / (most - least) };
}

/** 100k, 200k, 500k, 1M ...: what of them lies between. */
function rateTicks(least: number, most: number): readonly number[] {
  return [3, 4, 5, 6, 7, 8]
    .flatMap((power) => [1, 2, 5].map((figure) => figure * 10 ** power))
    .filter((tick) => tick >= least && tick <= most);
}

/** Multiples of 1, 2 or 5 times a power of ten, as many as there is room for. */
function valueTicks(least: number, most: number): readonly number[] {
  const raw = (most - least) / MOST_TICKS;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5].find((figure) => figure * power >= raw) ?? 10) * power;
  const first = Math.ceil(least / step);
  const count = Math.floor(most / step) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, index) => (first + index) * step);
}

function formatRate(bps: number): string {
  return bps >= 1_000_000 ? `${bps / 1_000_000}M` : `${bps / 1000}k`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
