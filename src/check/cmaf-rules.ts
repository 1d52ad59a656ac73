/**
 * Rules on each media object by itself and on a track over time (ISO/IEC 23000-19, 14496-12).
 * Pure; works on facts, never on bytes. Rules between tracks are in cmaf-track-rules.
 */
import { found } from './catalogue.ts';
import { pairs } from './hls-read.ts';
import type { InitFacts, RunFacts, SegmentFacts } from './media-facts.ts';
import type { Evidence, Finding, MediaObject } from './model.ts';

export interface SegmentObject extends MediaObject {
  readonly facts: SegmentFacts;
}

export function segmentsOf(evidence: Evidence): readonly SegmentObject[] {
  return evidence.media.filter(
    (object): object is SegmentObject => object.role === 'segment' && object.facts?.kind === 'segment',
  );
}

export function initsOf(evidence: Evidence): ReadonlyMap<string, InitFacts> {
  return new Map(
    evidence.media.flatMap((object) =>
      object.role === 'init' && object.facts?.kind === 'init' ? [[object.url, object.facts] as const] : [],
    ),
  );
}

export function initOf(inits: ReadonlyMap<string, InitFacts>, object: MediaObject): InitFacts | undefined {
  return object.listed.initUrl === undefined ? undefined : inits.get(object.listed.initUrl);
}

/** By track, in order of number. */
export function byTrack(segments: readonly SegmentObject[]): ReadonlyMap<string, readonly SegmentObject[]> {
  const tracks = new Map<string, SegmentObject[]>();
  for (const segment of segments)
    tracks.set(segment.listed.track, [...(tracks.get(segment.listed.track) ?? []), segment]);
  for (const list of tracks.values()) list.sort((a, b) => a.listed.number - b.listed.number);
  return tracks;
}

export function judgeCmaf(evidence: Evidence): readonly Finding[] {
  const segments = segmentsOf(evidence);
  return [
    ...evidence.media.flatMap(judgeReadable),
    ...evidence.media.flatMap((object) => (object.facts?.kind === 'init' ? judgeInit(object, object.facts) : [])),
    ...evidence.media.flatMap((object) => (object.facts?.kind === 'segment' ? judgeBoxes(object, object.facts) : [])),
    ...[...byTrack(segments).values()].flatMap((list) =>
      pairs(list).flatMap(([before, after]) => judgeJoin(evidence, before, after)),
    ),
    ...segments.flatMap((segment) => [...judgeDuration(evidence, segment), ...judgeGrid(segment)]),
  ];
}

const whereOf = (object: MediaObject): { url: string; track: string } => ({
  url: object.url,
  track: object.listed.track,
});

function judgeReadable(object: MediaObject): Finding[] {
  if (object.unreadable !== undefined)
    return [found('cmaf.unreadable', whereOf(object), `The object cannot be read: ${object.unreadable}.`)];
  return object.facts?.kind === 'other' && object.facts.format !== 'text'
    ? [found('hls.not-cmaf', whereOf(object), `The object is ${object.facts.format}, not fMP4.`)]
    : [];
}

/** ISO base media brands that include tfdt and default-base-is-moof: iso6 or later (bis 3.1.2), or CMAF's own. */
const BRAND = /^(iso[6-9a-c]|cmf[c2]|c[a-z0-9]{3})$/;

function judgeInit(object: MediaObject, init: InitFacts): Finding[] {
  const where = whereOf(object);
  const findings: Finding[] = [];
  if (!init.brands.some((brand) => BRAND.test(brand)))
    findings.push(found('cmaf.brand', where, `ftyp has ${init.brands.join(', ') || 'no brands'}.`));
  if (!init.hasMvex || init.hasSamples)
    findings.push(found('cmaf.header', where, init.hasSamples ? 'The header has samples.' : 'The header has no mvex.'));
  if (init.tracks.length !== 1)
    findings.push(found('cmaf.single-track', where, `The header has ${init.tracks.length} tracks.`));
  return findings;
}

function judgeBoxes(object: MediaObject, facts: SegmentFacts): Finding[] {
  const where = whereOf(object);
  const findings: Finding[] = [];
  if (facts.fragments === 0) findings.push(found('cmaf.no-fragment', where, 'There is no moof.'));
  if (facts.mostTrafs > 1) findings.push(found('cmaf.single-track', where, `A moof has ${facts.mostTrafs} trafs.`));
  if (facts.missingTfdt > 0) findings.push(found('cmaf.tfdt', where, `${facts.missingTfdt} trafs have no tfdt.`));
  if (facts.notMoofRelative > 0)
    findings.push(
      found(
        'cmaf.moof-relative',
        where,
        `${facts.notMoofRelative} trafs lack default-base-is-moof or have base-data-offset.`,
      ),
    );
  if (facts.unknownTracks.length > 0)
    findings.push(found('cmaf.track-id', where, `Track ${facts.unknownTracks.join(', ')} is not in the header.`));
  const gap = facts.runs.find((run) => run.worstGapTicks !== 0);
  if (gap !== undefined)
    findings.push(
      found(
        'cmaf.continuity',
        where,
        `Inside the object a fragment begins ${gap.worstGapTicks} ticks from the end of the one before.`,
      ),
    );
  if (object.role === 'segment' && facts.runs.some((run) => !run.startsWithSync))
    findings.push(found('cmaf.sync-start', where, 'The first sample is not a sync sample.'));
  return findings;
}

function judgeJoin(evidence: Evidence, before: SegmentObject, after: SegmentObject): Finding[] {
  const [a, b] = [before.listed, after.listed];
  if (b.number !== a.number + 1 || a.run !== b.run || a.initUrl !== b.initUrl) return [];
  return after.facts.runs.flatMap((run) => {
    const old = before.facts.runs.find((candidate) => candidate.trackId === run.trackId);
    if (old?.startTicks === undefined || run.startTicks === undefined || run.timescale === 0) return [];
    // An index without media: a fragment with no samples, that ends where it begins.
    if (old.samples === 0 || run.samples === 0) return [];
    const gap = run.startTicks - (old.startTicks + old.durationTicks);
    if (gap === 0) return [];
    const message = `Segment ${b.number} begins ${gap} ticks (${((gap / run.timescale) * 1000).toFixed(1)} ms) from the end of ${a.number}.`;
    // bis 4.4.4.3: a change of the timestamp sequence needs EXT-X-DISCONTINUITY
    const jump = evidence.mode === 'hls' && Math.abs(gap) > run.timescale / 2;
    return [found(jump ? 'hls.discontinuity-missing' : 'cmaf.continuity', whereOf(after), message)];
  });
}

/** The run that the manifest's duration is about: the only one, or of a muxed object the first (video). */
function mainRun(facts: SegmentFacts): RunFacts | undefined {
  return facts.runs.find((run) => run.timescale > 0);
}

function judgeDuration(evidence: Evidence, segment: SegmentObject): Finding[] {
  const run = mainRun(segment.facts);
  if (run === undefined || evidence.mode !== 'hls' || run.samples === 0) return [];
  const offMs = (run.durationTicks / run.timescale - segment.listed.durationS) * 1000;
  // bis 4.4.4.1: durations "SHOULD be accurate"; a millisecond is what three decimals allow
  return Math.abs(offMs) > 2
    ? [
        found(
          'cmaf.duration',
          whereOf(segment),
          `Segment ${segment.listed.number} lasts ${offMs.toFixed(1)} ms more than EXTINF ${segment.listed.durationS}.`,
        ),
      ]
    : [];
}

function judgeGrid(segment: SegmentObject): Finding[] {
  const { listed } = segment;
  const run = mainRun(segment.facts);
  if (run?.presentationTicks === undefined || listed.mpdTicks === undefined || listed.mpdTimescale === undefined)
    return [];
  const offS = run.presentationTicks / run.timescale - listed.mpdTicks / listed.mpdTimescale;
  const message = `Segment ${listed.number} begins ${(offS * 1000).toFixed(1)} ms from where the MPD puts it.`;
  if (listed.nominal === true) {
    // TM 5.2: "the segment start ... may deviate ... by at most 50 % of the nominal duration"
    if (Math.abs(offS) > listed.durationS / 2) return [found('cmaf.grid', whereOf(segment), message)];
    if (run.samples === 0) return [];
    const frameS = run.sampleTicks / run.timescale;
    return Math.abs(offS) > frameS + 1e-9 ? [found('cmaf.grid-drift', whereOf(segment), message)] : [];
  }
  const endOffS = offS + run.durationTicks / run.timescale - listed.durationS;
  const tickS = 1 / Math.min(run.timescale, listed.mpdTimescale) + 1e-9;
  // an edit list cuts the priming off the very first segment, which then begins at 0
  const primed = run.presentationTicks < 0 && listed.mpdTicks === 0 && Math.abs(endOffS) <= tickS;
  if (primed) return [];
  return Math.max(Math.abs(offS), Math.abs(endOffS)) > tickS
    ? [
        found(
          'cmaf.timeline-exact',
          whereOf(segment),
          `${message} It ends ${(endOffS * 1000).toFixed(1)} ms from where the MPD ends it.`,
        ),
      ]
    : [];
}
