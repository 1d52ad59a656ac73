/**
 * The contract of the time-shift window's bytes and of the journal. Memory and disk fulfil the same suite.
 * It never knows manifests. Invariant: bytes stored under a key are final: a key is put once and never changes.
 */

/** A finished object as the origin serves it. */
export interface StoredObject {
  readonly bytes: Buffer;
  /** Strong validator with quotes, made of the content when it was published. */
  readonly etag: string;
  readonly contentType: string;
  /** UTC ms of publication. */
  readonly publishedMs: number;
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
  readonly bytes: number;
  readonly segments: number;
}

/** What must survive a restart. In memory for now; a start without a readable journal is a new incarnation. */
export interface Journal {
  /** Random per life of the journal; part of every GEN. */
  readonly incarnation: string;
  /** Notes that number's first byte may now be served. False when it was begun before: it must not be made again. */
  begin(gen: string, number: number): boolean;
  lastBegun(gen: string): number | undefined;
  /** No Period will ever have this GEN again: it may be forgotten. */
  retire(gen: string): void;
}
