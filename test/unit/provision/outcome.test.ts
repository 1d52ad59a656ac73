import { describe, expect, test } from 'vitest';
import { outcomeTable, projectOutcome } from '../../provision/outcome.ts';
import { strayErrorText } from '../../provision/stray-errors.ts';

/** A report with one file whose tests have the given states. */
function reportOf(states: string[], fileStatus = 'passed', success = true): string {
  const assertionResults = states.map((status, index) => ({ status, fullName: `test ${index}` }));
  return JSON.stringify({ success, testResults: [{ name: 'a.test.ts', status: fileStatus, assertionResults }] });
}

describe('the outcome of a project', () => {
  test('counts passed and failed tests', () => {
    const outcome = projectOutcome('unit', reportOf(['passed', 'passed', 'failed'], 'failed', false), 1, 10);
    expect(outcome).toMatchObject({ passed: 2, failed: 1, remarks: [] });
  });

  test.each(['pending', 'skipped', 'todo', 'disabled'])('a test that is %s counts as failed and is named', (status) => {
    expect(projectOutcome('unit', reportOf(['passed', status]), 0, 10)).toMatchObject({
      passed: 1,
      failed: 1,
      remarks: [`not run (${status}): test 1`],
    });
  });

  test('a file that could not be loaded counts as one failure', () => {
    expect(projectOutcome('e2e', reportOf([], 'failed', false), 1, 10)).toMatchObject({
      passed: 0,
      failed: 1,
      remarks: ['the file itself failed: a.test.ts'],
    });
  });

  test('a file whose hook failed after its tests had passed counts as one failure', () => {
    expect(projectOutcome('e2e', reportOf(['passed'], 'failed', false), 1, 10)).toMatchObject({ passed: 1, failed: 1 });
  });

  test('a project without tests fails', () => {
    const empty = JSON.stringify({ success: true, testResults: [] });
    expect(projectOutcome('browser', empty, 0, 10)).toMatchObject({ failed: 1, remarks: ['no test ran'] });
    expect(projectOutcome('browser', undefined, 1, 10)).toMatchObject({ failed: 1, remarks: ['no test ran'] });
    expect(projectOutcome('browser', '{"half', 1, 10)).toMatchObject({ failed: 1 });
  });

  test('an error outside of any test, or a killed run, is a failure though all tests passed', () => {
    expect(projectOutcome('unit', reportOf(['passed']), 1, 10)).toMatchObject({ passed: 1, failed: 1 });
    expect(projectOutcome('unit', reportOf(['passed']), undefined, 10)).toMatchObject({
      failed: 1,
      remarks: ['vitest was stopped'],
    });
    expect(projectOutcome('unit', reportOf(['passed'], 'passed', false), 0, 10)).toMatchObject({ failed: 1 });
  });
});

test('errors outside of any test, and failed tests, are named with where they were thrown', () => {
  const text = strayErrorText({
    name: 'TypeError',
    message: 'no such thing',
    stack: 'TypeError: no such thing\n    at lost (src/lost.ts:3:1)',
    VITEST_TEST_PATH: 'test/unit/lost.test.ts',
  });
  expect(text).toBe('TypeError: no such thing\n  while: test/unit/lost.test.ts\n    at lost (src/lost.ts:3:1)');
  const outcome = projectOutcome('unit', reportOf(['passed']), 1, 10, [text]);
  expect(outcome.failed).toBe(1);
  expect(outcome.remarks).toContain(`outside of any test: ${text}`);
  const failing = JSON.stringify({
    success: false,
    testResults: [
      {
        name: 'a.test.ts',
        status: 'failed',
        assertionResults: [{ status: 'failed', fullName: 'adds up', failureMessages: ['expected 1\nto be 2'] }],
      },
    ],
  });
  const table = outcomeTable([projectOutcome('unit', failing, 1, 10)]);
  expect(table.startsWith('unit: failed: adds up\n    expected 1\n    to be 2\n')).toBe(true);
});

test('the table ends with one plain line over all projects', () => {
  const table = outcomeTable([
    { project: 'unit', passed: 100, failed: 0, durationMs: 4321, remarks: [], failures: [] },
    { project: 'e2e', passed: 20, failed: 2, durationMs: 60_000, remarks: ['not run (todo): later'], failures: [] },
  ]).split('\n');
  expect(table.at(-1)).toBe('120 passed, 2 failed');
  expect(table[0]).toBe('e2e: not run (todo): later');
  expect(table).toContain('e2e             20       2    60.0 s');
});
