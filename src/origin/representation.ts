/**
 * What can be sent of a finished object or a text revision: bytes, validators and header fields made once and kept by
 * identity. It never sees a request. Invariant: a strong ETag stands for one sequence of bytes (RFC 9110 8.8.3), so the
 * gzip form of a text has its own, and each revision is compressed at most once, when first asked for.
 */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { TextRevision } from '../channel/view.ts';
import { contentHash } from '../system/ids.ts';
import { type FileRange, type StoredObject, sizeOf } from '../window/model.ts';
import { cachePolicy, type ObjectKind } from './cache-policy.ts';
import type { Validators } from './conditional.ts';

/** Names and values in turn, as response.writeHead takes them. */
export type HeaderList = readonly string[];

/** Where the bytes of a body are. */
export type Content = Buffer | FileRange;

export interface Representation {
  readonly body: Content;
  readonly validators: Validators;
  /** What every answer about it says: 200, 206, 304 alike (RFC 9110 15.4.5). */
  readonly always: HeaderList;
  /** Content-Type and what else describes the body, without its length. */
  readonly content: HeaderList;
  /** All fields of the 200. */
  readonly whole: HeaderList;
}

/** On every answer of any status: players read from other sites, errors included (Fetch: CORS protocol). */
export const CROSS_ORIGIN: HeaderList = [
  'Access-Control-Allow-Origin',
  '*',
  'Access-Control-Expose-Headers',
  'Date, Age, Content-Length, Content-Range, ETag, Retry-After, Cache-Status, Server-Timing, CMSD-Static, CMSD-Dynamic',
  'Timing-Allow-Origin',
  '*',
  'Cross-Origin-Resource-Policy',
  'cross-origin',
  'X-Content-Type-Options',
  'nosniff',
];

export function cacheFields(policy: { readonly cacheControl: string; readonly cdnCacheControl: string }): HeaderList {
  return ['Cache-Control', policy.cacheControl, 'CDN-Cache-Control', policy.cdnCacheControl];
}

interface Parts {
  readonly kind: ObjectKind;
  readonly body: Content;
  readonly length: number;
  readonly etag: string;
  readonly changedMs: number;
  readonly ranges: boolean;
  readonly vary: HeaderList;
  readonly content: HeaderList;
}

function represent(parts: Parts): Representation {
  const { body, length, etag, changedMs, ranges, vary } = parts;
  const always = [
    ...cacheFields(cachePolicy(parts.kind, 'ok')),
    ...CROSS_ORIGIN,
    'ETag',
    etag,
    'Last-Modified',
    new Date(changedMs).toUTCString(),
    ...vary,
  ];
  const content = ranges ? [...parts.content, 'Accept-Ranges', 'bytes'] : parts.content;
  return {
    body,
    // Texts may change twice within a second: for them a date proves nothing (RFC 9110 8.8.2.2), the ETag does.
    validators: {
      etag,
      lastModifiedSeconds: ranges ? Math.floor(changedMs / 1000) : undefined,
      length,
      ranges,
    },
    always,
    content,
    whole: [...always, ...content, 'Content-Length', String(length)],
  };
}

const ofObjects = new WeakMap<StoredObject, Representation>();

/** A finished init, Segment or part. */
export function ofObject(kind: ObjectKind, object: StoredObject): Representation {
  const known = ofObjects.get(object);
  if (known !== undefined) return known;
  const made = represent({
    kind,
    body: object.bytes ?? object.file,
    length: sizeOf(object),
    etag: object.etag,
    changedMs: object.publishedMs,
    ranges: true,
    vary: [],
    content: ['Content-Type', object.contentType],
  });
  ofObjects.set(object, made);
  return made;
}

/** A Segment that is still growing: what is known of its answer before its length and content are. */
export interface GrowingForm {
  /** What a 304 and a 200 have in common. */
  readonly always: HeaderList;
  readonly content: HeaderList;
}

const growing = new Map<string, GrowingForm>();

/**
 * The policy of the finished object, for that is what caches keep in the end; without ETag, Last-Modified, Accept-Ranges and
 * Content-Length, which need the end.
 */
export function ofGrowing(kind: ObjectKind, contentType: StoredObject['contentType']): GrowingForm {
  const known = growing.get(`${kind} ${contentType}`);
  if (known !== undefined) return known;
  const always = [...cacheFields(cachePolicy(kind, 'ok')), ...CROSS_ORIGIN];
  const made = { always, content: ['Content-Type', contentType] };
  growing.set(`${kind} ${contentType}`, made);
  return made;
}

export interface TextForms {
  readonly plain: Representation;
  /** The gzip form once it is made. */
  readonly gzipped: Representation | undefined;
  /** Makes the gzip form; all who ask share one promise. */
  gzip(): Promise<Representation>;
}

const compress = promisify(gzip);

/** One revision of a text, compressed at most once for all kinds of answers that it is. */
interface RevisionForms {
  readonly bytes: Buffer;
  readonly ofKind: Map<ObjectKind, TextForms>;
  zipping: Promise<Buffer> | undefined;
}
const ofRevisions = new WeakMap<TextRevision, RevisionForms>();

/** The forms of one revision of a playlist or MPD. */
export function ofText(kind: ObjectKind, revision: TextRevision): TextForms {
  let forms = ofRevisions.get(revision);
  if (forms === undefined) {
    forms = { bytes: Buffer.from(revision.text, 'utf8'), ofKind: new Map(), zipping: undefined };
    ofRevisions.set(revision, forms);
  }
  let made = forms.ofKind.get(kind);
  if (made === undefined) {
    made = textForms(kind, revision, forms);
    forms.ofKind.set(kind, made);
  }
  return made;
}

function textForms(kind: ObjectKind, revision: TextRevision, forms: RevisionForms): TextForms {
  const form = (bytes: Buffer, encoding: HeaderList): Representation =>
    represent({
      kind,
      body: bytes,
      length: bytes.length,
      etag: `"${contentHash([bytes], 24)}"`,
      changedMs: revision.changedMs,
      ranges: false,
      vary: ['Vary', 'Accept-Encoding'],
      content: ['Content-Type', revision.contentType, ...encoding],
    });
  const plain = form(forms.bytes, []);
  let gzipped: Representation | undefined;
  let making: Promise<Representation> | undefined;
  return {
    plain,
    get gzipped() {
      return gzipped;
    },
    gzip() {
      forms.zipping ??= compress(forms.bytes);
      making ??= forms.zipping.then((bytes) => {
        gzipped = form(bytes, ['Content-Encoding', 'gzip']);
        return gzipped;
      });
      return making;
    },
  };
}
