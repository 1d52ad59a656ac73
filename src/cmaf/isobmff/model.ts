/**
 * What the box reader hands out: a CMAF header and CMAF chunks as plain data over the received bytes.
 * It never holds bytes of a neighbour and never interprets a segment: a Fragment is one moof with its mdat.
 * Invariant: all times are ticks of the Track's timescale, safe integers, signed (AAC priming is negative).
 */

/** A CMAF header (ISO/IEC 23000-19 7.3.1): ftyp + moov of one Track. */
export interface InitSegment {
  /** ftyp and moov exactly as received. */
  readonly bytes: Buffer;
  readonly trackId: number;
  readonly kind: 'video' | 'audio';
  readonly timescale: number;
  /** RFC 6381 string from the sample entry: `avc1.64001f`, `mp4a.40.2`. */
  readonly codec: string;
  /** ISO 639-2/T of mdhd, `und` when absent. */
  readonly language: string;
  readonly brands: readonly string[];
  /** Coded picture size after cropping, of a video Track. */
  readonly width: number | undefined;
  readonly height: number | undefined;
  /** Of an audio Track. */
  readonly sampleRate: number | undefined;
  readonly channels: number | undefined;
  /** trex defaults, needed to read fragments. */
  readonly defaults: SampleDefaults;
}

export interface SampleDefaults {
  readonly durationTicks: number;
  readonly sizeBytes: number;
  /** sample_flags as in ISO/IEC 14496-12 8.8.3.1. */
  readonly flags: number;
}

export interface Sample {
  readonly durationTicks: number;
  readonly sizeBytes: number;
  readonly flags: number;
  /** Signed composition time offset. */
  readonly compositionOffsetTicks: number;
}

/** One CMAF chunk: moof + mdat, without styp, prft, emsg or sidx before it. */
export interface Fragment {
  /** moof and mdat, contiguous; byte 0 is the moof's size field. */
  readonly bytes: Buffer;
  readonly trackId: number;
  /** mfhd sequence number as received; nothing may rely on its order. */
  readonly sequence: number;
  /** baseMediaDecodeTime, read as signed 64 bit. */
  readonly decodeTicks: number;
  readonly durationTicks: number;
  readonly samples: readonly Sample[];
  /** Offset in `bytes` of the first sample's first byte; samples follow each other without holes. */
  readonly dataOffset: number;
  /** Where tfdt's time and mfhd's number stand in `bytes`, so that both can be patched. */
  readonly timeOffset: number;
  readonly timeIs64Bit: boolean;
  readonly sequenceOffset: number;
  /** True when the first sample is a sync sample (sample_is_non_sync_sample 0, depends_on not 1). Audio: always. */
  readonly isIndependent: boolean;
}
