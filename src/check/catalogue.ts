/**
 * Every rule by its stable id: the clause that demands it, how grave a breach is, what to do.
 * It never judges. `error` is a MUST of the cited text, `warning` a SHOULD or a known trap, `note` what was not judged.
 * Invariant: a rule that is not in here cannot be reported.
 */
import { CMAF_RULES } from './catalogue-cmaf.ts';
import { DASH_RULES } from './catalogue-dash.ts';
import { HLS_RULES } from './catalogue-hls.ts';
import { HTTP_RULES } from './catalogue-http.ts';
import type { Finding, Severity, Where } from './model.ts';

export type RuleRow = readonly [clause: string, severity: Severity, fix: string];

export const CATALOGUE = {
  ...HLS_RULES,
  ...DASH_RULES,
  ...CMAF_RULES,
  ...HTTP_RULES,
} as const;

export type RuleId = keyof typeof CATALOGUE;

/** A Finding of `rule` with the catalogue's clause, severity and advice. */
export function found(rule: RuleId, where: Where, message: string): Finding {
  const [clause, severity, fix] = CATALOGUE[rule];
  return { rule, clause, severity, where, message, fix, count: 1 };
}
