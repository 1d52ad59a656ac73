/**
 * A slate as one run of bytes, and back: what its encoder posted, with a hash over all of it.
 * It never reads a file. Invariant: bytes that were changed, cut or made by another version give nothing, never another slate.
 */
import { createHash } from 'node:crypto';
import { readFragment } from '../cmaf/isobmff/fragment.ts';
import type { InitSegment } from '../cmaf/isobmff/model.ts';
import type { Grid } from './grid.ts';
import { makeSlate, type Slate, type SlateInput } from './slate.ts';

/** First line: what it is, its version, SHA-256 of the rest in hex. Then the length of a JSON text, the text, and all Fragments. */
const MAGIC = 'pitchside-slate 1';
const HASH_HEX = 64;
const PREFIX_BYTES = MAGIC.length + 1 + HASH_HEX + 1;

interface TrackText {
  readonly id: string;
  readonly frameTicks?: number | undefined;
  readonly init: Omit<InitSegment, 'bytes'> & { readonly base64: string };
  readonly fragmentBytes: readonly number[];
}

interface SlateText {
  readonly grid: Grid;
  readonly tracks: readonly TrackText[];
}

export function slateBytes(grid: Grid, inputs: readonly SlateInput[]): Buffer {
  const tracks = inputs.map(({ id, frameTicks, init: { bytes, ...init }, fragments }): TrackText => {
    const fragmentBytes = fragments.map((fragment) => fragment.bytes.length);
    return { id, frameTicks, init: { ...init, base64: bytes.toString('base64') }, fragmentBytes };
  });
  const text = Buffer.from(JSON.stringify({ grid, tracks } satisfies SlateText));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  const rest = [length, text, ...inputs.flatMap(({ fragments }) => fragments.map(({ bytes }) => bytes))];
  return Buffer.concat([Buffer.from(`${MAGIC} ${hashOf(rest)}\n`), ...rest]);
}

export function slateOfBytes(bytes: Buffer): Slate | undefined {
  const rest = bytes.subarray(PREFIX_BYTES);
  if (bytes.subarray(0, PREFIX_BYTES).toString('latin1') !== `${MAGIC} ${hashOf([rest])}\n`) return undefined;
  try {
    // The hash says that it is what this version wrote.
    const textEnd = 4 + rest.readUInt32BE(0);
    const { grid, tracks } = JSON.parse(rest.toString('utf8', 4, textEnd)) as SlateText;
    const result = makeSlate(grid, inputsOf(tracks, rest.subarray(textEnd)));
    return result.kind === 'ok' ? result.slate : undefined;
  } catch {
    // Nothing but another slate is lost by encoding it again.
    return undefined;
  }
}

function inputsOf(tracks: readonly TrackText[], bytes: Buffer): SlateInput[] {
  let at = 0;
  return tracks.map(({ id, frameTicks, init: { base64, ...facts }, fragmentBytes }) => {
    const init = { ...facts, bytes: Buffer.from(base64, 'base64') };
    const fragments = fragmentBytes.map((size) => {
      at += size;
      return readFragment(bytes.subarray(at - size, at), init);
    });
    return { id, init, frameTicks, fragments };
  });
}

function hashOf(parts: readonly Buffer[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
