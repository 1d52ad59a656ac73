/**
 * The contract of the time-shift window's bytes and of its journal. Memory and disk fulfil the same suite.
 * It never knows manifests. Invariant: bytes stored under a key are final: a key is put once and never changes.
 */
import type { ErrorCode } from '../system/errors.ts';

interface ObjectFacts {
  /** Strong validator with quotes, made of the content when it was published. */
  readonly etag: string;
  readonly contentType: string;
  /** UTC ms of publication. */
  readonly publishedMs: number;
}

export interface MemoryObject extends ObjectFacts {
  readonly bytes: Buffer;
  readonly file?: undefined;
}

/** A stretch of a file. The file may go while it is not open: then the object has left the window. */
export interface FileRange {
  readonly path: string;
  readonly offset: number;
  readonly sizeBytes: number;
}

export interface FileObject extends ObjectFacts {
  readonly bytes?: undefined;
  readonly file: FileRange;
}

/** A finished object as the origin serves it: of the newest the bytes, of the long window where they are on the disk. */
export type StoredObject = MemoryObject | FileObject;

export function sizeOf(object: StoredObject): number {
  return object.bytes?.length ?? object.file?.sizeBytes ?? 0;
}

export interface SegmentKey {
  readonly track: string;
  readonly gen: string;
  readonly number: number;
}

export interface SegmentInput {
  readonly key: SegmentKey;
  readonly parts: readonly Buffer[];
  readonly contentType: string;
  readonly publishedMs: number;
}

export interface WindowStore {
  putInit(
    track: string,
    gen: string,
    hash: string,
    init: { bytes: Buffer; contentType: string; publishedMs: number },
  ): void;
  init(track: string, gen: string, hash: string): StoredObject | undefined;
  /** A finished Segment: its parts in order. A second put of a key throws: one URL never has two bodies. */
  putSegment(segment: SegmentInput): StoredObject;
  putPart(key: SegmentKey, part: number, object: { bytes: Buffer; contentType: string; publishedMs: number }): void;
  segment(key: SegmentKey): StoredObject | undefined;
  part(key: SegmentKey, part: number): StoredObject | undefined;
  /** Forgets every Segment and part of gen below number, and inits that no kept gen uses. */
  evictBelow(gen: string, number: number): void;
  forgetGeneration(gen: string): void;
  /**
   * Numbers below this one may be missing: they went for want of room, or with a disk that is gone. 0 while nothing did. It never
   * falls; numbers rise from one generation to the next, so one says it for all.
   */
  readonly heldFrom: number;
  readonly bytes: number;
  readonly segments: number;
}

/** What must survive a restart: what was begun under which GEN, and the timeline's own entries. */
export interface Journal<Entry = unknown> {
  /**
   * Random; part of every GEN. It changes while the service runs when begin() was refused because nothing can be noted: what is
   * made from then on must be made under the new one.
   */
  readonly incarnation: string;
  /** Notes that number's first byte may now be served. False: not under this GEN; it was begun before, or it cannot be made safe. */
  begin(gen: string, number: number): boolean;
  lastBegun(gen: string): number | undefined;
  /** No Period will ever have this GEN again: it may be forgotten. */
  retire(gen: string): void;
  /** Notes an entry: JSON data that is never changed afterwards. A start gets all of them back, in order. */
  note(entry: Entry): void;
}

/** What the window's disk is like, for health, metrics and the console. */
export interface DiskHealth {
  readonly state: DiskState;
}

export type DiskState =
  /** `none`: nothing is kept (`--data none`). */
  | { readonly kind: 'none' }
  | { readonly kind: 'ok' }
  /** Live goes on from memory; what a restart can restore ends at sinceMs (UTC ms). */
  | { readonly kind: 'degraded'; readonly code: DiskFaultCode; readonly message: string; readonly sinceMs: number };

export type DiskFaultCode = Extract<ErrorCode, `DISK_${string}`>;
