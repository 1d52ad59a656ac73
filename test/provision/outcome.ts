/**
 * What a run of one test project came to, read from vitest's JSON report, and the table of all of them: pure.
 * Invariant: a test that did not run and pass is a failure, and so is a file that could not be loaded or a project without tests.
 */
import { z } from 'zod';

/** The part of vitest's JSON report (the shape of Jest's) that is needed here. */
const report = z.object({
  success: z.boolean(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      assertionResults: z.array(
        z.object({ status: z.string(), fullName: z.string(), failureMessages: z.array(z.string()).nullish() }),
      ),
    }),
  ),
});

export interface ProjectOutcome {
  readonly project: string;
  readonly passed: number;
  readonly failed: number;
  readonly durationMs: number;
  /** What counts as failed and is no failed test: skipped tests, files that did not load, errors outside of any test. */
  readonly remarks: readonly string[];
  /** Each failed test with the beginning of its first message. */
  readonly failures: readonly string[];
}

/** Lines of a failure's message in the summary. */
const MESSAGE_LINES = 12;

/**
 * @param reportText the JSON report; undefined when none was written
 * @param exitCode of vitest; undefined when it was killed
 * @param strayErrors errors that belong to no test, as texts
 */
export function projectOutcome(
  project: string,
  reportText: string | undefined,
  exitCode: number | undefined,
  durationMs: number,
  strayErrors: readonly string[] = [],
): ProjectOutcome {
  const parsed = reportText === undefined ? undefined : report.safeParse(parseJson(reportText));
  const files = parsed?.success ? parsed.data.testResults : [];
  const tests = files.flatMap((file) => file.assertionResults);
  const passed = tests.filter(({ status }) => status === 'passed').length;
  const idle = tests.filter(({ status }) => status !== 'passed' && status !== 'failed');
  const remarks = idle.map(({ status, fullName }) => `not run (${status}): ${fullName}`);
  for (const file of files) {
    const broken =
      file.assertionResults.length === 0 ||
      (file.status === 'failed' && file.assertionResults.every((test) => test.status === 'passed'));
    if (broken) remarks.push(`the file itself failed: ${file.name}`);
  }
  let failed = tests.length - passed + remarks.length - idle.length;
  if (tests.length === 0 && failed === 0) {
    remarks.push('no test ran');
    failed = 1;
  }
  if (failed === 0 && strayErrors.length > 0) {
    failed = 1;
  } else if (failed === 0 && (exitCode !== 0 || !(parsed?.success && parsed.data.success))) {
    remarks.push(
      exitCode === undefined ? 'vitest was stopped' : `vitest ended with exit code ${exitCode} outside of any test`,
    );
    failed = 1;
  }
  remarks.push(...strayErrors.map((error) => `outside of any test: ${error}`));
  const failures = tests
    .filter(({ status }) => status === 'failed')
    .map(({ fullName, failureMessages }) => `${fullName}\n${beginningOf(failureMessages?.[0] ?? '')}`);
  return { project, passed, failed, durationMs, remarks, failures };
}

function beginningOf(message: string): string {
  return message
    .split('\n', MESSAGE_LINES)
    .map((line) => `    ${line}`)
    .join('\n');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The table of all projects; its last line is `N passed, N failed`. */
export function outcomeTable(outcomes: readonly ProjectOutcome[]): string {
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  const row = (name: string, passed: string, failed: string, time: string): string =>
    `${name.padEnd(10)}${passed.padStart(8)}${failed.padStart(8)}${time.padStart(10)}`;
  const sum = (of: (outcome: ProjectOutcome) => number): number =>
    outcomes.reduce((total, outcome) => total + of(outcome), 0);
  const passed = sum((outcome) => outcome.passed);
  const failed = sum((outcome) => outcome.failed);
  return [
    ...outcomes.flatMap(({ project, failures }) => failures.map((failure) => `${project}: failed: ${failure}`)),
    ...outcomes.flatMap(({ project, remarks }) => remarks.map((remark) => `${project}: ${remark}`)),
    '',
    row('project', 'passed', 'failed', 'time'),
    ...outcomes.map((outcome) =>
      row(outcome.project, String(outcome.passed), String(outcome.failed), seconds(outcome.durationMs)),
    ),
    row('all', String(passed), String(failed), seconds(sum((outcome) => outcome.durationMs))),
    '',
    `${passed} passed, ${failed} failed`,
  ].join('\n');
}
