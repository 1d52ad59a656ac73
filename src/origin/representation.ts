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

/** Cache-Control first. Surrogate-Control is what Fastly reads, and takes away at its edge; others read RFC 9213's field. */
export function cacheFields(policy: { readonly cacheControl: string; readonly cdnCacheControl: string }): HeaderList {
  const { cacheControl, cdnCacheControl } = policy;
  return ['Cache-Control', cacheControl, 'CDN-Cache-Control', cdnCacheControl, 'Surrogate-Control', cdnCacheControl];
}

/** Whose object it is: what a CDN can purge by. */
export interface Owner {
  readonly channel: string;
  readonly track: string | undefined;
}

/** `Surrogate-Key: match match/v720`: tags with blanks between; a whole Channel or one Track of it can be purged. */
export function surrogateKey({ channel, track }: Owner): HeaderList {
  return ['Surrogate-Key', track === undefined ? channel : `${channel} ${channel}/${track}`];
}

interface Parts {
  readonly kind: ObjectKind;
  readonly owner: Owner;
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
    ...surrogateKey(parts.owner),
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

/** A finished init, Segment or part; an object has one owner. */
export function ofObject(kind: ObjectKind, object: StoredObject, owner: Owner): Representation {
  const known = ofObjects.get(object);
  if (known !== undefined) return known;
  const made = represent({
    kind,
    owner,
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

/** By kind, content type and owner: as many as there are Tracks. */
const growing = new Map<string, GrowingForm>();

/**
 * The policy of the finished object, for that is what caches keep in the end; without ETag, Last-Modified, Accept-Ranges and
 * Content-Length, which need the end.
 */
export function ofGrowing(kind: ObjectKind, contentType: StoredObject['contentType'], owner: Owner): GrowingForm {
  const name = `${kind} ${contentType} ${owner.channel}/${owner.track}`;
  const known = growing.get(name);
  if (known !== undefined) return known;
  const always = [...cacheFields(cachePolicy(kind, 'ok')), ...CROSS_ORIGIN, ...surrogateKey(owner)];
  const made = { always, content: ['Content-Type', contentType] };
  growing.set(name, made);
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

/** The forms of one revision of a playlist or MPD; a revision has one owner. */
export function ofText(kind: ObjectKind, revision: TextRevision, owner: Owner): TextForms {
  let forms = ofRevisions.get(revision);
  if (forms === undefined) {
    forms = { bytes: Buffer.from(revision.text, 'utf8'), ofKind: new Map(), zipping: undefined };
    ofRevisions.set(revision, forms);
  }
  let made = forms.ofKind.get(kind);
  if (made === undefined) {
    made = textForms(kind, revision, forms, owner);
    forms.ofKind.set(kind, made);
  }
  return made;
}

function textForms(kind: ObjectKind, revision: TextRevision, forms: RevisionForms, owner: Owner): TextForms {
  const form = (bytes: Buffer, encoding: HeaderList): Representation =>
    represent({
      kind,
      owner,
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
