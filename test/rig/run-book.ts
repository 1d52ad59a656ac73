/**
 * The run book as Markdown, from the alert rules themselves, for docker/match-day.md.
 * It never reads or writes a file. Invariant: a row for each alert, in the order of the rules.
 */
import { parse } from 'yaml';

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export function alertRules(text: string): readonly AlertRule[] {
  const { groups } = parse(text) as { readonly groups: readonly { readonly rules: readonly AlertRule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

const BEGIN = '<!-- run book: printed by npm run docs -->\n';
const END = '<!-- /run book -->\n';

/** The README with the table between its markers. Throws RangeError when a marker is missing. */
export function withRunBook(readme: string, alerts: string): string {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (begin < 0 || end < begin) throw new RangeError(`the markers ${BEGIN.trim()} and ${END.trim()} are missing`);
  return readme.slice(0, begin + BEGIN.length) + runBookTable(alertRules(alerts)) + readme.slice(end);
}

function runBookTable(rules: readonly AlertRule[]): string {
  const rows = rules.map(({ alert, labels, annotations, for: waits = 'at once' }) => {
    const { summary = '', action = '' } = annotations;
    return `| \`${alert}\` | ${labels['severity']} | ${waits} | ${plain(summary)} | ${action} |\n`;
  });
  return ['| alert | severity | after | what it says | what to do |\n|---|---|---|---|---|\n', ...rows].join('');
}

/** `{{ $labels.channel }}` is CHANNEL, a figure is N. */
function plain(template: string): string {
  return template
    .replace(/\{\{[^}]*\$labels\.(\w+)[^}]*\}\}/g, (_all, label: string) => label.toUpperCase())
    .replace(/\{\{[^}]*\$value[^}]*\}\}/g, 'N');
}
