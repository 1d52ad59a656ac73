/**
 * Ladder files: text in, a checked Ladder out, or all problems at once.
 * The shape is ladder-schema.ts's; here is what the values mean together (order, rates, buffers, ids, even sides).
 * It reads no file and never throws. Invariant: the same text always gives the same Ladder.
 */
import { basename } from 'node:path';
import {
  type LadderAudioFile,
  type LadderVideoFile,
  ladderAudioSchema,
  ladderSchema,
  ladderVideoSchema,
} from './ladder-schema.ts';
import type { Ladder, LadderVideo } from './model.ts';
import { commonCode, formatProblem, formatProblems, type Problem, type ProblemCode } from './problem.ts';
import { formatBits } from './quantities.ts';
import { checkShape } from './shape.ts';
import { readYaml, type YamlPath, type YamlSource } from './yaml-source.ts';

export type LadderReading =
  | {
      readonly kind: 'ok';
      readonly ladder: Ladder;
      /** What was taken otherwise than written, and why: `file:line:column path: ...`. */
      readonly notes: readonly string[];
    }
  | {
      readonly kind: 'bad';
      readonly code: ProblemCode;
      readonly problems: readonly string[];
    };

/** A ladder of ten rungs with a comment for each number has 5 kB. */
export const MAX_LADDER_BYTES = 64_000;

/** Default maxrate: Apple's HLS authoring rule 1.28 gives live content 110 % of AVERAGE-BANDWIDTH; 3 % are for the container. */
const MAXRATE_PER_BITRATE = 1.07;
/** Default buffer: one second is what a player holds at the least, and bounds a 2 s segment to 1.5 x maxrate. */
const BUFFER_SECONDS = 1;
const MOST_MAXRATE_PER_BITRATE = 2;
/** Below a quarter of a second an I-frame does not fit; above four the peak of a segment means nothing to a player. */
const BUFFER_SECONDS_RANGE = [0.25, 4] as const;

const LATER_VIDEO_CODECS = ['hevc', 'h265', 'av1', 'vp9'];
const LATER_AUDIO_CODECS = ['opus', 'ac3', 'eac3', 'he-aac', 'copy'];

/** `file` is what problems call it; `name` its base name unless given. */
export function parseLadder(text: string, file: string, name = basename(file).replace(/\.ya?ml$/i, '')): LadderReading {
  const reading = readYaml(text, file, {
    code: 'LADDER_INVALID',
    maxBytes: MAX_LADDER_BYTES,
    example: '`video:` and a list of renditions',
  });
  if (reading.kind === 'bad') return bad(reading.problems);
  const { source } = reading;
  const shape = checkShape(ladderSchema, source, source.value, {
    notYet,
    secret: () => false,
  });
  const video = entriesOf(source.value, 'video', (item) => ladderVideoSchema.safeParse(item).data);
  const audio = entriesOf(source.value, 'audio', (item) => ladderAudioSchema.safeParse(item).data);
  const meaning = [
    ...idProblems(source, video.length, audio.length),
    ...video.flatMap((rung, index) => (rung === undefined ? [] : rungProblems(source, index, rung))),
    ...orderProblems(source, video),
    ...copyProblems(source, video),
    ...audioNameProblems(source, audio),
  ];
  if (shape.kind === 'bad') return bad([...shape.problems, ...meaning]);
  if (meaning.length > 0) return bad(meaning);
  const { segment, frameRate } = shape.value;
  const ladder: Ladder = {
    name,
    segmentSeconds: segment.duration,
    frameRate,
    video: shape.value.video.map(rungOf),
    audio: shape.value.audio.map(({ bitrate, ...rest }) => ({
      ...rest,
      name: rest.name ?? rest.id,
      bitrateBps: bitrate,
    })),
  };
  return { kind: 'ok', ladder, notes: oddSideNotes(source, shape.value.video) };
}

function bad(problems: readonly Problem[]): LadderReading {
  const code = commonCode(problems);
  return {
    kind: 'bad',
    code: code === 'CONFIG_INVALID' ? 'LADDER_INVALID' : code,
    problems: formatProblems(problems),
  };
}

function rungOf({ bitrate, maxrate, buffer, height, width, ...rest }: LadderVideoFile): LadderVideo {
  const maxrateBps = maxrate ?? Math.round(bitrate * MAXRATE_PER_BITRATE);
  return {
    ...rest,
    height: height === undefined ? undefined : evenSide(height),
    width: width === undefined ? undefined : evenSide(width),
    bitrateBps: bitrate,
    maxrateBps,
    bufferBits: buffer ?? Math.round(maxrateBps * BUFFER_SECONDS),
  };
}

/** Down, so that a rung is never larger than written. */
function evenSide(pixels: number): number {
  return pixels - (pixels % 2);
}

function oddSideNotes(source: YamlSource, video: readonly LadderVideoFile[]): string[] {
  return video.flatMap((rung, index) =>
    (['height', 'width'] as const).flatMap((key) => {
      const pixels = rung[key];
      if (pixels === undefined || pixels % 2 === 0) return [];
      const text = `${pixels} is odd; ${evenSide(pixels)} is used, because chroma is kept for every second line and column (4:2:0)`;
      return [formatProblem(source.problem(['video', index, key], text))];
    }),
  );
}

/** The list at `key`, each entry read alone: one bad rung must not hide what is wrong between the others. */
function entriesOf<T>(value: unknown, key: string, read: (item: unknown) => T): T[] {
  const list = recordOf(value)[key];
  return Array.isArray(list) ? list.slice(0, 100).map(read) : [];
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function idProblems(source: YamlSource, videos: number, audios: number): Problem[] {
  const seen = new Set<string>();
  const paths: YamlPath[] = [
    ...Array.from({ length: videos }, (_, index) => ['video', index, 'id']),
    ...Array.from({ length: audios }, (_, index) => ['audio', index, 'id']),
  ];
  return paths.flatMap((path) => {
    const [list, index] = path;
    const entries = recordOf(source.value)[String(list)];
    const { id } = recordOf(Array.isArray(entries) ? entries[Number(index)] : undefined);
    if (typeof id !== 'string') return [];
    if (seen.has(id)) return [source.problem(path, 'this id is given twice; every rendition, sound too, has its own')];
    seen.add(id);
    return [];
  });
}

function rungProblems(source: YamlSource, index: number, rung: LadderVideoFile): Problem[] {
  const at: YamlPath = ['video', index];
  const problems: Problem[] = [];
  const { bitrate, buffer, height, width } = rung;
  if (height === undefined && width === undefined && rung.copy === undefined)
    problems.push(source.problem(at, 'neither height nor width is given; give one, for example height: 720'));
  if (height !== undefined && width !== undefined)
    problems.push(source.problem([...at, 'width'], 'both height and width are given; keep one, the other follows'));
  const maxrate = rung.maxrate ?? Math.round(bitrate * MAXRATE_PER_BITRATE);
  if (maxrate < bitrate)
    problems.push(
      source.problem(
        [...at, 'maxrate'],
        `${formatBits(maxrate)} is below the bitrate; give ${formatBits(bitrate)} or more, or leave it out for ${formatBits(bitrate * MAXRATE_PER_BITRATE)}`,
      ),
    );
  if (maxrate > bitrate * MOST_MAXRATE_PER_BITRATE)
    problems.push(
      source.problem(
        [...at, 'maxrate'],
        `${formatBits(maxrate)} is more than twice the bitrate; players would choose by a rate that is seldom there; give at most ${formatBits(bitrate * MOST_MAXRATE_PER_BITRATE)}`,
      ),
    );
  const [least, most] = BUFFER_SECONDS_RANGE;
  if (buffer !== undefined && (buffer < maxrate * least || buffer > maxrate * most))
    problems.push(
      source.problem(
        [...at, 'buffer'],
        `${formatBits(buffer)} is ${Math.round((buffer / maxrate) * 100) / 100} s of maxrate; give ${least} to ${most} s, that is ${formatBits(maxrate * least)} to ${formatBits(maxrate * most)}, or leave it out for 1 s`,
      ),
    );
  return problems;
}

/** What an encoder would be told and a copy cannot do. */
const ENCODED_ONLY = ['height', 'width', 'frameRate', 'codec', 'profile', 'preset'];

function copyProblems(source: YamlSource, video: readonly (LadderVideoFile | undefined)[]): Problem[] {
  const list = recordOf(source.value)['video'];
  const copies = video.flatMap((rung, index) => (rung?.copy === true ? [index] : []));
  const first = copies[0];
  if (first === undefined) return [];
  const problems = copies.flatMap((index) => {
    const written = recordOf(Array.isArray(list) ? list[index] : undefined);
    return ENCODED_ONLY.filter((key) => Object.hasOwn(written, key)).map((key) =>
      source.problem(['video', index, key], `${key} of a copy is the feed's own; leave it out, or leave copy out`),
    );
  });
  for (const index of copies.slice(1))
    problems.push(source.problem(['video', index, 'copy'], 'the feed is copied already; keep one copy'));
  if (video.every((rung) => rung?.copy === true))
    problems.push(
      source.problem(
        ['video', first, 'copy'],
        'there is nothing but the copy; add an encoded rendition, for example { id: 360p, height: 360, bitrate: 700k }',
      ),
    );
  return problems;
}

function orderProblems(source: YamlSource, video: readonly (LadderVideoFile | undefined)[]): Problem[] {
  return video.flatMap((rung, index) => {
    const above = video[index - 1];
    if (rung === undefined || above === undefined) return [];
    if (rung.bitrate >= above.bitrate)
      return [
        source.problem(
          ['video', index, 'bitrate'],
          `${formatBits(rung.bitrate)} is not below the ${formatBits(above.bitrate)} of ${above.id} above it; order renditions from the highest bitrate to the lowest`,
        ),
      ];
    const key = rung.height === undefined ? 'width' : 'height';
    const taller = (rung[key] ?? 0) > (above[key] ?? Number.POSITIVE_INFINITY);
    if (!taller) return [];
    return [
      source.problem(
        ['video', index, key],
        `a larger picture than ${above.id} at a lower bitrate; let ${key} fall with the bitrate`,
      ),
    ];
  });
}

/** RFC 8216 4.3.4.1.1: all EXT-X-MEDIA tags in the same Group MUST have different NAME attributes. */
function audioNameProblems(source: YamlSource, audio: readonly (LadderAudioFile | undefined)[]): Problem[] {
  const seen = new Set<string>();
  return audio.flatMap((rendition, index) => {
    if (rendition === undefined) return [];
    const name = rendition.name ?? rendition.id;
    if (seen.has(name))
      return [source.problem(['audio', index, 'name'], 'this name is given twice; players need different names')];
    seen.add(name);
    return [];
  });
}

function notYet(path: YamlPath, value: unknown): string | undefined {
  const [list, , key] = path;
  if (key === 'codec' && list === 'video' && LATER_VIDEO_CODECS.includes(String(value)))
    return `not yet: video codec ${String(value)}; today it is h264`;
  if (key === 'codec' && list === 'audio' && LATER_AUDIO_CODECS.includes(String(value)))
    return `not yet: audio codec ${String(value)}; today it is aac`;
  return undefined;
}
