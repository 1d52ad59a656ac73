/**
 * Rules between tracks and against what is declared: alignment, codec strings, picture sizes, dates (ISO/IEC 23000-19 7.3.4, Apple 8.1).
 * Pure; tracks are matched by number inside one run, as the packager's grid and `$Number$` have it.
 */
import { found } from './catalogue.ts';
import { byTrack, initOf, initsOf, type SegmentObject, segmentsOf } from './cmaf-rules.ts';
import type { Declared } from './declared.ts';
import { DATE_TOLERANCE_MS } from './hls-read.ts';
import type { InitFacts, RunFacts, TrackFacts } from './media-facts.ts';
import type { Evidence, Finding } from './model.ts';

export function judgeTracks(evidence: Evidence, declared: readonly Declared[]): readonly Finding[] {
  const inits = initsOf(evidence);
  const tracks = byTrack(segmentsOf(evidence));
  return [
    ...judgeAlignment(evidence, tracks, inits),
    ...declared.flatMap((item) => judgeDeclared(item, declared, tracks, inits)),
    ...judgeTimescales(declared, tracks, inits),
    ...judgeMediaDates(tracks),
  ];
}

type Tracks = ReadonlyMap<string, readonly SegmentObject[]>;
type Inits = ReadonlyMap<string, InitFacts>;

interface Placed {
  readonly segment: SegmentObject;
  readonly run: RunFacts;
  readonly startS: number;
}

/** Segments of single-track video or audio, by place in time. */
function placed(list: readonly SegmentObject[], inits: Inits, handler: string): readonly Placed[] {
  return list.flatMap((segment) => {
    const init = initOf(inits, segment);
    const run = segment.facts.runs[0];
    const fits = init?.tracks.length === 1 && init.tracks[0]?.handler === handler;
    return fits && run?.presentationTicks !== undefined && run.timescale > 0 && run.samples > 0
      ? [{ segment, run, startS: run.presentationTicks / run.timescale }]
      : [];
  });
}

function judgeAlignment(evidence: Evidence, tracks: Tracks, inits: Inits): Finding[] {
  const videos = [...tracks.values()].map((list) => placed(list, inits, 'vide')).filter((list) => list.length > 0);
  const audios = [...tracks.values()].map((list) => placed(list, inits, 'soun')).filter((list) => list.length > 0);
  const reference = videos[0] ?? [];
  const key = (item: Placed): string => `${groupOf(evidence, item.segment)} ${item.segment.listed.number}`;
  const starts = new Map(reference.map((item) => [key(item), item]));
  const compare = (list: readonly Placed[], rule: 'cmaf.video-aligned' | 'cmaf.audio-aligned'): Finding[] =>
    list.flatMap((item) => {
      const video = item.segment.listed.counted === true ? nearest(reference, item) : starts.get(key(item));
      if (video === undefined) return [];
      const offS = item.startS - video.startS;
      // video: to the tick; audio: within one of its frames
      const toleranceS = rule === 'cmaf.video-aligned' ? 1e-6 : item.run.sampleTicks / item.run.timescale + 1e-6;
      if (Math.abs(offS) <= toleranceS) return [];
      const { listed, url } = item.segment;
      return [
        found(
          rule,
          { url, track: listed.track },
          `Segment ${listed.number} begins ${(offS * 1000).toFixed(3)} ms from that of ${video.segment.listed.track}.`,
        ),
      ];
    });
  return [
    ...videos.slice(1).flatMap((list) => compare(list, 'cmaf.video-aligned')),
    ...audios.flatMap((list) => compare(list, 'cmaf.audio-aligned')),
  ];
}

/** With `$Time$` alone segments pair by time, if they are less than half a segment apart. */
function nearest(reference: readonly Placed[], item: Placed): Placed | undefined {
  return reference.find((video) => Math.abs(video.startS - item.startS) < item.segment.listed.durationS / 2);
}

/** Numbers count inside a Period; HLS media sequence numbers run on. */
function groupOf(evidence: Evidence, segment: SegmentObject): string {
  return evidence.mode === 'dash' ? segment.listed.run : '';
}

function trackFacts(track: string, tracks: Tracks, inits: Inits): readonly TrackFacts[] {
  const urls = new Set((tracks.get(track) ?? []).map((segment) => segment.listed.initUrl));
  return [...urls].flatMap((url) => (url === undefined ? [] : (inits.get(url)?.tracks ?? [])));
}

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

function judgeDeclared(item: Declared, all: readonly Declared[], tracks: Tracks, inits: Inits): Finding[] {
  const where = { url: item.track, track: item.track };
  const own = trackFacts(item.track, tracks, inits);
  const group = item.groupTracks.flatMap((track) => trackFacts(track, tracks, inits));
  const findings: Finding[] = [];
  if (item.codecs.length > 0) {
    const truth = [...own, ...group].map((track) => track.codec).filter((codec) => codec !== '');
    const missing = [...new Set(truth)].filter((codec) => !item.codecs.some((stated) => same(stated, codec)));
    if (missing.length > 0)
      findings.push(
        found(
          'cmaf.codec',
          where,
          `The headers say ${missing.join(', ')}, the manifest says "${item.codecs.join(',')}".`,
        ),
      );
  }
  const video = own.find((track) => track.width !== undefined);
  if (video !== undefined && item.width !== undefined && (video.width !== item.width || video.height !== item.height)) {
    findings.push(
      found(
        'cmaf.resolution',
        where,
        `The header says ${video.width}x${video.height}, the manifest ${item.width}x${item.height}.`,
      ),
    );
  }
  return all.findIndex((other) => other.track === item.track) === all.indexOf(item) || findings.length > 0
    ? findings
    : [];
}

function judgeTimescales(declared: readonly Declared[], tracks: Tracks, inits: Inits): Finding[] {
  const first = new Map<string, number>();
  return declared.flatMap((item) => {
    const timescale = trackFacts(item.track, tracks, inits).find((track) => track.handler === 'vide')?.timescale;
    if (timescale === undefined) return [];
    const expected = first.get(item.set) ?? timescale;
    first.set(item.set, expected);
    return expected === timescale
      ? []
      : [
          found(
            'cmaf.timescale',
            { url: item.track, track: item.track },
            `The timescale is ${timescale}, that of another track of the set ${expected}.`,
          ),
        ];
  });
}

/** bis 4.4.4.6, 6.2.4: dates map to sample times by one constant in a run, in all renditions. */
function judgeMediaDates(tracks: Tracks): Finding[] {
  const constants = new Map<string, number>();
  return [...tracks.values()].flatMap((list) =>
    list.flatMap((segment) => {
      const run = segment.facts.runs[0];
      const { listed } = segment;
      if (listed.pdtMs === undefined || run?.presentationTicks === undefined || run.timescale === 0) return [];
      const offset = listed.pdtMs - (run.presentationTicks / run.timescale) * 1000;
      const expected = constants.get(listed.run) ?? offset;
      constants.set(listed.run, expected);
      const byMs = Math.round(offset - expected);
      return Math.abs(byMs) > DATE_TOLERANCE_MS
        ? [
            found(
              'hls.pdt-media',
              { url: segment.url, track: listed.track },
              `The date of segment ${listed.number} is ${byMs} ms from what its samples say.`,
            ),
          ]
        : [];
    }),
  );
}
