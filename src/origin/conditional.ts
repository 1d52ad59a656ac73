/**
 * Preconditions, ranges and content negotiation of RFC 9110 as pure functions over header values.
 * It never sees a socket or a body. Invariant: what a client says can only select 200, 206, 304, 412 or 416; anything
 * that cannot be read is ignored, as the clauses ask.
 */

export interface RequestFields {
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
  readonly ifModifiedSince: string | undefined;
  readonly ifUnmodifiedSince: string | undefined;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
}

/** The chosen representation. */
export interface Validators {
  /** Strong, with quotes; undefined while the object grows: then no tag of a client matches. */
  readonly etag: string | undefined;
  /** Whole seconds since 1970; undefined when a second is too coarse to tell two revisions apart. */
  readonly lastModifiedSeconds: number | undefined;
  readonly length: number;
  /** Ranges are served of finished objects only. */
  readonly ranges: boolean;
}

export type Selection =
  | { readonly kind: 'whole' }
  /** Offsets of the first and of the last byte. */
  | { readonly kind: 'range'; readonly first: number; readonly last: number }
  | { readonly kind: 'not-modified' }
  | { readonly kind: 'precondition-failed' }
  | { readonly kind: 'unsatisfiable' };

const WHOLE: Selection = { kind: 'whole' };

/** The order of RFC 9110 13.2.2. isGet is false for HEAD: Range is defined for GET only (14.2). */
export function select(fields: RequestFields, validators: Validators, isGet: boolean): Selection {
  if (fails(fields, validators)) return { kind: 'precondition-failed' };
  if (isUnchanged(fields, validators)) return { kind: 'not-modified' };
  if (!isGet || !validators.ranges || fields.range === undefined) return WHOLE;
  if (fields.ifRange !== undefined && !holds(fields.ifRange, validators)) return WHOLE;
  return selectRange(fields.range, validators.length);
}

/** If-Match by strong comparison, else If-Unmodified-Since (RFC 9110 13.1.1, 13.1.4). */
function fails(fields: RequestFields, { etag, lastModifiedSeconds }: Validators): boolean {
  if (fields.ifMatch !== undefined) {
    return fields.ifMatch.trim() !== '*' && !entityTags(fields.ifMatch).some((tag) => tag === etag);
  }
  if (fields.ifUnmodifiedSince === undefined || lastModifiedSeconds === undefined) return false;
  const since = secondsOf(fields.ifUnmodifiedSince);
  return since !== undefined && lastModifiedSeconds > since;
}

/** If-None-Match by weak comparison; If-Modified-Since only without it (RFC 9110 13.1.2, 13.1.3). */
function isUnchanged(fields: RequestFields, { etag, lastModifiedSeconds }: Validators): boolean {
  if (fields.ifNoneMatch !== undefined) {
    // What caches send: one tag as they were given it.
    if (fields.ifNoneMatch === etag || fields.ifNoneMatch.trim() === '*') return true;
    return entityTags(fields.ifNoneMatch).some((tag) => tag === etag || tag === `W/${etag}`);
  }
  if (fields.ifModifiedSince === undefined || lastModifiedSeconds === undefined) return false;
  const since = secondsOf(fields.ifModifiedSince);
  return since !== undefined && lastModifiedSeconds <= since;
}

/** If-Range (RFC 9110 13.1.5): a strong tag, or exactly the date we sent; our ranged objects never change within it. */
function holds(ifRange: string, { etag, lastModifiedSeconds }: Validators): boolean {
  const value = ifRange.trim();
  if (value.startsWith('"') || value.startsWith('W/')) return value === etag;
  return lastModifiedSeconds !== undefined && secondsOf(value) === lastModifiedSeconds;
}

/** Tags of a list; a comma within quotes is part of the tag (RFC 9110 8.8.3). */
function entityTags(list: string): readonly string[] {
  return list.match(/(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g) ?? [];
}

/** An HTTP-date in any of its three forms (RFC 9110 5.6.7), or undefined. */
function secondsOf(date: string): number | undefined {
  if (!/^[A-Z][a-z]{2}/.test(date.trim())) return undefined;
  const ms = Date.parse(date);
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1000);
}

/**
 * One byte range (RFC 9110 14.1.2). Other units, broken ranges and several ranges are ignored, as 14.2 allows:
 * no player asks for multipart/byteranges.
 */
function selectRange(range: string, length: number): Selection {
  const match = /^bytes=[ \t]*([0-9]{0,16})-([0-9]{0,16})[ \t]*$/i.exec(range.trim());
  const from = match?.[1] ?? '';
  const to = match?.[2] ?? '';
  if (from === '' && to === '') return WHOLE;
  if (from === '') {
    const wanted = Number(to);
    if (wanted === 0 || length === 0) return { kind: 'unsatisfiable' };
    return {
      kind: 'range',
      first: Math.max(0, length - wanted),
      last: length - 1,
    };
  }
  const first = Number(from);
  const last = to === '' ? length - 1 : Math.min(Number(to), length - 1);
  if (to !== '' && Number(to) < first) return WHOLE;
  return first >= length ? { kind: 'unsatisfiable' } : { kind: 'range', first, last };
}

/** Whether the client prefers gzip to the plain form (RFC 9110 12.5.3); `gzip;q=0` and `*;q=0` refuse it. */
export function prefersGzip(acceptEncoding: string | undefined): boolean {
  if (acceptEncoding === undefined || acceptEncoding === '') return false;
  if (acceptEncoding === 'gzip') return true;
  const weights = new Map<string, number>();
  for (const item of acceptEncoding.toLowerCase().split(',')) {
    const [coding = '', ...parameters] = item.split(';').map((part) => part.trim());
    if (coding !== '') weights.set(coding, weightOf(parameters));
  }
  const gzip = weights.get('gzip') ?? weights.get('x-gzip') ?? weights.get('*') ?? 0;
  return gzip > 0 && gzip >= (weights.get('identity') ?? 0);
}

function weightOf(parameters: readonly string[]): number {
  const weight = parameters.find((parameter) => parameter.startsWith('q='));
  if (weight === undefined) return 1;
  const value = Number(weight.slice(2));
  return value >= 0 && value <= 1 ? value : 0;
}
