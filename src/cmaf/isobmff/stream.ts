/**
 * A stream of CMAF, cut anywhere, as headers and chunks in order (ISO/IEC 23000-19 7.3).
 * It never infers anything from where the bytes were cut, and drops what only frames the media: styp, prft, emsg, sidx, mfra, free.
 * Invariant: the items are a function of the bytes alone; after a fault there are no more.
 */
import { type BoxPlan, BoxScanner } from './box.ts';
import { FormatError } from './format-error.ts';
import { readFragment } from './fragment.ts';
import { readBrands, readInit } from './init.ts';
import type { Fragment, InitSegment } from './model.ts';
import { boxAt } from './reader.ts';

export type CmafItem =
  | { readonly kind: 'init'; readonly init: InitSegment }
  | { readonly kind: 'fragment'; readonly fragment: Fragment }
  /** Always the last item: what follows in the stream cannot be trusted. */
  | { readonly kind: 'fault'; readonly error: FormatError };

export interface CmafStreamOptions {
  /** Header received before, for bodies that carry media alone. */
  readonly knownInit?: InitSegment | undefined;
  /** Largest mdat taken. */
  readonly maxMdatBytes?: number;
}

export const DEFAULT_MAX_MDAT_BYTES = 32 * 1024 * 1024;
/** ftyp, moov, moof, styp: a live moof is a few kB, a header less than one. */
const MAX_STRUCTURE_BYTES = 1024 * 1024;

export class CmafStreamReader {
  readonly #maxMdatBytes: number;
  readonly #scanner: BoxScanner;
  #init: InitSegment | undefined;
  #ftyp: { readonly bytes: Buffer; readonly offset: number } | undefined;
  #moof: { readonly bytes: Buffer; readonly offset: number; gapBytes: number } | undefined;
  #items: CmafItem[] = [];
  #isFaulty = false;
  #sawLastSegment = false;

  constructor(options: CmafStreamOptions = {}) {
    this.#init = options.knownInit;
    this.#maxMdatBytes = options.maxMdatBytes ?? DEFAULT_MAX_MDAT_BYTES;
    const handler = {
      plan: (type: string, offset: number, sizeBytes: number) => this.#plan(type, offset, sizeBytes),
      box: (type: string, offset: number, bytes: Buffer) => this.#take(type, offset, bytes),
    };
    this.#scanner = new BoxScanner(handler, this.#maxMdatBytes);
  }

  /** The header that the next chunk belongs to. */
  get init(): InitSegment | undefined {
    return this.#init;
  }

  /** True once a styp with brand `lmsg` was seen: the last segment of the Track (DASH-IF Live Media Ingest). */
  get sawLastSegment(): boolean {
    return this.#sawLastSegment;
  }

  /** What became whole with these bytes. Never throws for what the bytes say. */
  push(bytes: Uint8Array): CmafItem[] {
    return this.#guarded(() => this.#scanner.push(bytes));
  }

  /** The stream is over: a fault when that is inside a box, between moof and mdat, or between ftyp and moov. */
  end(): CmafItem[] {
    return this.#guarded(() => {
      this.#scanner.end();
      if (this.#moof !== undefined) {
        throw new FormatError('CMAF_BOX_TRUNCATED', 'moof', this.#moof.offset, 'the stream ends before its mdat');
      }
      if (this.#ftyp !== undefined)
        throw new FormatError('CMAF_BOX_TRUNCATED', 'ftyp', this.#ftyp.offset, 'the stream ends before the moov');
    });
  }

  #guarded(work: () => void): CmafItem[] {
    if (this.#isFaulty) return [];
    try {
      work();
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.#isFaulty = true;
      this.#items.push({ kind: 'fault', error });
    }
    const items = this.#items;
    this.#items = [];
    return items;
  }

  #plan(type: string, offset: number, sizeBytes: number): BoxPlan {
    if (type === 'mdat') {
      if (this.#moof === undefined) throw new FormatError('CMAF_BOX_INVALID', type, offset, 'no moof stands before it');
      return { maxBytes: this.#maxMdatBytes, lead: this.#moof.bytes };
    }
    if (type === 'ftyp' || type === 'moov' || type === 'moof') {
      if (this.#moof !== undefined) {
        throw new FormatError('CMAF_BOX_INVALID', type, offset, `the moof at byte ${this.#moof.offset} has no mdat`);
      }
      if (type === 'moof' && this.#init === undefined) {
        throw new FormatError('CMAF_NO_HEADER', type, offset, 'media came before the CMAF header (ftyp and moov)');
      }
      // Some encoders begin each media segment with ftyp where styp belongs.
      if (type === 'moof') this.#ftyp = undefined;
      return { maxBytes: MAX_STRUCTURE_BYTES };
    }
    if (this.#moof !== undefined) this.#moof.gapBytes += sizeBytes;
    return type === 'styp' ? { maxBytes: MAX_STRUCTURE_BYTES } : 'skip';
  }

  #take(type: string, offset: number, bytes: Buffer): void {
    if (type === 'ftyp') this.#ftyp = { bytes, offset };
    else if (type === 'moof') this.#moof = { bytes, offset, gapBytes: 0 };
    else if (type === 'styp') this.#sawLastSegment ||= rebased(offset, () => hasBrand(bytes, 'lmsg'));
    else if (type === 'moov') this.#takeHeader(bytes, offset);
    else this.#takeChunk(bytes);
  }

  #takeHeader(moov: Buffer, offset: number): void {
    const ftyp = this.#ftyp;
    if (ftyp === undefined) throw new FormatError('CMAF_BOX_INVALID', 'moov', offset, 'no ftyp stands before it');
    this.#ftyp = undefined;
    const init = rebased(offset - ftyp.bytes.length, () => readInit(Buffer.concat([ftyp.bytes, moov])));
    this.#init = init;
    this.#items.push({ kind: 'init', init });
  }

  #takeChunk(bytes: Buffer): void {
    const moof = this.#moof;
    const init = this.#init;
    if (moof === undefined || init === undefined) return;
    this.#moof = undefined;
    const fragment = rebased(moof.offset, () => readFragment(bytes, init, moof.gapBytes));
    if (fragment.trackId !== init.trackId) {
      const what = `track_ID ${fragment.trackId}, but the header is of track_ID ${init.trackId}`;
      throw new FormatError('CMAF_NO_HEADER', 'tfhd', moof.offset, what);
    }
    this.#items.push({ kind: 'fragment', fragment });
  }
}

/** A whole file or capture at once. Throws FormatError. */
export function readCmaf(bytes: Uint8Array): {
  readonly init: InitSegment;
  readonly fragments: readonly Fragment[];
} {
  const reader = new CmafStreamReader();
  const fragments: Fragment[] = [];
  for (const item of [...reader.push(bytes), ...reader.end()]) {
    if (item.kind === 'fault') throw item.error;
    if (item.kind === 'fragment') fragments.push(item.fragment);
  }
  if (reader.init === undefined) throw new FormatError('CMAF_NO_HEADER', 'moov', 0, 'there is no CMAF header');
  return { init: reader.init, fragments };
}

function hasBrand(box: Buffer, brand: string): boolean {
  return readBrands(box, boxAt(box, 0, box.length)).includes(brand);
}

/** Runs a reader of a part of the stream; its faults are told in offsets of the stream. */
function rebased<T>(offset: number, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof FormatError ? error.shifted(offset) : error;
  }
}
