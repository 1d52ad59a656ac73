/**
 * Evidence in, findings out: runs every family of rules.
 * Pure: the same evidence gives the same findings, in the same order.
 * Invariant: one finding per rule, place and track; repeats are counted, not listed.
 */
import { judgeBandwidth } from './bandwidth-rules.ts';
import { found } from './catalogue.ts';
import { judgeCmaf } from './cmaf-rules.ts';
import { judgeTracks } from './cmaf-track-rules.ts';
import { judgeAvailability } from './dash-availability-rules.ts';
import { judgeMpd, type ReadMpd } from './dash-rules.ts';
import { judgeMpdUpdates } from './dash-update-rules.ts';
import { declaredByDash, declaredByHls } from './declared.ts';
import { judgeMedia } from './hls-media-rules.ts';
import { judgeMultivariant, judgeMultivariantUpdates } from './hls-multivariant-rules.ts';
import { judgeHintsKept, judgeParts } from './hls-part-rules.ts';
import { type ReadRendition, readRendition, readSnapshots, targetDurationS } from './hls-read.ts';
import { judgeRenditions } from './hls-rendition-rules.ts';
import { judgeSyntax } from './hls-syntax-rules.ts';
import { judgeUpdates } from './hls-update-rules.ts';
import { judgeHttp, type Limits } from './http-rules.ts';
import { durationSeconds } from './iso-time.ts';
import type { Evidence, Finding } from './model.ts';
import { readMpd } from './mpd-text.ts';
import { judgeProbe } from './probe-rules.ts';

export function judge(evidence: Evidence): readonly Finding[] {
  const findings = evidence.mode === 'hls' ? judgeHls(evidence) : judgeDash(evidence);
  return counted([
    ...findings,
    ...judgeCmaf(evidence),
    ...judgeAvailability(evidence),
    ...evidence.probes.flatMap(judgeProbe),
  ]);
}

/** Merges repeats of the same finding. Figures in the message do not make another finding. */
function counted(findings: readonly Finding[]): readonly Finding[] {
  const merged = new Map<string, Finding>();
  for (const finding of findings) {
    const key = JSON.stringify([
      finding.rule,
      finding.where.track ?? finding.where.url.replace(/\?.*$/, ''),
      finding.message.replace(/\d+/g, '0'),
    ]);
    const first = merged.get(key);
    merged.set(key, first === undefined ? finding : { ...first, count: first.count + finding.count });
  }
  return [...merged.values()];
}

function judgeHls(evidence: Evidence): readonly Finding[] {
  const masters = readSnapshots(evidence.multivariant);
  const renditions = evidence.renditions.map(readRendition);
  const urls = renditions.filter((rendition) => rendition.kind !== 'subtitles').map((rendition) => rendition.url);
  const latest = masters.at(-1);
  const declared = latest === undefined ? [] : declaredByHls(latest);
  return [
    ...masters.flatMap((read) => [...judgeSyntax(read), ...judgeMultivariant(read)]),
    ...judgeMultivariantUpdates(masters),
    ...renditions.flatMap((rendition) => judgeRendition(evidence, rendition, urls)),
    ...judgeDatesEverywhere(renditions),
    ...judgeRenditions(renditions),
    ...judgeTracks(evidence, declared),
    ...judgeBandwidth(evidence, declared, undefined),
    ...judgeHttp(evidence, hlsLimits(renditions)),
  ];
}

function judgeRendition(evidence: Evidence, rendition: ReadRendition, urls: readonly string[]): readonly Finding[] {
  const media = evidence.media.filter((object) => object.listed.track === rendition.url);
  const usesFmp4 =
    media.some((object) => object.facts?.kind === 'segment') ||
    rendition.reads.some((read) =>
      read.playlist.segments.some((segment) => /\.(m4s|mp4|m4a|m4v|cmf[avt])(\?|$)/i.test(segment.uri)),
    );
  const others = urls.filter((url) => url !== rendition.url);
  const steps = [judgeUpdates(rendition.reads), judgeHintsKept(rendition.reads)];
  return [
    ...rendition.reads.flatMap((read) => [
      ...judgeSyntax(read),
      ...judgeMedia(read, usesFmp4),
      ...judgeParts(read, others),
    ]),
    ...steps.flat(),
  ];
}

/** bis 4.4.4.6: "If one Media Playlist has it, all have it" (6.2.4): live ones are asked for it anyway. */
function judgeDatesEverywhere(renditions: readonly ReadRendition[]): readonly Finding[] {
  const latest = renditions.flatMap((rendition) => rendition.reads.slice(-1));
  const isDated = latest.map(({ playlist }) => playlist.segments.some((segment) => segment.pdtText !== undefined));
  if (!isDated.includes(true)) return [];
  return latest
    .filter(({ playlist }, index) => isDated[index] === false && playlist.endList && playlist.segments.length > 0)
    .map(({ snapshot }) =>
      found('hls.pdt', { url: snapshot.url }, 'Other playlists have EXT-X-PROGRAM-DATE-TIME, this one has none.'),
    );
}

function hlsLimits(renditions: readonly ReadRendition[]): Limits {
  const latest = renditions.flatMap((rendition) => rendition.reads.slice(-1));
  const targets = latest.flatMap(({ playlist }) => targetDurationS(playlist) ?? []);
  const windows = latest.map(({ playlist }) =>
    playlist.segments.reduce((sum, segment) => sum + (segment.durationS ?? 0), 0),
  );
  return {
    playlistS: targets.length === 0 ? undefined : Math.min(...targets),
    windowS: windows.length === 0 ? undefined : Math.max(...windows),
    live: latest.some(({ playlist }) => !playlist.endList),
  };
}

function judgeDash(evidence: Evidence): readonly Finding[] {
  const readings = evidence.mpds
    .filter((snapshot) => snapshot.status === 200)
    .map((snapshot) => ({ snapshot, reading: readMpd(snapshot.text, snapshot.url) }));
  const broken = readings.flatMap(({ snapshot, reading }) =>
    'problem' in reading
      ? [found('dash.xml', { url: snapshot.url }, `The MPD cannot be read: ${reading.problem}.`)]
      : [],
  );
  const reads: readonly ReadMpd[] = readings.flatMap(({ snapshot, reading }) =>
    'mpd' in reading ? [{ snapshot, mpd: reading.mpd }] : [],
  );
  const latest = reads.at(-1);
  const declared = latest === undefined ? [] : declaredByDash(latest);
  const timeline = latest?.mpd.periods.some((period) =>
    period.sets.some((set) => set.representations.some((item) => item.template?.timeline !== undefined)),
  );
  const updateS = latest?.mpd.minimumUpdateS;
  const limits: Limits = {
    // with a SegmentTimeline each cached second is a second later
    playlistS: updateS === undefined ? undefined : timeline === true ? Math.min(2, updateS) : updateS,
    windowS: latest?.mpd.timeShiftBufferS,
    live: latest?.mpd.dynamic === true,
  };
  return [
    ...broken,
    ...reads.flatMap(judgeMpd),
    ...judgeMpdUpdates(reads),
    ...judgeTracks(evidence, declared),
    ...judgeBandwidth(evidence, declared, durationSeconds(latest?.mpd.attributes['minBufferTime'])),
    ...judgeHttp(evidence, limits),
  ];
}
