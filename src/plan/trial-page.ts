/**
 * A ladder's trial as one HTML page: rate-quality curves as inline SVG and the figures under them. Pure.
 * It never names another host. Invariant: whatever a rung or file is called is text, never markup; it says what the text report says.
 */
import { formatBits } from '../config/quantities.ts';
import type { LadderTrial, RungTrial } from './ladder-trial.ts';
import { percent } from './table.ts';
import { curve, escaped, type Measure } from './trial-curve.ts';

const MEASURES: readonly Measure[] = [
  { name: 'PSNR in dB', digits: 1, leastSpan: 2, most: 100, figureOf: ({ quality }) => quality.psnrDb },
  { name: 'SSIM', digits: 3, leastSpan: 0.01, most: 1, figureOf: ({ quality }) => quality.ssim },
  { name: 'VMAF', digits: 1, leastSpan: 2, most: 100, figureOf: ({ quality }) => quality.vmaf ?? 0 },
];

export function trialPage(trial: LadderTrial): string {
  const { ladder, clip, seconds, rungs, steps, dropped } = trial;
  const hasVmaf = rungs.some(({ quality }) => quality.vmaf !== undefined);
  const [largest] = rungs;
  const size = largest === undefined ? 'its size' : `${largest.width}x${largest.height}`;
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
<p>On ${escaped(clip)}, ${Math.round(seconds * 10) / 10} s. Quality is against the feed at ${size}${hasVmaf ? '' : '; this ffmpeg has no libvmaf'}.</p>
${dropped.map((line) => `<p class="advice">Left out: ${escaped(line)}.</p>`).join('\n')}
${steps
  .filter(({ advice }) => advice !== '')
  .map(({ advice }) => `<p class="advice">${escaped(advice)}</p>`)
  .join('\n')}
${MEASURES.filter(({ name }) => hasVmaf || name !== 'VMAF')
  .map((measure) => curve(rungs, measure))
  .join('\n')}
<h2>Rungs</h2>
<div class="wide"><table>
<thead><tr>${heads(['rung', 'picture', 'asked', 'held', 'worst segment', 'VBV over', 'PSNR', 'SSIM', ...(hasVmaf ? ['VMAF'] : []), 'speed', 'cores'])}</tr></thead>
<tbody>
${rungs.map((rung) => rungRow(rung, hasVmaf)).join('\n')}
</tbody>
</table></div>
<p class="small">Worst segment: the largest as a share of the BANDWIDTH that players are told. VBV over: by how much of the buffer it was overrun. Speed and cores: of this rung alone, decoding included.</p>
<h2>Steps</h2>
<div class="wide"><table class="steps">
<thead><tr>${heads(['step', 'rates', 'gain', 'verdict'])}</tr></thead>
<tbody>
${steps.map(({ upper, lower, rateRatio, gainDb, verdict }) => `<tr class="${verdict === 'good' ? 'good' : 'bad'}">${cells([`${upper} to ${lower}`, `${rateRatio.toFixed(2)} x`, `${gainDb.toFixed(1)} dB`, verdict])}</tr>`).join('\n')}
</tbody>
</table></div>
</body>
</html>
`;
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --paper: #ffffff; --line: #0b6bcb; --rule: #d0d7de; --warn: #9a5b00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9198a1; --paper: #0d1117; --line: #58a6ff; --rule: #30363d; --warn: #e3b341; } }
body { margin: 2rem auto; max-width: 64rem; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin: 2rem 0 0; }
figure { margin: 1.5rem 0; overflow-x: auto; } figcaption { font-weight: 600; }
svg { display: block; width: 100%; min-width: 30rem; max-width: 48rem; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: var(--soft); } svg text.rung { fill: var(--ink); font-weight: 600; paint-order: stroke; stroke: var(--paper); stroke-width: 4px; }
.axis { stroke: var(--rule); } .curve { fill: none; stroke: var(--line); stroke-width: 2; } .point { fill: var(--line); }
.advice { border-left: 3px solid var(--warn); padding-left: .75rem; margin: .5rem 0; } .small { font-size: .85rem; color: var(--soft); }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: .75rem 0; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .3rem .7rem; border-bottom: 1px solid var(--rule); white-space: nowrap; }
th { font-size: .85rem; color: var(--soft); } th:first-child, td:first-child { text-align: left; padding-left: 0; }
.steps .bad td:last-child { color: var(--warn); font-weight: 600; }
`;

function rungRow({ id, quality, vbv, ...rung }: RungTrial, hasVmaf: boolean): string {
  return `<tr>${cells([
    id,
    `${rung.width}x${rung.height}@${Math.round(rung.framesPerSecond * 100) / 100}`,
    formatBits(rung.bitrateBps),
    `${formatBits(Math.round(rung.heldBps))} (${percent(rung.heldBps / rung.bitrateBps)})`,
    percent(rung.peakSegmentBps / rung.declaredPeakBps),
    vbv.lateFrames === 0 ? 'none' : `${percent(vbv.worstOvershoot)}, ${vbv.lateFrames} frames`,
    `${quality.psnrDb.toFixed(1)} dB`,
    quality.ssim.toFixed(4),
    ...(hasVmaf ? [quality.vmaf?.toFixed(1) ?? '-'] : []),
    `${rung.speed.toFixed(1)} x`,
    rung.cores.toFixed(2),
  ])}</tr>`;
}

function heads(texts: readonly string[]): string {
  return texts.map((text) => `<th scope="col">${escaped(text)}</th>`).join('');
}

function cells(texts: readonly string[]): string {
  return texts.map((text) => `<td>${escaped(text)}</td>`).join('');
}
