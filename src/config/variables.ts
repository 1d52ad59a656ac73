/**
 * `${NAME}` in the strings of a settings file, replaced from the environment, so that secrets stay out of files.
 * It never puts a variable's value into a problem, and never replaces twice.
 */
import type { Problem } from './problem.ts';
import type { YamlPath, YamlSource } from './yaml-source.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const REFERENCE = /\$\$\{|\$\{([^}]*)\}?/g;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

// biome-ignore lint/suspicious/noTemplateCurlyInString: the text is about the braces themselves.
const NO_VARIABLE = 'not a variable; write ${NAME}, or $${ for plain ${';

export interface Replaced {
  readonly value: unknown;
  readonly problems: readonly Problem[];
}

/** The value with all variables replaced; `$${` stands for `${` itself. An unset or empty variable is a problem that names it. */
export function replaceVariables(source: YamlSource, environment: Environment): Replaced {
  const problems: Problem[] = [];
  const text = (written: string, path: YamlPath): string =>
    written.replace(REFERENCE, (reference: string, name: string | undefined) => {
      if (reference === '$${') return '${';
      if (name === undefined || !reference.endsWith('}') || !NAME.test(name)) {
        problems.push(source.problem(path, NO_VARIABLE));
        return reference;
      }
      const value = environment[name];
      if (value === undefined || value === '') {
        const state = value === undefined ? 'not set' : 'empty';
        problems.push(source.problem(path, `the environment variable ${name} is ${state}; set it before the start`));
        return reference;
      }
      return value;
    });
  const visit = (value: unknown, path: YamlPath): unknown => {
    if (typeof value === 'string') return text(value, path);
    if (Array.isArray(value)) return value.map((item, index) => visit(item, [...path, index]));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, visit(item, [...path, key])]));
  };
  return { value: visit(source.value, []), problems };
}
