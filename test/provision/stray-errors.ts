/**
 * A vitest reporter: writes the errors that belong to no test to the file named by STRAY_ERRORS_FILE, for the summary at the end.
 * vitest's JSON report does not have them, and a run that they alone fail must say why in its last lines.
 */
import { writeFileSync } from 'node:fs';
import type { Reporter } from 'vitest/node';

interface StrayError {
  readonly name?: string | undefined;
  readonly message?: string | undefined;
  readonly stack?: string | undefined;
  readonly VITEST_TEST_PATH?: unknown;
  readonly VITEST_TEST_NAME?: unknown;
}

/** What it is, which test file was running, and where it was thrown. */
export function strayErrorText(error: StrayError): string {
  const { name = 'Error', message = '', stack = '' } = error;
  const during = [error.VITEST_TEST_PATH, error.VITEST_TEST_NAME].filter((known) => typeof known === 'string');
  const where = stack.split('\n').filter((line) => line.trim().startsWith('at ') || line.startsWith(' ❯'));
  return [`${name}: ${message}`, ...during.map((known) => `  while: ${known}`), ...where.slice(0, 12)].join('\n');
}

// biome-ignore lint/style/noDefaultExport: vitest loads a reporter by its file and takes the default export.
export default class StrayErrors implements Reporter {
  onTestRunEnd(_modules: unknown, errors: readonly StrayError[]): void {
    const file = process.env['STRAY_ERRORS_FILE'];
    if (file !== undefined) writeFileSync(file, JSON.stringify(errors.map(strayErrorText)));
  }
}
