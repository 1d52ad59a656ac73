/**
 * Findings as people and programs read them: text grouped by clause, or JSON.
 * It never prints; it returns strings.
 */
import type { CheckResult } from './check-stream.ts';
import type { Finding, Severity } from './model.ts';

/** 1 when there is an error, else 0: warnings and notes do not fail a run. */
export function exitCode(findings: readonly Finding[]): 0 | 1 {
  return findings.some((finding) => finding.severity === 'error') ? 1 : 0;
}

const ORDER: readonly Severity[] = ['error', 'warning', 'note'];

export function textReport({ findings, summary }: CheckResult): string {
  const groups = new Map<string, Finding[]>();
  const sorted = [...findings].sort((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity));
  for (const finding of sorted) {
    const key = `${finding.severity.padEnd(7)} ${finding.rule}  (${finding.clause})`;
    groups.set(key, [...(groups.get(key) ?? []), finding]);
  }
  const blocks = [...groups].map(([head, list]) =>
    [head, ...list.map(lineOf), `        ${list[0]?.fix ?? ''}`, ''].join('\n'),
  );
  const { mode, seconds, tracks, texts, objects, bytes, errors, warnings, notes } = summary;
  const read = `${mode.toUpperCase()}, ${seconds} s: ${tracks} tracks, ${texts} texts, ${objects} objects, ${(bytes / 1e6).toFixed(1)} MB.`;
  return `${blocks.join('\n')}${blocks.length > 0 ? '\n' : ''}${read}\n${errors} errors, ${warnings} warnings, ${notes} notes.\n`;
}

function lineOf({ message, where, count }: Finding): string {
  const line = where.line === undefined ? '' : `:${where.line}`;
  return `        ${message}${count > 1 ? ` (${count} times)` : ''}\n          ${where.url}${line}`;
}

export function jsonReport(result: CheckResult): string {
  return `${JSON.stringify(result, undefined, 2)}\n`;
}
