/**
 * `npm test`: gets the programs the tests need, runs the projects one after another, and adds up.
 * It never passes over anything: a skipped test, an empty project or a missing program is a failure.
 * Exit code: 0 all passed, 1 something failed, 2 a program is missing and cannot be installed. `--long` adds the project `long`.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { provideTestPrograms } from './provision/install.ts';
import { outcomeTable, type ProjectOutcome, projectOutcome } from './provision/outcome.ts';
import { LONG_PROGRAMS, NEEDED_PROGRAMS } from './provision/programs.ts';

const ROOT = new URL('..', import.meta.url).pathname;
const PROJECT_LIMIT_MS: Readonly<Record<string, number>> = {
  unit: 5 * 60_000,
  contract: 5 * 60_000,
  e2e: 20 * 60_000,
  alone: 20 * 60_000,
  browser: 20 * 60_000,
  long: 12 * 3_600_000,
};

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** One project in a process of its own: what it leaves behind cannot disturb the next. */
async function runProject(
  project: string,
  reportFile: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<ProjectOutcome> {
  const vitest = path.join(path.dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
  const args = [vitest, 'run', '--config', 'test/vitest.config.ts', '--project', project];
  // Real encoders must keep up with real time: two files at a time are what two cores carry.
  if (project === 'e2e') args.push('--maxWorkers=2');
  const strayErrorsFile = `${reportFile}.stray`;
  args.push('--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`);
  args.push('--reporter=./test/provision/stray-errors.ts');
  const startMs = performance.now();
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...env, STRAY_ERRORS_FILE: strayErrorsFile },
  });
  const stop = (): void => {
    child.kill('SIGTERM');
  };
  const limit = setTimeout(stop, PROJECT_LIMIT_MS[project] ?? 0);
  signal.addEventListener('abort', stop);
  const exitCode = await new Promise<number | undefined>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? undefined));
  });
  clearTimeout(limit);
  signal.removeEventListener('abort', stop);
  const strayErrors = JSON.parse(readIfThere(strayErrorsFile) ?? '[]') as string[];
  return projectOutcome(project, readIfThere(reportFile), exitCode, performance.now() - startMs, strayErrors);
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { long: { type: 'boolean', default: false } } });
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupt.abort());
  const needed = values.long ? [...NEEDED_PROGRAMS, ...LONG_PROGRAMS] : NEEDED_PROGRAMS;
  const programs = await provideTestPrograms(needed, (line) => console.log(`test: ${line}`), interrupt.signal);
  if (programs.kind === 'problem') {
    console.error(`test: ${programs.says}`);
    return 2;
  }
  if (values.long) Object.assign(programs.environment, { TEST_MATRIX: 'all' });
  const projects = ['unit', 'contract', 'e2e', 'alone', 'browser', ...(values.long ? ['long'] : [])];
  const folder = mkdtempSync(path.join(tmpdir(), 'pitchside-test-'));
  const outcomes: ProjectOutcome[] = [];
  try {
    for (const project of projects) {
      if (interrupt.signal.aborted) return 130;
      console.log(`\ntest: project ${project}`);
      outcomes.push(
        await runProject(project, path.join(folder, `${project}.json`), programs.environment, interrupt.signal),
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(outcomeTable(outcomes));
  if (interrupt.signal.aborted) return 130;
  return outcomes.every(({ failed }) => failed === 0) ? 0 : 1;
}

process.exitCode = await main();
