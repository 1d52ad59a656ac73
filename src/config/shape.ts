/**
 * A value against a zod schema, with every problem in words of our own: what was got, what is expected, an example.
 * It never shows the value of a secret, nor one that came out of the environment (it shows what the file says).
 * Invariant: the text of what is expected comes from the schema's `title`, which is also what editors show.
 */
import { z } from 'zod';
import { type Problem, shortened } from './problem.ts';
import type { YamlPath, YamlSource } from './yaml-source.ts';

export interface Wording {
  /** Why this key or value is refused today although it is planned; undefined for plain mistakes. */
  readonly notYet: (path: YamlPath, value: unknown) => string | undefined;
  readonly secret: (path: YamlPath) => boolean;
}

export type Shaped<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'bad'; readonly problems: readonly Problem[] };

/** The part of a JSON Schema node that messages are made of. */
interface SchemaNode {
  readonly title?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly propertyNames?: SchemaNode;
}

/** `value` is the source's value, with variables replaced where the file may have them. */
export function checkShape<T>(
  schema: z.ZodType<T>,
  source: YamlSource,
  value: unknown,
  { notYet, secret }: Wording,
): Shaped<T> {
  const result = schema.safeParse(value);
  if (result.success) return { kind: 'ok', value: result.data };
  const root = schemaNode(schema);
  const blamed = new Set<string>();
  const problems = result.error.issues.flatMap((issue): Problem[] => {
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => {
        const path = [...issue.path, key];
        const planned = notYet(path, valueAt(value, path));
        if (planned !== undefined)
          return source.problem(path, planned, {
            code: 'CONFIG_NOT_YET',
            target: 'key',
          });
        return source.problem(path, unknownKeyText(key, knownKeys(root, issue.path)), { target: 'key' });
      });
    // zod measures the length of a text where a list belongs: one value, one problem.
    const at = JSON.stringify(issue.path);
    if (blamed.has(at)) return [];
    blamed.add(at);
    const got = valueAt(value, issue.path);
    const planned = notYet(issue.path, got);
    if (planned !== undefined) return [source.problem(issue.path, planned, { code: 'CONFIG_NOT_YET' })];
    if (issue.code === 'invalid_key') {
      const title = schemaAt(root, issue.path.slice(0, -1))?.propertyNames?.title ?? 'another name';
      return [
        source.problem(issue.path, `the name does not fit; expected ${title}`, {
          target: 'key',
        }),
      ];
    }
    const shown = secret(issue.path) ? undefined : (source.written(issue.path) ?? undefined);
    return [source.problem(issue.path, wrongValueText(issue, got, shown, schemaAt(root, issue.path)))];
  });
  return { kind: 'bad', problems };
}

/** The same words for one value that is not in a file (a flag, an environment variable). */
export function wrongTextOf(schema: z.ZodType, value: string): string | undefined {
  const result = schema.safeParse(value);
  const [issue] = result.error?.issues ?? [];
  if (issue === undefined) return undefined;
  return wrongValueText(issue, value, JSON.stringify(value), schemaNode(schema));
}

const NODES = new WeakMap<z.ZodType, SchemaNode>();

/** Made at the first problem only: a right file never needs it. */
function schemaNode(schema: z.ZodType): SchemaNode {
  const known = NODES.get(schema);
  if (known !== undefined) return known;
  const node = z.toJSONSchema(schema, { io: 'input' }) as SchemaNode;
  NODES.set(schema, node);
  return node;
}

function wrongValueText(
  issue: z.core.$ZodIssue,
  got: unknown,
  written: string | undefined,
  node: SchemaNode | undefined,
): string {
  const expected = expectedText(node);
  if (got === undefined) return `is missing; expected ${expected}`;
  if (got === null) return `has no value; expected ${expected}`;
  const shown = written === undefined ? '' : `${shortened(written)} `;
  if (issue.code === 'custom') return `${shown}${issue.message}; expected ${expected}`;
  if (issue.code === 'too_big' || issue.code === 'too_small') {
    const size = issue.code === 'too_big' ? 'large' : 'small';
    if (issue.origin === 'array') {
      const count = Array.isArray(got) ? got.length : 0;
      return `has ${count} entries; expected ${expected}`;
    }
    if (issue.origin === 'string') return `${shown}is too ${size === 'large' ? 'long' : 'short'}; expected ${expected}`;
    return `${shown}is too ${size}; expected ${expected}`;
  }
  if (issue.code === 'invalid_value' || issue.code === 'invalid_format')
    return typeof got === 'string'
      ? `${shown}does not fit; expected ${expected}`
      : `${shown}is ${kindOf(got)}; expected ${expected}`;
  return `${shown}is ${kindOf(got)}; expected ${expected}`;
}

function expectedText(node: SchemaNode | undefined): string {
  if (node?.enum !== undefined) return `${node.enum.length > 1 ? 'one of ' : ''}${node.enum.map(String).join(', ')}`;
  if (node?.const !== undefined) return String(node.const);
  return node?.title ?? 'another value';
}

function kindOf(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (typeof value === 'boolean') return 'a boolean';
  if (typeof value === 'number')
    return Number.isInteger(value) ? 'a whole number' : Number.isFinite(value) ? 'a fraction' : 'no finite number';
  return 'text';
}

function unknownKeyText(key: string, known: readonly string[]): string {
  const nearest = nearestOf(key, known);
  const list = `the keys here are ${known.join(', ')}`;
  return nearest === undefined ? `unknown key; ${list}` : `unknown key; did you mean ${nearest}? ${capital(list)}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function knownKeys(root: SchemaNode, path: YamlPath): string[] {
  return Object.keys(schemaAt(root, path)?.properties ?? {});
}

function schemaAt(root: SchemaNode, path: YamlPath): SchemaNode | undefined {
  return path.reduce<SchemaNode | undefined>((node, step) => {
    if (typeof step === 'number') return node?.items;
    const { properties, additionalProperties } = node ?? {};
    if (properties !== undefined && Object.hasOwn(properties, step)) return properties[String(step)];
    return typeof additionalProperties === 'object' ? additionalProperties : undefined;
  }, root);
}

function valueAt(value: unknown, path: YamlPath): unknown {
  return path.reduce<unknown>((part, step) => {
    if (typeof part !== 'object' || part === null || !Object.hasOwn(part, step)) return undefined;
    return (part as Record<PropertyKey, unknown>)[step];
  }, value);
}

/** The candidate that takes the fewest edits, if those are few enough for a slip of the fingers. */
export function nearestOf(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > 40) return undefined;
  const lower = word.toLowerCase();
  const ranked = candidates
    .map((candidate) => ({
      candidate,
      edits: editsBetween(lower, candidate.toLowerCase()),
    }))
    .sort((a, b) => a.edits - b.edits);
  const [best] = ranked;
  return best !== undefined && best.edits <= Math.max(1, Math.floor(word.length / 3)) ? best.candidate : undefined;
}

/** Optimal string alignment distance: insert, delete, replace, swap neighbours. */
function editsBetween(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  const cell = (row: number, column: number): number => rows[row]?.[column] ?? 0;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let edits = Math.min(cell(i - 1, j) + 1, cell(i, j - 1) + 1, cell(i - 1, j - 1) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        edits = Math.min(edits, cell(i - 2, j - 2) + 1);
      row.push(edits);
    }
  }
  return cell(a.length, b.length);
}
