/**
 * One thing that is wrong in what somebody wrote, and its one line of text.
 * It never carries a secret: whoever makes a Problem leaves the value of a secret out.
 * Invariant: the text says what is wrong and, behind a semicolon, what would be right.
 */
import type { ErrorCode } from '../system/errors.ts';

export type ProblemCode = Extract<
  ErrorCode,
  'CONFIG_INVALID' | 'CONFIG_UNREADABLE' | 'CONFIG_NOT_YET' | 'LADDER_INVALID' | 'LADDER_UNKNOWN'
>;

/** Both count from 1, columns in UTF-16 units as editors do. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface Problem {
  readonly code: ProblemCode;
  /** File name, flag or environment variable. */
  readonly source: string;
  readonly place: Place | undefined;
  /** `video[0].height`; empty for the whole of the source. */
  readonly path: string;
  readonly text: string;
}

/** Nobody reads the hundredth problem of a file that is no settings file at all. */
const MOST_LISTED = 50;

export function formatPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? shortened(String(step)) : `.${shortened(String(step))}`;
  }
  return text;
}

/** `file:line:column path: what is wrong; what would be right`. */
export function formatProblem({ source, place, path, text }: Problem): string {
  const where = place === undefined ? source : `${source}:${place.line}:${place.column}`;
  return path === '' ? `${where}: ${text}` : `${where} ${path}: ${text}`;
}

/** One line for each problem in the order of the file, at most 50 and a last line that counts the rest. */
export function formatProblems(problems: readonly Problem[]): string[] {
  const lines = [...new Set(inReadingOrder(problems).map(formatProblem))];
  if (lines.length <= MOST_LISTED) return lines;
  return [...lines.slice(0, MOST_LISTED), `... and ${lines.length - MOST_LISTED} more problems`];
}

/** The code that all problems share, else CONFIG_INVALID. */
export function commonCode(problems: readonly Problem[]): ProblemCode {
  const codes = new Set(problems.map(({ code }) => code));
  const [only] = codes;
  return codes.size === 1 && only !== undefined ? only : 'CONFIG_INVALID';
}

/** Text of a value for a message: control characters escaped, at most 40 characters. */
export function shortened(text: string): string {
  const visible = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"');
  return visible.length <= 40 ? visible : `${visible.slice(0, 37)}...`;
}

function inReadingOrder(problems: readonly Problem[]): Problem[] {
  const sources = [...new Set(problems.map(({ source }) => source))];
  return [...problems].sort(
    (a, b) =>
      sources.indexOf(a.source) - sources.indexOf(b.source) ||
      (a.place?.line ?? 0) - (b.place?.line ?? 0) ||
      (a.place?.column ?? 0) - (b.place?.column ?? 0),
  );
}
