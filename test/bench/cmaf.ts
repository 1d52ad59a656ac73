// Microseconds to read one fragment of 200 kB (two seconds at 30 frames a second): ours beside mp4box, same bytes, same process.
// Rounds alternate between the two, so that both meet the same neighbours on the machine.
import { createFile, MP4BoxBuffer } from 'mp4box';
import { readFragment } from '../../src/cmaf/isobmff/fragment.ts';
import { CmafStreamReader, readCmaf } from '../../src/cmaf/isobmff/stream.ts';
import { restampFragment } from '../../src/cmaf/isobmff/writer.ts';
import { fragmentBytes, NON_SYNC_FLAGS, SYNC_FLAGS, samplesOf, videoInit } from '../fakes/boxes.ts';

export interface CmafBenchRow {
  readonly what: string;
  /** Microseconds per fragment: medians over the rounds. */
  readonly oursUs: number;
  readonly mp4boxUs: number | undefined;
  /** mp4box / ours: median of the rounds' ratios, and its extremes. */
  readonly ratio: number | undefined;
  readonly spread: readonly [number, number] | undefined;
}

const FRAMES = 60;
const CHUNKS = 20;
const HTTP_CHUNK_BYTES = 65_536;
/** Passes in one timing: short ones measure the garbage collector. */
const PASSES = 20;

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

function makeChunk(index: number): Buffer {
  return fragmentBytes({
    sequence: index + 1,
    decodeTicks: 1_795_000_000 * 90_000 + index * FRAMES * 3000,
    samples: samplesOf(new Array<number>(FRAMES).fill(3333)),
    defaults: { durationTicks: 3000, flags: NON_SYNC_FLAGS },
    firstSampleFlags: SYNC_FLAGS,
  });
}

function microsecondsEach(count: number, work: () => void): number {
  const start = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - start) / 1000 / count;
}

function cut(bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += HTTP_CHUNK_BYTES) pieces.push(bytes.subarray(at, at + HTTP_CHUNK_BYTES));
  return pieces;
}

function streamOurs(pieces: readonly Buffer[]): void {
  const reader = new CmafStreamReader();
  let count = 0;
  for (const piece of pieces) for (const item of reader.push(piece)) if (item.kind === 'fragment') count += 1;
  if (count !== CHUNKS) throw new Error(`${count} fragments`);
}

function streamMp4box(pieces: readonly Buffer[]): void {
  const file = createFile(false);
  let at = 0;
  for (const piece of pieces) {
    const bytes = new ArrayBuffer(piece.length);
    new Uint8Array(bytes).set(piece);
    file.appendBuffer(MP4BoxBuffer.fromArrayBuffer(bytes, at));
    at += piece.length;
  }
  if (file.getTrackSamplesInfo(1).length !== CHUNKS * FRAMES) throw new Error('mp4box lost samples');
}

/** Rows: parsing alone (the fragment is in memory), the whole way from 64 kB pieces, and restamping. */
export async function run(rounds = 5): Promise<readonly CmafBenchRow[]> {
  const init = videoInit();
  const chunks = Array.from({ length: CHUNKS }, (_, index) => makeChunk(index));
  const pieces = cut(Buffer.concat([init, ...chunks]));
  const header = readCmaf(init).init;
  const fragments = chunks.map((chunk) => readFragment(chunk, header));
  const each = (work: () => void): number =>
    microsecondsEach(CHUNKS * PASSES, () => {
      for (let pass = 0; pass < PASSES; pass++) work();
    });
  const parse = () => {
    for (const chunk of chunks) readFragment(chunk, header);
  };
  const restamp = () => {
    for (const fragment of fragments) restampFragment(fragment, { decodeTicks: 1, sequence: 1 });
  };
  const rows = { parse: [] as number[], stream: [] as number[], mp4box: [] as number[], restamp: [] as number[] };
  for (let round = -1; round < rounds; round++) {
    const figures = {
      parse: each(parse),
      stream: each(() => streamOurs(pieces)),
      mp4box: each(() => streamMp4box(pieces)),
      restamp: each(restamp),
    };
    // The first round warms both up.
    if (round < 0) continue;
    for (const [name, list] of Object.entries(rows)) list.push(figures[name as keyof typeof figures]);
  }
  const ratios = rows.mp4box.map((us, index) => us / (rows.stream[index] ?? Number.NaN));
  const alone = { mp4boxUs: undefined, ratio: undefined, spread: undefined };
  const result: CmafBenchRow[] = [
    { what: 'read one 200 kB fragment that is in memory', oursUs: median(rows.parse), ...alone },
    {
      what: 'from 64 kB pieces to fragments',
      oursUs: median(rows.stream),
      mp4boxUs: median(rows.mp4box),
      ratio: median(ratios),
      spread: [Math.min(...ratios), Math.max(...ratios)],
    },
    { what: 'restamp (copy)', oursUs: median(rows.restamp), ...alone },
  ];
  for (const row of result) {
    const beside =
      row.ratio === undefined ? '' : `, mp4box ${row.mp4boxUs?.toFixed(1)} us: ${row.ratio.toFixed(1)} times as long`;
    console.log(`${row.what}: ${row.oursUs.toFixed(1)} us${beside}`);
  }
  return result;
}
