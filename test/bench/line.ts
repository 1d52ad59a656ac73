/**
 * One line of the bench's answer: a figure, its spread over the rounds, its goal where it has one.
 * It never decides a test. Invariant: the figure is the median of the rounds.
 */
export interface BenchLine {
  readonly what: string;
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly rounds: number;
  /** Empty for ratios. */
  readonly unit: string;
  /** Figures below (`inclusive`: or at) this meet the goal. */
  readonly goal?: { readonly below: number; readonly inclusive: boolean } | undefined;
  /** Or: figures at or above this meet the goal. */
  readonly goalAtLeast?: number | undefined;
  /** What the figure is made of, for people. */
  readonly note: string;
}

export interface Named {
  readonly what: string;
  readonly unit?: string;
  readonly below?: number;
  readonly atMost?: number;
  readonly atLeast?: number;
  readonly note?: string;
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

export function lineOf(named: Named, values: readonly number[]): BenchLine {
  const limit = named.atMost ?? named.below;
  return {
    what: named.what,
    median: median(values),
    least: Math.min(...values),
    most: Math.max(...values),
    rounds: values.length,
    unit: named.unit ?? '',
    goalAtLeast: named.atLeast,
    goal: limit === undefined ? undefined : { below: limit, inclusive: named.atMost !== undefined },
    note: named.note ?? '',
  };
}

/** `two-core: service / bare ffmpeg | 1.08 (1.06 to 1.11, 5 rounds) | goal <= 1.15: met | ...` */
export function textOf({
  what,
  median: middle,
  least,
  most,
  rounds,
  unit,
  goal,
  goalAtLeast,
  note,
}: BenchLine): string {
  const blank = unit === '' ? '' : ' ';
  const spread = rounds > 1 ? ` (${figure(least)} to ${figure(most)}, ${rounds} rounds)` : '';
  const columns = [what, `${figure(middle)}${blank}${unit}${spread}`];
  if (goal !== undefined) {
    const isMet = goal.inclusive ? middle <= goal.below : middle < goal.below;
    columns.push(
      `goal ${goal.inclusive ? '<=' : '<'} ${figure(goal.below)}${blank}${unit}: ${isMet ? 'met' : 'NOT MET'}`,
    );
  }
  if (goalAtLeast !== undefined)
    columns.push(`goal >= ${figure(goalAtLeast)}${blank}${unit}: ${middle >= goalAtLeast ? 'met' : 'NOT MET'}`);
  if (note !== '') columns.push(note);
  return columns.join(' | ');
}

function figure(value: number): string {
  if (!Number.isFinite(value)) return 'none';
  const size = Math.abs(value);
  if (size >= 100) return value.toFixed(0);
  return size >= 10 ? value.toFixed(1) : `${Number(value.toFixed(3))}`;
}
