/**
 * What is wrong with received bytes, in words that name the box and the byte.
 * It never names a Channel or a request; those who know them add them.
 * Invariant: `offset` counts from the first byte the reader was given.
 */

/** The subset of the service's codes that bytes alone can deserve. */
export type FormatErrorCode =
  | 'CMAF_BOX_INVALID'
  | 'CMAF_BOX_TRUNCATED'
  | 'CMAF_TOO_LARGE'
  | 'CMAF_UNSUPPORTED'
  | 'CMAF_NO_HEADER';

export class FormatError extends Error {
  override readonly name: string = 'FormatError';
  readonly code: FormatErrorCode;
  /** Four-character code of the box at fault. */
  readonly box: string;
  /** Byte where that box (or its field) begins. */
  readonly offset: number;
  /** The fault without the place. */
  readonly what: string;

  constructor(code: FormatErrorCode, box: string, offset: number, what: string) {
    super(`${box} at byte ${offset}: ${what}`);
    this.code = code;
    this.box = box;
    this.offset = offset;
    this.what = what;
  }

  /** The same fault seen from a reader whose bytes begin `byBytes` earlier. */
  shifted(byBytes: number): FormatError {
    return new FormatError(this.code, this.box, this.offset + byBytes, this.what);
  }
}
