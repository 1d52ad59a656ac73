// The test projects: unit and contract run anywhere in seconds; e2e and browser need the programs that test/run.ts installs.
import { defineConfig } from 'vitest/config';

const project = (name: string, timeoutMs: number, serial: boolean) => ({
  test: {
    name,
    root: new URL('..', import.meta.url).pathname,
    include: [`test/${name === 'alone' ? 'e2e/alone' : name}/**/*.test.ts`],
    exclude: name === 'e2e' ? ['test/e2e/alone/**'] : [],
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
    fileParallelism: !serial,
    // Real encoders and browsers on two shared cores: a second attempt, which the reporter names (`retry x1`).
    retry: ['e2e', 'alone', 'browser'].includes(name) ? 1 : 0,
  },
});

export default defineConfig({
  test: {
    maxConcurrency: 3,
    projects: [
      // Nothing in them waits for time: the limit ends what hangs, however slow the machine.
      project('unit', 60_000, false),
      project('contract', 60_000, false),
      project('e2e', 120_000, false),
      // What measures time: one file has the machine for itself.
      project('alone', 120_000, true),
      project('browser', 180_000, true),
      project('long', 3_600_000, true),
    ],
  },
});
