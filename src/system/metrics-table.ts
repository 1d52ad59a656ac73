/**
 * The metrics as Markdown, from the registry itself, for docker/README.md.
 * It never reads or writes a file. Invariant: what is printed has a row for each metric there is, and no other.
 */
import { type MetricRow, openMetrics } from './metrics.ts';

const BEGIN = '<!-- metrics: printed by npm run docs -->\n';
const END = '<!-- /metrics -->\n';

/** The README with the table between its markers. Throws RangeError when a marker is missing. */
export function withMetrics(readme: string): string {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (begin < 0 || end < begin) throw new RangeError(`the markers ${BEGIN.trim()} and ${END.trim()} are missing`);
  return readme.slice(0, begin + BEGIN.length) + metricsTable(openMetrics().rows) + readme.slice(end);
}

function metricsTable(rows: readonly MetricRow[]): string {
  const lines = rows.map(({ name, type, labels, help }) => {
    const listed = labels.map((label) => `\`${label}\``).join(', ');
    return `| \`${name}\` | ${type} | ${listed} | ${help} |\n`;
  });
  return ['| metric | type | labels | what |\n|---|---|---|---|\n', ...lines].join('');
}
