// Microseconds to read one fragment of 200 kB (two seconds at 30 frames a second): ours beside mp4box, same bytes, same process.
// Rounds alternate between the two, so that both meet the same neighbours on the machine.
import { createFile, MP4BoxBuffer } from 'mp4box';
import { readFragment } from '../../src/cmaf/isobmff/fragment.ts';
import { CmafStreamReader, readCmaf } from '../../src/cmaf/isobmff/stream.ts';
import { restampFragment } from '../../src/cmaf/isobmff/writer.ts';
import { fragmentBytes, NON_SYNC_FLAGS, SYNC_FLAGS, samplesOf, videoInit } from '../fakes/boxes.ts';
import { type BenchLine, lineOf, median } from './line.ts';

const FRAMES = 60;
const CHUNKS = 20;
const HTTP_CHUNK_BYTES = 65_536;
/** Passes in one timing: short ones measure the garbage collector. */
const PASSES = 20;
/** Before those that count, until the code of both is compiled. */
const WARM_ROUNDS = 4;

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

/** Lines: parsing alone (the fragment is in memory), the whole way from 64 kB pieces, and restamping. */
export async function run(rounds: number): Promise<readonly BenchLine[]> {
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
  for (let round = -WARM_ROUNDS; round < rounds; round++) {
    const figures = {
      parse: each(parse),
      stream: each(() => streamOurs(pieces)),
      mp4box: each(() => streamMp4box(pieces)),
      restamp: each(restamp),
    };
    if (round < 0) continue;
    for (const [name, list] of Object.entries(rows)) list.push(figures[name as keyof typeof figures]);
  }
  const ratios = rows.mp4box.map((us, index) => us / (rows.stream[index] ?? Number.NaN));
  const beside = `mp4box ${median(rows.mp4box).toFixed(1)} us: ${median(ratios).toFixed(1)} times as long (${Math.min(...ratios).toFixed(1)} to ${Math.max(...ratios).toFixed(1)})`;
  return [
    lineOf({ what: 'fragment of 200 kB, in memory: read', unit: 'us', below: 10 }, rows.parse),
    lineOf({ what: '  from pieces of 64 kB, one copy of all bytes included', unit: 'us', note: beside }, rows.stream),
    lineOf({ what: '  restamp, one copy of all bytes included', unit: 'us' }, rows.restamp),
  ];
}
