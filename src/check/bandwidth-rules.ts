/**
 * Declared against measured bandwidth (Apple 1.28, 1.29; RFC 8216bis 4.4.6.2; ISO/IEC 23009-1 5.3.5.4).
 * Pure. A bitrate is the bytes of a whole object over its duration: container overhead counts.
 */
import { found } from './catalogue.ts';
import type { Declared } from './declared.ts';
import type { Evidence, Finding, MediaObject } from './model.ts';

interface Measured {
  readonly peakBps: number;
  readonly averageBps: number;
  readonly segments: number;
  readonly totalS: number;
  readonly worst: number;
}

/** Shorter samples say nothing of an average. */
const LEAST_SAMPLE_S = 10;

function trueDurationS(object: MediaObject): number {
  const run =
    object.facts?.kind === 'segment' ? object.facts.runs.find((candidate) => candidate.timescale > 0) : undefined;
  return run === undefined || run.durationTicks === 0 ? object.listed.durationS : run.durationTicks / run.timescale;
}

function measure(evidence: Evidence, track: string): Measured | undefined {
  const objects = evidence.media.filter(
    (object) =>
      object.role === 'segment' && object.status === 200 && object.listed.track === track && trueDurationS(object) > 0,
  );
  if (objects.length === 0) return undefined;
  // bis 4.4.6.2: the peak is over contiguous segments of 0.5 to 1.5 target durations: a short last segment alone is no such set
  const longest = Math.max(...objects.map(trueDurationS));
  const counted = objects.filter((object) => trueDurationS(object) >= longest / 2);
  const rate = (object: MediaObject): number => (object.byteLength * 8) / trueDurationS(object);
  const worst = counted.reduce((a, b) => (rate(b) > rate(a) ? b : a));
  const totalS = objects.reduce((sum, object) => sum + trueDurationS(object), 0);
  const bits = objects.reduce((sum, object) => sum + object.byteLength * 8, 0);
  return {
    peakBps: rate(worst),
    averageBps: bits / totalS,
    segments: objects.length,
    totalS,
    worst: worst.listed.number,
  };
}

export function judgeBandwidth(
  evidence: Evidence,
  declared: readonly Declared[],
  minBufferS: number | undefined,
): readonly Finding[] {
  return declared.flatMap((item) =>
    evidence.mode === 'hls' ? judgeVariant(evidence, item) : judgeRepresentation(evidence, item, minBufferS ?? 0),
  );
}

const kbps = (bps: number): string => `${Math.round(bps / 1000)} kb/s`;

function judgeVariant(evidence: Evidence, item: Declared): Finding[] {
  const own = measure(evidence, item.track);
  if (own === undefined) return [];
  const group = item.groupTracks.flatMap((track) => measure(evidence, track) ?? []);
  const peak = own.peakBps + Math.max(0, ...group.map((measured) => measured.peakBps));
  const average = own.averageBps + Math.max(0, ...group.map((measured) => measured.averageBps));
  const where = { url: item.track, track: item.track };
  const findings: Finding[] = [];
  if (item.peakBps !== undefined && peak > item.peakBps) {
    const rule = peak > 1.25 * item.peakBps ? 'bandwidth.peak' : 'bandwidth.declared';
    findings.push(
      found(
        rule,
        where,
        `Segment ${own.worst} with its audio has ${kbps(peak)}, BANDWIDTH says ${kbps(item.peakBps)}.`,
      ),
    );
  }
  if (item.averageBps !== undefined && own.totalS >= LEAST_SAMPLE_S && average > 1.1 * item.averageBps) {
    findings.push(
      found(
        'bandwidth.average',
        where,
        `${own.segments} segments have ${kbps(average)}, AVERAGE-BANDWIDTH says ${kbps(item.averageBps)}.`,
      ),
    );
  }
  return findings;
}

/** 5.3.5.4: with a channel of @bandwidth, playing after minBufferTime must never run dry, from any segment on. */
function judgeRepresentation(evidence: Evidence, item: Declared, minBufferS: number): Finding[] {
  if (item.peakBps === undefined) return [];
  const objects = evidence.media
    .filter((object) => object.role === 'segment' && object.status === 200 && object.listed.track === item.track)
    .sort((a, b) => a.listed.number - b.listed.number);
  let debtS = 0;
  let previous: number | undefined;
  for (const object of objects) {
    if (previous !== undefined && object.listed.number !== previous + 1) debtS = 0;
    previous = object.listed.number;
    debtS += (object.byteLength * 8) / item.peakBps;
    // a segment must be there when its first sample is due, so its transfer may use the buffer alone
    if (debtS > minBufferS + trueDurationS(object) + 1e-9)
      return [
        found(
          'bandwidth.dash',
          { url: object.url, track: item.track },
          `At ${kbps(item.peakBps)} segment ${object.listed.number} comes ${(debtS - minBufferS).toFixed(2)} s late.`,
        ),
      ];
    debtS = Math.max(0, debtS - trueDurationS(object));
  }
  return [];
}
