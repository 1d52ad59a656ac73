// Each planted fault is found under its rule, and each rule of the catalogue has a fault that shows it.
import { expect, test } from 'vitest';
import { CATALOGUE } from '../../../src/check/catalogue.ts';
import { judge } from '../../../src/check/judge.ts';
import { CHUNKED_FAULTS, MPD_FAULTS, MPD_UPDATE_FAULTS } from './planted-dash.ts';
import { LOW_LATENCY_FAULTS, MEDIA_FAULTS, MULTIVARIANT_FAULTS } from './planted-hls.ts';
import { CMAF_FAULTS, HTTP_FAULTS } from './planted-objects.ts';
import { evidenceOf } from './world.ts';

const FAULTS = [
  ...MULTIVARIANT_FAULTS,
  ...MEDIA_FAULTS,
  ...LOW_LATENCY_FAULTS,
  ...MPD_FAULTS,
  ...CHUNKED_FAULTS,
  ...MPD_UPDATE_FAULTS,
  ...CMAF_FAULTS,
  ...HTTP_FAULTS,
];

const clauseOf = (rule: string): string =>
  Object.entries(CATALOGUE).find(([id]) => id === rule)?.[1][0] ?? 'no such rule';

test.each(FAULTS.map((item) => [item.rule, clauseOf(item.rule), item.fault, item] as const))(
  '%s (%s) is found in: %s',
  (rule, clause, _fault, { make, spoil }) => {
    const world = make();
    spoil(world);
    const findings = judge(evidenceOf(world));
    expect(findings.map((finding) => finding.rule)).toContain(rule);
    for (const finding of findings) expect(finding.message).not.toMatch(/undefined|NaN|\[object/);
    expect(findings.find((finding) => finding.rule === rule)?.clause).toBe(clause);
  },
);

test('every rule of the catalogue has a planted fault', () => {
  const shown = new Set(FAULTS.map((item) => item.rule));
  expect(Object.keys(CATALOGUE).filter((rule) => !shown.has(rule))).toEqual([]);
});

test('every rule names its clause and says what to do in a sentence', () => {
  for (const [clause, , fix] of Object.values(CATALOGUE)) {
    expect(clause).toMatch(/\d/);
    expect(fix).toMatch(/^[A-Z].*\.$/);
  }
});
