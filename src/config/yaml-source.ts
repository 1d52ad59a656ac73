/**
 * YAML text as a value in which every part still knows its line and column.
 * It never throws and never stalls: whatever the text is, the answer is a value or all of its problems at once.
 * Nesting, length and aliases are bounded before the parser sees them: at 2,000 levels it takes the whole process down.
 */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  type ParsedNode,
  parseDocument,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import { messageOf } from '../system/errors.ts';
import { formatPath, type Place, type Problem, type ProblemCode, shortened } from './problem.ts';

export type YamlPath = readonly PropertyKey[];

export interface YamlSource {
  readonly file: string;
  /** Plain data; mappings have only string keys, each once. */
  readonly value: unknown;
  /** Place of the value at the path, of its key with `target: 'key'`, else of the nearest thing around it. */
  placeOf(path: YamlPath, target?: 'key' | 'value'): Place;
  /** The scalar at the path as it stands in the file (before variables are replaced), undefined for anything else. */
  written(path: YamlPath): string | undefined;
  problem(path: YamlPath, text: string, extras?: { code?: ProblemCode; target?: 'key' | 'value' }): Problem;
}

export type YamlReading =
  | { readonly kind: 'ok'; readonly source: YamlSource }
  | { readonly kind: 'bad'; readonly problems: readonly Problem[] };

export interface YamlOptions {
  /** What problems of this file are: LADDER_INVALID for a ladder. */
  readonly code: ProblemCode;
  /** In bytes of UTF-8. */
  readonly maxBytes: number;
  /** What a right file looks like, for the problem of an empty one. */
  readonly example: string;
}

type Parsed = Document.Parsed<ParsedNode, true>;

const LONGEST_LINE = 500;
const DEEPEST_FLOW = 50;
const MOST_ALIASES = 100;

/** Reads one YAML 1.2 document whose root is a mapping. `file` is what problems call it. */
export function readYaml(text: string, file: string, options: YamlOptions): YamlReading {
  const { code, maxBytes, example } = options;
  const lines = new LineCounter();
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const problem = (place: Place, path: YamlPath, what: string): Problem => ({
    code,
    source: file,
    place,
    path: formatPath(path),
    text: what,
  });
  const bad = (problems: readonly Problem[]): YamlReading => ({
    kind: 'bad',
    problems,
  });
  const unfit = unfitText(text, maxBytes);
  if (unfit !== undefined) return bad([problem(unfit.place, [], unfit.text)]);
  try {
    const document: Parsed = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      uniqueKeys: false,
      logLevel: 'error',
    });
    const faults = [...document.errors, ...document.warnings];
    if (faults.length > 0) return bad(faults.map((fault) => problem(at(fault.pos[0]), [], syntaxText(fault))));
    if (document.contents === null || (isScalar(document.contents) && document.contents.value === null))
      return bad([problem(START, [], `the file is empty; write at least ${example}`)]);
    if (!isMap(document.contents)) {
      const place = at(document.contents.range[0]);
      return bad([problem(place, [], `the file is not a mapping of keys to values; begin with ${example}`)]);
    }
    const odd = oddNodes(document, document.contents);
    if (odd.length > 0) return bad(odd.map(({ offset, path, what }) => problem(at(offset), path, what)));
    return { kind: 'ok', source: sourceOf(document, { text, file, code, at }) };
  } catch (thrown) {
    // Only the parser's own limits come here (alias counts); they are the file's fault and have no place.
    return bad([problem(START, [], `the file cannot be read as YAML (${messageOf(thrown)}); write it plainly`)]);
  }
}

const START: Place = { line: 1, column: 1 };

interface SourceText {
  readonly text: string;
  readonly file: string;
  readonly code: ProblemCode;
  readonly at: (offset: number) => Place;
}

function sourceOf(document: Parsed, { text, file, code, at }: SourceText): YamlSource {
  const value: unknown = document.toJS({ maxAliasCount: MOST_ALIASES });
  const placeOf = (path: YamlPath, target: 'key' | 'value' = 'value') => at(offsetOf(document, path, target));
  return {
    file,
    value,
    placeOf,
    written: (path) => scalarText(text, nodeAt(document, path)),
    problem: (path, what, extras = {}) => ({
      code: extras.code ?? code,
      source: file,
      place: placeOf(path, extras.target),
      path: formatPath(path),
      text: what,
    }),
  };
}

/** What must not reach the parser at all. */
function unfitText(text: string, maxBytes: number): { place: Place; text: string } | undefined {
  const limit = maxBytes >= 1e6 ? `${maxBytes / 1e6} MB` : `${maxBytes / 1e3} kB`;
  if (text.length > maxBytes || Buffer.byteLength(text) > maxBytes)
    return {
      place: START,
      text: `the file is larger than ${limit}; this is not a file that a person wrote for this`,
    };
  if (text.startsWith('\uFEFF'))
    return {
      place: START,
      text: 'the file begins with a byte order mark; save it as UTF-8 without BOM',
    };
  let flow = 0;
  let line = 1;
  let lineStart = 0;
  for (let index = 0; index < text.length; index++) {
    const character = text.charCodeAt(index);
    if (character === 0x0a) {
      line++;
      lineStart = index + 1;
    } else if (character === 0x5b || character === 0x7b) flow++;
    else if ((character === 0x5d || character === 0x7d) && flow > 0) flow--;
    const place = { line, column: index - lineStart + 1 };
    if (flow > DEEPEST_FLOW)
      return {
        place,
        text: `more than ${DEEPEST_FLOW} open brackets; close them`,
      };
    if (index - lineStart >= LONGEST_LINE)
      return {
        place,
        text: `the line is longer than ${LONGEST_LINE} characters; break it`,
      };
    if (character < 0x20 && character !== 0x09 && character !== 0x0a && character !== 0x0d)
      return {
        place,
        text: 'a control character; save the file as plain UTF-8 text',
      };
  }
  return undefined;
}

const SYNTAX_TEXTS: Partial<Record<YAMLError['code'], string>> = {
  TAB_AS_INDENT: 'a tab in the indentation; YAML is indented by spaces',
  BAD_INDENT: 'the indentation does not fit, or a bracket is not closed; align it with the line above',
  MULTIPLE_DOCS: 'a second document begins here; keep one and delete the `---` line',
  BLOCK_AS_IMPLICIT_KEY: 'a mapping begins inside a value; put quotes around the value or a line break before it',
  MULTILINE_IMPLICIT_KEY: 'a key goes over several lines; is a `:` missing, or the indentation wrong?',
  MISSING_CHAR: 'a quote, colon or comma is missing here; add it',
  BAD_ALIAS: 'an alias with a bad name; write `*name`',
  TAG_RESOLVE_FAILED: 'a tag that means nothing here; leave the `!...` out',
  BAD_DIRECTIVE: 'a `%` directive that means nothing here; leave it out',
  BAD_DQ_ESCAPE: 'an unknown escape in a quoted text; write \\\\ for a backslash, or use single quotes',
};

function syntaxText(fault: YAMLError | { code: YAMLError['code']; message: string }): string {
  // What stands behind a colon in the parser's messages is text of the file, which may be a secret.
  const [what = ''] = fault.message.split(':');
  return SYNTAX_TEXTS[fault.code] ?? `not YAML (${what}); look at the line above it too`;
}

interface OddNode {
  readonly offset: number;
  readonly path: YamlPath;
  readonly what: string;
}

/** Keys given twice, keys that are no text, aliases to nothing: what is YAML but no settings. */
function oddNodes(document: Parsed, root: ParsedNode): OddNode[] {
  const odd: OddNode[] = [];
  let aliases = 0;
  const visit = (node: ParsedNode | null, path: YamlPath): void => {
    if (isAlias(node)) {
      aliases++;
      const offset = node.range?.[0] ?? 0;
      if (aliases > MOST_ALIASES)
        odd.push({
          offset,
          path,
          what: `more than ${MOST_ALIASES} aliases; write it out`,
        });
      else if (node.resolve(document) === undefined)
        odd.push({
          offset,
          path,
          what: `no anchor &${shortened(node.source)} before this alias; write the value out`,
        });
    } else if (isSeq(node)) {
      for (const [index, item] of node.items.entries()) visit(item as ParsedNode, [...path, index]);
    } else if (isMap(node)) {
      const seen = new Set<string>();
      for (const pair of node.items as Pair<ParsedNode, ParsedNode | null>[]) {
        const offset = pair.key?.range?.[0] ?? node.range?.[0] ?? 0;
        const name = keyName(pair);
        if (name === undefined) {
          odd.push({
            offset,
            path,
            what: 'a key that is no text; write `name: value`',
          });
          continue;
        }
        if (seen.has(name))
          odd.push({
            offset,
            path: [...path, name],
            what: 'the key is given twice; keep one of them',
          });
        seen.add(name);
        visit(pair.value, [...path, name]);
      }
    }
  };
  visit(root, []);
  return odd;
}

function keyName(pair: Pair<unknown, unknown>): string | undefined {
  if (!isScalar(pair.key)) return undefined;
  const { value } = pair.key;
  // `__proto__` as a key would be no own property of the plain value.
  if (value === null || value === '__proto__') return undefined;
  return typeof value === 'string' ? value : String(value);
}

function pairAt(document: Parsed, node: unknown, name: PropertyKey): Pair<unknown, unknown> | undefined {
  const target = isAlias(node) ? node.resolve(document) : node;
  return isMap(target) ? pairsByName(target).get(String(name)) : undefined;
}

/** Made once for each mapping: a file of nothing but unknown keys asks for the place of every one. */
function pairsByName(map: YAMLMap): ReadonlyMap<string, Pair<unknown, unknown>> {
  const known = PAIRS.get(map);
  if (known !== undefined) return known;
  const pairs = new Map<string, Pair<unknown, unknown>>();
  for (const pair of map.items) pairs.set(keyName(pair) ?? '', pair);
  PAIRS.set(map, pairs);
  return pairs;
}

const PAIRS = new WeakMap<YAMLMap, ReadonlyMap<string, Pair<unknown, unknown>>>();

function childAt(document: Parsed, node: unknown, step: PropertyKey): unknown {
  const target = isAlias(node) ? node.resolve(document) : node;
  if (isSeq(target)) return typeof step === 'number' ? target.items[step] : undefined;
  return pairAt(document, target, step)?.value;
}

function nodeAt(document: Parsed, path: YamlPath): unknown {
  return path.reduce<unknown>((node, step) => childAt(document, node, step), document.contents);
}

function offsetOf(document: Parsed, path: YamlPath, target: 'key' | 'value'): number {
  const parent = nodeAt(document, path.slice(0, -1));
  const last = path.at(-1);
  const pair = last === undefined ? undefined : pairAt(document, parent, last);
  const node = target === 'value' ? nodeAt(document, path) : undefined;
  const start = rangeStart(node) ?? rangeStart(pair?.key) ?? rangeStart(path.length === 0 ? document.contents : parent);
  return start ?? (path.length === 0 ? 0 : offsetOf(document, path.slice(0, -1), 'value'));
}

function rangeStart(node: unknown): number | undefined {
  if (typeof node !== 'object' || node === null || !('range' in node) || !Array.isArray(node.range)) return undefined;
  const [start] = node.range as unknown[];
  return typeof start === 'number' ? start : undefined;
}

function scalarText(text: string, node: unknown): string | undefined {
  if (!isScalar(node) || !Array.isArray(node.range)) return undefined;
  return text.slice(node.range[0], node.range[1]);
}
