/**
 * What a PromQL query names: metrics, label matchers, labels to group and match by. It is no parser: promtool is, beside it.
 * Invariant: every name that is no function, keyword, label or string is taken for a metric.
 */

export interface Named {
  readonly metrics: readonly { readonly name: string; readonly matchers: readonly Matcher[] }[];
  /** Of `by`, `without`, `on`, `ignoring`, `group_left`. */
  readonly labels: readonly string[];
}

interface Matcher {
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}

const GROUPING = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;
/** Those that stand before `by (...)`. */
const FUNCTIONS = ['sum', 'max', 'min', 'avg', 'count'];
const WORDS = ['and', 'or', 'unless', 'bool', 'offset'];
const SELECTOR = /([a-zA-Z_:][\w:]*)\s*(\{[^}]*\})?/g;
const MATCHER = /(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g;

export function namedIn(query: string): Named {
  const labels: string[] = [];
  const rest = query.replace(GROUPING, (_all, list: string) => {
    labels.push(...list.split(',').map((label) => label.trim()));
    return ' ';
  });
  const series = rest.replace(/\[[^\]]*\]|\b\d[\w.]*/g, ' ');
  const metrics = [...series.matchAll(SELECTOR)].flatMap(([, name = '', selector = '']) => {
    if (WORDS.includes(name) || FUNCTIONS.includes(name) || rest.includes(`${name}(`)) return [];
    const matchers = [...selector.matchAll(MATCHER)].map(([, label = '', operator = '', value = '']) => {
      return { label, operator, value };
    });
    return [{ name, matchers }];
  });
  return { metrics, labels };
}
