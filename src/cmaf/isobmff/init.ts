/**
 * A CMAF header (ftyp + moov of one Track) as an InitSegment: ISO/IEC 23000-19 7.3.1, ISO/IEC 14496-12 8.
 * It never keeps a list of boxes. Invariant: a header it returns has exactly one Track, of picture or sound,
 * with a codec string and a timescale above 0.
 */
import { readAudioConfig } from './audio-config.ts';
import { codecString } from './codec.ts';
import { FormatError } from './format-error.ts';
import type { InitSegment, SampleDefaults } from './model.ts';
import { type BoxSpan, boxesIn, FieldReader, fourCc, nameOf, requiredBox } from './reader.ts';

const FTYP = fourCc('ftyp');
const MOOV = fourCc('moov');
const MVEX = fourCc('mvex');
const TRAK = fourCc('trak');
/** Fixed fields before the children of a sample entry (ISO/IEC 14496-12 12.1.3, 12.2.3). */
const VISUAL_ENTRY_BYTES = 78;
const AUDIO_ENTRY_BYTES = 28;

/** `bytes` is ftyp and moov. Throws FormatError. */
export function readInit(bytes: Buffer): InitSegment {
  const file: BoxSpan = {
    type: fourCc('file'),
    start: 0,
    body: 0,
    end: bytes.length,
  };
  const top = boxesIn(bytes, 0, bytes.length);
  const ftyp = requiredBox(top, FTYP, file);
  const moov = requiredBox(top, MOOV, file);
  const inMoov = boxesIn(bytes, moov.body, moov.end);
  const traks = inMoov.filter((box) => box.type === TRAK);
  const trak = requiredBox(inMoov, TRAK, moov);
  if (traks.length > 1) {
    // 23000-19 7.3.1: one Track per header.
    throw new FormatError('CMAF_UNSUPPORTED', 'moov', moov.start, `${traks.length} Tracks; CMAF has one per header`);
  }
  const mvex = inMoov.find((box) => box.type === MVEX);
  if (mvex === undefined) {
    throw new FormatError('CMAF_UNSUPPORTED', 'moov', moov.start, 'has no mvex: this is a progressive file, not CMAF');
  }
  const inTrak = boxesIn(bytes, trak.body, trak.end);
  const trackId = readTrackId(bytes, requiredBox(inTrak, fourCc('tkhd'), trak));
  const mdia = requiredBox(inTrak, fourCc('mdia'), trak);
  const inMdia = boxesIn(bytes, mdia.body, mdia.end);
  return {
    bytes,
    trackId,
    ...readMediaHeader(bytes, requiredBox(inMdia, fourCc('mdhd'), mdia)),
    ...readSampleEntry(bytes, readKind(bytes, requiredBox(inMdia, fourCc('hdlr'), mdia)), mdia, inMdia),
    brands: readBrands(bytes, ftyp),
    defaults: readDefaults(bytes, mvex, trackId),
  };
}

/** ftyp, styp: the major brand, then the compatible ones. */
export function readBrands(bytes: Buffer, box: BoxSpan): string[] {
  const fields = new FieldReader(bytes, box);
  const brands = [nameOf(fields.u32())];
  fields.skip(4);
  while (fields.remaining >= 4) brands.push(nameOf(fields.u32()));
  return brands;
}

/** 8.3.2: track_ID follows two times whose width is the version's. */
function readTrackId(bytes: Buffer, box: BoxSpan): number {
  const fields = new FieldReader(bytes, box);
  fields.skip(fields.versionAndFlags().version === 0 ? 8 : 16);
  return fields.u32();
}

/** 8.4.2: timescale and language (three letters of five bits, each less 0x60). */
function readMediaHeader(bytes: Buffer, box: BoxSpan): Pick<InitSegment, 'timescale' | 'language'> {
  const fields = new FieldReader(bytes, box);
  const { version } = fields.versionAndFlags();
  fields.skip(version === 0 ? 8 : 16);
  const timescale = fields.u32();
  if (timescale === 0) throw new FormatError('CMAF_BOX_INVALID', 'mdhd', box.start, 'timescale 0');
  fields.skip(version === 0 ? 4 : 8);
  const packed = fields.u16();
  const letters = [10, 5, 0].map((shift) => String.fromCharCode(((packed >>> shift) & 0x1f) + 0x60)).join('');
  return { timescale, language: /^[a-z]{3}$/.test(letters) ? letters : 'und' };
}

function readKind(bytes: Buffer, box: BoxSpan): 'video' | 'audio' {
  const fields = new FieldReader(bytes, box);
  fields.skip(8);
  const handler = nameOf(fields.u32());
  if (handler === 'vide') return 'video';
  if (handler === 'soun') return 'audio';
  throw new FormatError('CMAF_UNSUPPORTED', 'hdlr', box.start, `Tracks of handler ${handler} are not taken`);
}

type EntryFacts = Pick<InitSegment, 'kind' | 'codec' | 'width' | 'height' | 'sampleRate' | 'channels'>;

function readSampleEntry(
  bytes: Buffer,
  kind: 'video' | 'audio',
  mdia: BoxSpan,
  inMdia: readonly BoxSpan[],
): EntryFacts {
  const minf = requiredBox(inMdia, fourCc('minf'), mdia);
  const stbl = requiredBox(boxesIn(bytes, minf.body, minf.end), fourCc('stbl'), minf);
  const stsd = requiredBox(boxesIn(bytes, stbl.body, stbl.end), fourCc('stsd'), stbl);
  const list = new FieldReader(bytes, stsd);
  list.versionAndFlags();
  list.skip(4);
  const entry = boxesIn(bytes, list.at, stsd.end)[0];
  if (entry === undefined) throw new FormatError('CMAF_BOX_INVALID', 'stsd', stsd.start, 'has no sample entry');
  return kind === 'video' ? readVisualEntry(bytes, entry) : readAudioEntry(bytes, entry);
}

/** 12.1.3: width and height are those of the picture after cropping. */
function readVisualEntry(bytes: Buffer, entry: BoxSpan): EntryFacts {
  const fields = new FieldReader(bytes, entry);
  const from = fields.skip(VISUAL_ENTRY_BYTES);
  const children = boxesIn(bytes, fields.at, entry.end);
  return {
    kind: 'video',
    codec: codecString(bytes, entry, children),
    width: bytes.readUInt16BE(from + 24),
    height: bytes.readUInt16BE(from + 26),
    sampleRate: undefined,
    channels: undefined,
  };
}

/** 12.2.3. Some encoders write channelcount 2 whatever there is: AudioSpecificConfig is asked first. */
function readAudioEntry(bytes: Buffer, entry: BoxSpan): EntryFacts {
  const fields = new FieldReader(bytes, entry);
  const from = fields.skip(AUDIO_ENTRY_BYTES);
  const children = boxesIn(bytes, fields.at, entry.end);
  const esds = children.find((box) => box.type === fourCc('esds'));
  const configured = esds === undefined ? undefined : readAudioConfig(bytes, esds).channels;
  return {
    kind: 'audio',
    codec: codecString(bytes, entry, children),
    width: undefined,
    height: undefined,
    sampleRate: bytes.readUInt16BE(from + 24),
    channels: configured ?? bytes.readUInt16BE(from + 16),
  };
}

/** 8.8.3: trex of this Track. */
function readDefaults(bytes: Buffer, mvex: BoxSpan, trackId: number): SampleDefaults {
  for (const box of boxesIn(bytes, mvex.body, mvex.end)) {
    if (box.type !== fourCc('trex')) continue;
    const fields = new FieldReader(bytes, box);
    fields.versionAndFlags();
    if (fields.u32() !== trackId) continue;
    fields.skip(4);
    return {
      durationTicks: fields.u32(),
      sizeBytes: fields.u32(),
      flags: fields.u32(),
    };
  }
  throw new FormatError('CMAF_BOX_INVALID', 'mvex', mvex.start, `has no trex for track_ID ${trackId}`);
}
