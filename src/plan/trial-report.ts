/**
 * A ladder's trial as text for a terminal. Pure.
 * It never judges. Invariant: every rung and every step of the trial is in it.
 */
import { formatBits } from '../config/quantities.ts';
import type { LadderTrial, RungTrial } from './ladder-trial.ts';
import { alignedTable, percent } from './table.ts';

const HEAD = ['rung', 'picture', 'asked', 'held', 'worst segment', 'VBV over', 'PSNR', 'SSIM'];

export function trialText(trial: LadderTrial): string {
  const { ladder, clip, seconds, rungs, steps, dropped } = trial;
  const hasVmaf = rungs.some(({ quality }) => quality.vmaf !== undefined);
  const [largest] = rungs;
  return [
    `Ladder ${ladder} on ${clip}, ${Math.round(seconds * 10) / 10} s.`,
    ...dropped.map((line) => `Left out: ${line}.`),
    '',
    ...alignedTable(
      [[...HEAD, ...(hasVmaf ? ['VMAF'] : []), 'speed', 'cores'], ...rungs.map((rung) => rowOf(rung, hasVmaf))],
      '',
    ),
    '',
    ...alignedTable(
      [
        ['step', 'rates', 'gain', 'verdict'],
        ...steps.map(({ upper, lower, rateRatio, gainDb, verdict }) => [
          `${upper} to ${lower}`,
          `${rateRatio.toFixed(2)} x`,
          `${gainDb.toFixed(1)} dB`,
          verdict,
        ]),
      ],
      '',
    ),
    ...steps.filter(({ advice }) => advice !== '').map(({ advice }) => advice),
    '',
    `Quality is against the feed at ${largest === undefined ? 'its size' : `${largest.width}x${largest.height}`}${hasVmaf ? '' : '; this ffmpeg has no libvmaf'}.`,
  ].join('\n');
}

function rowOf({ id, vbv, quality, ...rung }: RungTrial, hasVmaf: boolean): string[] {
  return [
    id,
    `${rung.width}x${rung.height}@${Math.round(rung.framesPerSecond * 100) / 100}`,
    formatBits(rung.bitrateBps),
    `${formatBits(Math.round(rung.heldBps))} (${percent(rung.heldBps / rung.bitrateBps)})`,
    `${percent(rung.peakSegmentBps / rung.declaredPeakBps)} of BANDWIDTH`,
    vbv.lateFrames === 0 ? 'none' : `${percent(vbv.worstOvershoot)}, ${vbv.lateFrames} frames`,
    `${quality.psnrDb.toFixed(1)} dB`,
    quality.ssim.toFixed(4),
    ...(hasVmaf ? [quality.vmaf?.toFixed(1) ?? '-'] : []),
    `${rung.speed.toFixed(1)} x`,
    rung.cores.toFixed(2),
  ];
}
