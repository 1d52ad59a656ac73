// The checker at work on whole streams: it plays them through its fetch port, and finds the one fault that was planted on the way.
import { expect, test } from 'vitest';
import { CATALOGUE } from '../../../src/check/catalogue.ts';
import { MUTATIONS } from './mutations.ts';
import { findingsIn, type StreamKind } from './simulated-stream.ts';

test.each(['hls', 'll-hls', 'dash', 'll-dash'] as const)(
  'nothing is found in an unspoiled stream: %s',
  async (kind) => {
    expect(await findingsIn(kind)).toEqual([]);
  },
);

test('there are 40 mutations and more, of all four kinds of stream, each of another fault', () => {
  expect(MUTATIONS.length).toBeGreaterThanOrEqual(40);
  expect(new Set(MUTATIONS.map(({ kind, fault }) => `${kind} ${fault}`)).size).toBe(MUTATIONS.length);
  const kinds: readonly StreamKind[] = ['hls', 'll-hls', 'dash', 'll-dash'];
  for (const kind of kinds) expect(MUTATIONS.filter((one) => one.kind === kind).length).toBeGreaterThanOrEqual(4);
});

test.each(MUTATIONS.map((one) => [one.kind, one.fault, one.rule, one] as const))(
  'in %s, %s is found as %s',
  async (kind, _fault, rule, { spoil }) => {
    const findings = await findingsIn(kind, spoil);
    const finding = findings.find((one) => one.rule === rule);
    expect(findings.map((one) => one.rule)).toContain(rule);
    const [clause, severity, fix] = CATALOGUE[rule];
    expect(finding).toMatchObject({ clause, severity, fix });
  },
);
