/**
 * A ladder's trial as one HTML page: rate-quality curves as inline SVG and the figures under them. Pure.
 * It never names another host. Invariant: whatever a rung or file is called is text, never markup.
 */
import { formatBits } from '../config/quantities.ts';
import type { LadderTrial, RungTrial } from './ladder-trial.ts';

const WIDTH = 640;
const HEIGHT = 300;
const MARGIN = { left: 60, right: 20, top: 20, bottom: 40 };

export function trialPage(trial: LadderTrial): string {
  const { ladder, clip, seconds, rungs, steps } = trial;
  const hasVmaf = rungs.some(({ quality }) => quality.vmaf !== undefined);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(ladder)} on ${escaped(clip)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Ladder ${escaped(ladder)}</h1>
<p>On ${escaped(clip)}, ${seconds.toFixed(1)} s. Quality is against the feed, at the size of the largest rung.</p>
${curve(rungs, 'PSNR in dB', ({ quality }) => quality.psnrDb)}
${curve(rungs, 'SSIM', ({ quality }) => quality.ssim)}
${hasVmaf ? curve(rungs, 'VMAF', ({ quality }) => quality.vmaf ?? 0) : ''}
<div class="wide"><table>
<thead><tr><th>rung</th><th>picture</th><th>asked</th><th>held</th><th>PSNR</th><th>SSIM</th>${hasVmaf ? '<th>VMAF</th>' : ''}<th>VBV over</th><th>speed</th><th>cores</th></tr></thead>
<tbody>${rungs.map((rung) => rungRow(rung, hasVmaf)).join('')}</tbody>
</table></div>
<div class="wide"><table>
<thead><tr><th>step</th><th>rates</th><th>gain</th><th>verdict</th><th></th></tr></thead>
<tbody>${steps.map(({ upper, lower, rateRatio, gainDb, verdict, advice }) => `<tr>${cells([`${upper} to ${lower}`, `${rateRatio.toFixed(2)} x`, `${gainDb.toFixed(1)} dB`, verdict, advice])}</tr>`).join('')}</tbody>
</table></div>
</body>
</html>
`;
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #ffffff; --line: #0b6bcb; --rule: #c9d1d9; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --line: #58a6ff; --rule: #30363d; } }
body { margin: 2rem auto; max-width: 44rem; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
figure { margin: 1.5rem 0; } figcaption { font-weight: 600; }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: var(--ink); } .axis { stroke: var(--rule); } .curve { fill: none; stroke: var(--line); stroke-width: 2; } .point { fill: var(--line); }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: 1.5rem 0; }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid var(--rule); } th:first-child, td:first-child { text-align: left; }
`;

function rungRow({ id, quality, vbv, ...rung }: RungTrial, hasVmaf: boolean): string {
  return `<tr>${cells([
    id,
    `${rung.width}x${rung.height}`,
    formatBits(rung.bitrateBps),
    formatBits(Math.round(rung.heldBps)),
    `${quality.psnrDb.toFixed(1)} dB`,
    quality.ssim.toFixed(4),
    ...(hasVmaf ? [quality.vmaf?.toFixed(1) ?? ''] : []),
    vbv.lateFrames === 0 ? 'none' : `${(100 * vbv.worstOvershoot).toFixed(1)} %`,
    `${rung.speed.toFixed(1)} x`,
    rung.cores.toFixed(2),
  ])}</tr>`;
}

function cells(texts: readonly string[]): string {
  return texts.map((text) => `<td>${escaped(text)}</td>`).join('');
}

/** Rates on a logarithmic axis, since each step of a ladder is a factor. */
function curve(rungs: readonly RungTrial[], name: string, figureOf: (rung: RungTrial) => number): string {
  const points = rungs.map((rung) => ({ id: rung.id, rate: Math.log2(rung.heldBps), value: figureOf(rung), rung }));
  const across = axis(points.map(({ rate }) => rate));
  const up = axis(points.map(({ value }) => value));
  const x = (rate: number): number => round(MARGIN.left + across(rate) * (WIDTH - MARGIN.left - MARGIN.right));
  const y = (value: number): number =>
    round(HEIGHT - MARGIN.bottom - up(value) * (HEIGHT - MARGIN.top - MARGIN.bottom));
  const line = points.map(({ rate, value }) => `${x(rate)},${y(value)}`).join(' ');
  const base = HEIGHT - MARGIN.bottom;
  return `<figure>
<figcaption>${escaped(name)}</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(`${name} against bit rate`)}">
<line class="axis" x1="${MARGIN.left}" y1="${base}" x2="${WIDTH - MARGIN.right}" y2="${base}"/>
<line class="axis" x1="${MARGIN.left}" y1="${MARGIN.top}" x2="${MARGIN.left}" y2="${base}"/>
<polyline class="curve" points="${line}"/>
${points
  .map(
    ({ id, rate, value, rung }) =>
      `<circle class="point" cx="${x(rate)}" cy="${y(value)}" r="4"><title>${escaped(`${id}: ${formatBits(Math.round(rung.heldBps))}, ${value.toPrecision(4)}`)}</title></circle>` +
      `<text x="${x(rate)}" y="${base + 16}" text-anchor="middle">${escaped(formatBits(Math.round(rung.heldBps)))}</text>` +
      `<text x="${x(rate)}" y="${base + 32}" text-anchor="middle">${escaped(id)}</text>` +
      `<text x="${MARGIN.left - 6}" y="${y(value) + 4}" text-anchor="end">${value.toPrecision(4)}</text>`,
  )
  .join('\n')}
</svg>
</figure>`;
}

/** Least to greatest as 0.05 to 0.95. */
function axis(values: readonly number[]): (value: number) => number {
  const least = Math.min(...values);
  const span = Math.max(...values) - least || 1;
  return (value) => 0.05 + (0.9 * (value - least)) / span;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
