/**
 * Hits and misses by the edge's own log, where its answers do not say: nginx's lines as docker/edge writes them (JSON with `cache` and
 * `path`), and varnishncsa's (`%{Varnish:handling}x %s %U%q`: `hit 200 /live/...`). It never keeps a line. Invariant: a line is counted once,
 * when it is whole; what was there before the run is not counted.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { wordOutcome } from './cache-facts.ts';

export interface EdgeLogCounts {
  readonly hits: number;
  readonly misses: number;
}

/** Undefined: a line of something else, or an answer that the edge made itself. */
export function outcomeOfLine(line: string, prefix: string): 'hit' | 'miss' | undefined {
  if (!line.includes(prefix)) return undefined;
  const word = line.startsWith('{')
    ? /"cache"\s*:\s*"([A-Za-z-]*)"/.exec(line)?.[1]
    : /^([A-Za-z-]+) \d{3} \S+$/.exec(line)?.[1];
  const outcome = word === undefined ? 'unknown' : wordOutcome(word);
  return outcome === 'unknown' ? undefined : outcome;
}

/** Follows a log that grows; lines of paths that hold `prefix`. */
export class EdgeLog {
  readonly #file: string;
  readonly #prefix: string;
  #atByte = 0;

  private constructor(file: string, prefix: string, atByte: number) {
    this.#file = file;
    this.#prefix = prefix;
    this.#atByte = atByte;
  }

  /** From its end on. Rejects with the file system's error. */
  static async open(file: string, prefix: string): Promise<EdgeLog> {
    return new EdgeLog(file, prefix, (await stat(file)).size);
  }

  /** What came since the last call. A file that is shorter than before was begun anew. */
  async take(): Promise<EdgeLogCounts> {
    const { size } = await stat(this.#file);
    if (size < this.#atByte) this.#atByte = 0;
    const counts = { hit: 0, miss: 0 };
    if (size === this.#atByte) return { hits: 0, misses: 0 };
    const input = createReadStream(this.#file, { encoding: 'latin1', start: this.#atByte, end: size - 1 });
    let rest = '';
    for await (const text of input) {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const outcome = outcomeOfLine(line, this.#prefix);
        if (outcome !== undefined) counts[outcome] += 1;
      }
    }
    // A line that is not whole yet is read again.
    this.#atByte = size - rest.length;
    return { hits: counts.hit, misses: counts.miss };
  }
}
