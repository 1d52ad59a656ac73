// The test projects: unit and contract run anywhere in seconds; e2e and browser need the programs that test/run.ts installs.
import { defineConfig } from 'vitest/config';

const project = (name: string, timeoutMs: number, serial: boolean) => ({
  test: {
    name,
    root: new URL('..', import.meta.url).pathname,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
    fileParallelism: !serial,
  },
});

export default defineConfig({
  test: {
    maxConcurrency: 3,
    projects: [
      project('unit', 10_000, false),
      project('contract', 10_000, false),
      project('e2e', 120_000, false),
      project('browser', 180_000, true),
      project('long', 3_600_000, true),
    ],
  },
});
