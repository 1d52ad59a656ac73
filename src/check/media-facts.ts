/**
 * What the rules need to know of a media object, read from its bytes once, so that the bytes can go.
 * It never judges: a missing tfdt is `undefined`, two trafs are a count of two.
 * Invariant: times are ticks of the track's own timescale.
 */
import { boxAt, boxesIn, childBoxes, fullBox } from './boxes.ts';
import { codecOf, pictureSize } from './sample-entry.ts';

export interface TrackFacts {
  readonly trackId: number;
  readonly handler: string;
  readonly timescale: number;
  /** RFC 6381, or the bare sample entry type where it is not known here. */
  readonly codec: string;
  readonly width: number | undefined;
  readonly height: number | undefined;
  /** media_time of the edit list: what is cut off the front of the presentation. 0 without one. */
  readonly editTicks: number;
  readonly defaultDuration: number;
  readonly defaultFlags: number;
}

export interface InitFacts {
  readonly kind: 'init';
  readonly brands: readonly string[];
  readonly tracks: readonly TrackFacts[];
  readonly hasMvex: boolean;
  /** True when the sample tables hold samples or mvhd has a duration: not a CMAF header. */
  readonly hasSamples: boolean;
}

export interface RunFacts {
  readonly trackId: number;
  /** baseMediaDecodeTime of the first fragment; undefined without tfdt. */
  readonly startTicks: number | undefined;
  /** Earliest presentation time: tfdt, composition offsets and edit list together. */
  readonly presentationTicks: number | undefined;
  readonly durationTicks: number;
  readonly samples: number;
  readonly startsWithSync: boolean;
  /** Largest difference between a fragment's tfdt and the end of the one before, in this object. */
  readonly worstGapTicks: number;
  readonly timescale: number;
  readonly sampleTicks: number;
}

export interface SegmentFacts {
  readonly kind: 'segment';
  readonly fragments: number;
  readonly mostTrafs: number;
  readonly missingTfdt: number;
  readonly notMoofRelative: number;
  /** track_IDs that the header does not have. */
  readonly unknownTracks: readonly number[];
  readonly runs: readonly RunFacts[];
}

export interface OtherFacts {
  readonly kind: 'other';
  readonly format: 'mpeg-ts' | 'packed-audio' | 'text' | 'unknown';
}

export type MediaFacts = InitFacts | SegmentFacts | OtherFacts;

/** What the bytes are, when they are not ISO BMFF. */
export function formatOf(bytes: Buffer): OtherFacts['format'] | 'isobmff' {
  if (bytes.length >= 8 && /^(ftyp|styp|moof|moov|sidx|prft|emsg|free|mdat)$/.test(bytes.toString('latin1', 4, 8)))
    return 'isobmff';
  if (bytes.length >= 188 && bytes[0] === 0x47 && (bytes.length === 188 || bytes[188] === 0x47)) return 'mpeg-ts';
  if (bytes.toString('latin1', 0, 3) === 'ID3' || (bytes[0] === 0xff && ((bytes[1] ?? 0) & 0xf0) === 0xf0))
    return 'packed-audio';
  return bytes.toString('latin1', 0, 6) === 'WEBVTT' ? 'text' : 'unknown';
}

/** Reads ftyp + moov. Throws an Error naming box and offset where they are malformed. */
export function readInitFacts(bytes: Buffer): InitFacts {
  const moov = boxAt(bytes, 'moov');
  const ftyp = boxAt(bytes, 'ftyp');
  if (moov === undefined) throw new Error('there is no moov box');
  const defaults = trexDefaults(moov.body);
  const traks = childBoxes(moov.body, 'trak').map((trak) => trak.body);
  return {
    kind: 'init',
    brands: ftyp === undefined ? [] : brandsOf(ftyp.body),
    tracks: traks.map((trak) => trackOf(trak, defaults)),
    hasMvex: boxAt(moov.body, 'mvex') !== undefined,
    hasSamples: traks.some(sampleCountsOf),
  };
}

function brandsOf(body: Buffer): string[] {
  const brands = [body.toString('latin1', 0, 4)];
  for (let at = 8; at + 4 <= body.length; at += 4) brands.push(body.toString('latin1', at, at + 4));
  return brands;
}

type Defaults = ReadonlyMap<number, { readonly duration: number; readonly flags: number }>;

function trexDefaults(moov: Buffer): Defaults {
  const mvex = boxAt(moov, 'mvex');
  const trexes = mvex === undefined ? [] : childBoxes(mvex.body, 'trex');
  return new Map(
    trexes.map(({ body }) => [body.readUInt32BE(4), { duration: body.readUInt32BE(12), flags: body.readUInt32BE(20) }]),
  );
}

function sampleCountsOf(trak: Buffer): boolean {
  const stsz = boxAt(trak, 'mdia', 'minf', 'stbl', 'stsz');
  return stsz !== undefined && stsz.body.readUInt32BE(8) > 0;
}

function trackOf(trak: Buffer, defaults: Defaults): TrackFacts {
  const tkhd = required(trak, 'tkhd');
  const mdhd = required(trak, 'mdia', 'mdhd');
  const hdlr = required(trak, 'mdia', 'hdlr');
  const stsd = required(trak, 'mdia', 'minf', 'stbl', 'stsd');
  const entry = [...boxesIn(stsd.subarray(8))][0];
  const trackId = tkhd.readUInt32BE(fullBox(tkhd).version === 1 ? 20 : 12);
  const size = entry === undefined ? undefined : pictureSize(entry);
  return {
    trackId,
    handler: hdlr.toString('latin1', 8, 12),
    timescale: mdhd.readUInt32BE(fullBox(mdhd).version === 1 ? 20 : 12),
    codec: entry === undefined ? '' : codecOf(entry),
    width: size?.width,
    height: size?.height,
    editTicks: editOf(trak),
    defaultDuration: defaults.get(trackId)?.duration ?? 0,
    defaultFlags: defaults.get(trackId)?.flags ?? 0,
  };
}

// 14496-12 8.6.6: the first edit that is not empty; an empty one has media_time -1
function editOf(trak: Buffer): number {
  const elst = boxAt(trak, 'edts', 'elst')?.body;
  if (elst === undefined) return 0;
  const wide = fullBox(elst).version === 1;
  const count = elst.readUInt32BE(4);
  for (let i = 0; i < count; i += 1) {
    const at = 8 + i * (wide ? 20 : 12);
    const time = wide ? Number(elst.readBigInt64BE(at + 8)) : elst.readInt32BE(at + 4);
    if (time >= 0) return time;
  }
  return 0;
}

function required(bytes: Buffer, ...path: readonly string[]): Buffer {
  const box = boxAt(bytes, ...path);
  if (box === undefined) throw new Error(`there is no ${path.join('/')} box`);
  return box.body;
}

interface Traf {
  readonly trackId: number;
  readonly decodeTicks: number | undefined;
  /** Earliest presentation time from the first sample's decode time on. */
  readonly earliestTicks: number;
  readonly durationTicks: number;
  readonly samples: number;
  readonly sync: boolean;
  readonly moofRelative: boolean;
  readonly sampleTicks: number;
}

/** Reads every moof of a segment or part. Throws an Error naming box and offset where they are malformed. */
export function readSegmentFacts(bytes: Buffer, init: InitFacts | undefined): SegmentFacts {
  const tracks = new Map((init?.tracks ?? []).map((track) => [track.trackId, track]));
  const moofs = [...boxesIn(bytes)].filter((box) => box.type === 'moof');
  const fragments = moofs.map((moof) => childBoxes(moof.body, 'traf').map((traf) => trafOf(traf.body, tracks)));
  const trafs = fragments.flat();
  const ids = [...new Set(trafs.map((traf) => traf.trackId))];
  return {
    kind: 'segment',
    fragments: fragments.length,
    mostTrafs: Math.max(0, ...fragments.map((list) => list.length)),
    missingTfdt: trafs.filter((traf) => traf.decodeTicks === undefined).length,
    notMoofRelative: trafs.filter((traf) => !traf.moofRelative).length,
    unknownTracks: init === undefined ? [] : ids.filter((id) => !tracks.has(id)),
    runs: ids.map((id) =>
      runOf(
        trafs.filter((traf) => traf.trackId === id),
        tracks.get(id),
      ),
    ),
  };
}

function runOf(trafs: readonly Traf[], track: TrackFacts | undefined): RunFacts {
  let worstGapTicks = 0;
  let end: number | undefined;
  for (const traf of trafs) {
    const gap = end === undefined || traf.decodeTicks === undefined ? 0 : traf.decodeTicks - end;
    if (Math.abs(gap) > Math.abs(worstGapTicks)) worstGapTicks = gap;
    end = traf.decodeTicks === undefined ? undefined : traf.decodeTicks + traf.durationTicks;
  }
  const first = trafs[0];
  return {
    trackId: first?.trackId ?? 0,
    startTicks: first?.decodeTicks,
    presentationTicks:
      first?.decodeTicks === undefined ? undefined : first.decodeTicks + first.earliestTicks - (track?.editTicks ?? 0),
    durationTicks: trafs.reduce((sum, traf) => sum + traf.durationTicks, 0),
    samples: trafs.reduce((sum, traf) => sum + traf.samples, 0),
    startsWithSync: track?.handler !== 'vide' || first?.samples === 0 || first?.sync === true,
    worstGapTicks,
    timescale: track?.timescale ?? 0,
    sampleTicks: first?.sampleTicks ?? 0,
  };
}

function trafOf(traf: Buffer, tracks: ReadonlyMap<number, TrackFacts>): Traf {
  const tfhd = required(traf, 'tfhd');
  const { flags } = fullBox(tfhd);
  const trackId = tfhd.readUInt32BE(4);
  const track = tracks.get(trackId);
  // 14496-12 8.8.7.1: base_data_offset 0x1, sample_description_index 0x2, default duration 0x8, size 0x10, flags 0x20
  let at = 8 + (flags & 0x1 ? 8 : 0) + (flags & 0x2 ? 4 : 0);
  const durationDefault = flags & 0x8 ? tfhd.readUInt32BE(at) : (track?.defaultDuration ?? 0);
  at += (flags & 0x8 ? 4 : 0) + (flags & 0x10 ? 4 : 0);
  const flagsDefault = flags & 0x20 ? tfhd.readUInt32BE(at) : (track?.defaultFlags ?? 0);
  const truns = childBoxes(traf, 'trun').map((trun) => trunOf(trun.body, durationDefault, flagsDefault));
  const tfdt = boxAt(traf, 'tfdt')?.body;
  return {
    trackId,
    decodeTicks:
      tfdt === undefined
        ? undefined
        : fullBox(tfdt).version === 1
          ? Number(tfdt.readBigInt64BE(4))
          : tfdt.readUInt32BE(4),
    earliestTicks: truns[0]?.earliestTicks ?? 0,
    durationTicks: truns.reduce((sum, trun) => sum + trun.durationTicks, 0),
    samples: truns.reduce((sum, trun) => sum + trun.samples, 0),
    sync: truns[0]?.sync ?? false,
    moofRelative: (flags & 0x1) === 0 && (flags & 0x20000) !== 0,
    sampleTicks: truns[0]?.firstTicks ?? durationDefault,
  };
}

interface Trun {
  readonly durationTicks: number;
  readonly earliestTicks: number;
  readonly samples: number;
  readonly sync: boolean;
  readonly firstTicks: number;
}

// 14496-12 8.8.8.1: data_offset 0x1, first_sample_flags 0x4, duration 0x100, size 0x200, flags 0x400, composition offset 0x800
function trunOf(trun: Buffer, durationDefault: number, flagsDefault: number): Trun {
  const { version, flags } = fullBox(trun);
  const samples = trun.readUInt32BE(4);
  const start = 8 + (flags & 0x1 ? 4 : 0);
  const firstFlags = flags & 0x4 ? trun.readUInt32BE(start) : undefined;
  const table = start + (flags & 0x4 ? 4 : 0);
  const has = (bit: number): number => (flags & bit ? 4 : 0);
  const stride = has(0x100) + has(0x200) + has(0x400) + has(0x800);
  if (table + samples * stride > trun.length) throw new Error(`trun of ${samples} samples is cut off`);
  let durationTicks = 0;
  let earliestTicks = Number.POSITIVE_INFINITY;
  for (let i = 0; i < samples; i += 1) {
    const at = table + i * stride;
    const offsetAt = at + has(0x100) + has(0x200) + has(0x400);
    const offset = has(0x800) === 0 ? 0 : version === 0 ? trun.readUInt32BE(offsetAt) : trun.readInt32BE(offsetAt);
    earliestTicks = Math.min(earliestTicks, durationTicks + offset);
    durationTicks += has(0x100) === 0 ? durationDefault : trun.readUInt32BE(at);
    // without any of the fields all samples are alike
    if (stride === 0)
      return {
        durationTicks: samples * durationDefault,
        earliestTicks,
        samples,
        sync: isSync(firstFlags ?? flagsDefault),
        firstTicks: durationDefault,
      };
  }
  const stated = has(0x400) !== 0 && samples > 0 ? trun.readUInt32BE(table + has(0x100) + has(0x200)) : flagsDefault;
  const firstTicks = has(0x100) !== 0 && samples > 0 ? trun.readUInt32BE(table) : durationDefault;
  return {
    durationTicks,
    earliestTicks: samples === 0 ? 0 : earliestTicks,
    samples,
    sync: isSync(firstFlags ?? stated),
    firstTicks,
  };
}

/** 14496-12 8.8.3.1: sample_is_non_sync_sample is bit 16, sample_depends_on bits 24-25 (1 = depends on others). */
function isSync(sampleFlags: number): boolean {
  return (sampleFlags & 0x10000) === 0 && ((sampleFlags >> 24) & 3) !== 1;
}
