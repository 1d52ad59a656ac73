/**
 * Rows of text as aligned columns, and figures as people read them. Pure.
 * It never breaks a line. Invariant: every cell of a column begins or ends in the same place.
 */

/** The first column to the left, the others to the right; two blanks between. */
export function alignedTable(rows: readonly (readonly string[])[], indent = '  '): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  return rows.map((row) =>
    `${indent}${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ')}`.trimEnd(),
  );
}

/** `65,000,000`; below ten one decimal. */
export function count(value: number): string {
  const rounded = value < 10 ? Math.round(value * 10) / 10 : Math.round(value);
  return rounded.toLocaleString('en-US');
}

const UNITS = ['', 'k', 'M', 'G', 'T', 'P'] as const;

/** Three digits and a decimal unit: `2.93 M`. */
export function scaled(value: number, unit: string): string {
  let power = 0;
  let figure = value;
  while (figure >= 999.5 && power < UNITS.length - 1) {
    figure /= 1000;
    power++;
  }
  const digits = figure >= 99.95 || figure === 0 ? 0 : figure >= 9.995 ? 1 : 2;
  return `${figure.toFixed(digits)} ${UNITS[power]}${unit}`;
}

export function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}

/** `1.42 s`. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}
