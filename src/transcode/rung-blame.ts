/**
 * Which of its outputs ended an ffmpeg, by its last words (5.1 to 7: the URL, `output stream #1:0`, `[out#1/mp4 @ ...]`).
 * It never guesses: words about several outputs, or about none, blame nobody.
 */

/** The outputs of a command in its order: a Track and where it is posted to. */
export interface BlamedOutput {
  readonly track: string;
  readonly url: string;
}

export interface Blame {
  readonly track: string;
  /** The line that says it. */
  readonly line: string;
}

/** Warnings name outputs as well (`Non-monotonous DTS in output stream 0:0`): only words of failure count. */
const FAILURE = /error|fail|could not|cannot|unable|invalid|broken pipe|refused|reset by peer|no space/i;
const INDEXED = [
  // ffmpeg 5.1: `Error initializing output stream 1:0 -- Error while opening encoder for output stream #1:0 - maybe ...`
  /output stream #?(\d+):\d+/i,
  // ffmpeg 5.1: `Could not write header for output file #1 (incorrect codec parameters ?)`
  /output file #?(\d+)/i,
  // ffmpeg 6 and 7: `[out#1/mp4 @ 0x55...] Error muxing a packet`, `[vost#1:0/libx264 @ 0x55...] Error while opening encoder`
  /^\[(?:out|[vas]ost)#(\d+)/i,
];

export function blameOf(lines: readonly string[], outputs: readonly BlamedOutput[]): Blame | undefined {
  const blames = lines.flatMap((line) => blameOfLine(line, outputs) ?? []);
  const [first] = blames;
  return first !== undefined && blames.every(({ track }) => track === first.track) ? first : undefined;
}

function blameOfLine(line: string, outputs: readonly BlamedOutput[]): Blame | undefined {
  if (!FAILURE.test(line)) return undefined;
  const output = outputs.find(({ url }) => names(line, url)) ?? outputs[indexIn(line) ?? -1];
  return output === undefined ? undefined : { track: output.track, line };
}

/** `.../720p` is not named by `.../720p-low`. */
function names(line: string, url: string): boolean {
  const at = line.indexOf(url);
  return at >= 0 && !/[\w-]/.test(line.charAt(at + url.length));
}

function indexIn(line: string): number | undefined {
  for (const pattern of INDEXED) {
    const index = pattern.exec(line)?.[1];
    if (index !== undefined) return Number(index);
  }
  return undefined;
}
