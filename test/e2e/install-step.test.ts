import { describe, expect, test } from 'vitest';
import { runInstallCommand } from '../../src/cli/install-step.ts';

const node = (script: string, limitMs = 10_000, env?: Record<string, string>) => ({
  command: process.execPath,
  args: ['-e', script],
  limitMs,
  ...(env === undefined ? {} : { env }),
});

describe('a command that installs something', () => {
  test('is done when it ends with 0, and has its environment', async () => {
    expect(
      await runInstallCommand(node('process.exit(process.env.ASKED === "no" ? 0 : 3)', 10_000, { ASKED: 'no' })),
    ).toEqual({ ok: true });
  });

  test('fails with its exit code and the last thing that it said', async () => {
    const script =
      'console.log("fetching"); console.error("E: no such package\\n  at line 7\\n}"); process.exitCode = 100';
    expect(await runInstallCommand(node(script))).toEqual({ ok: false, why: 'exit code 100: E: no such package' });
  });

  test('fails when the program is not there', async () => {
    const result = await runInstallCommand({ command: '/no/such/program', args: [], limitMs: 1000 });
    expect(result).toEqual({ ok: false, why: expect.stringContaining('ENOENT') });
  });

  test('is stopped at its time limit', async () => {
    const startMs = performance.now();
    expect(await runInstallCommand(node('setInterval(() => {}, 1000)', 300))).toEqual({
      ok: false,
      why: 'stopped after 0.3 s',
    });
    expect(performance.now() - startMs).toBeLessThan(3000);
  });

  test('is killed five seconds later when it does not listen', async () => {
    const deaf = 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)';
    expect(await runInstallCommand(node(deaf, 1000))).toEqual({ ok: false, why: 'stopped after 1 s' });
  });

  test('is stopped by an abort, also one that came before', async () => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 200);
    const forever = node('setInterval(() => {}, 1000)');
    expect(await runInstallCommand(forever, abort.signal)).toEqual({ ok: false, why: 'interrupted' });
    expect(await runInstallCommand(forever, abort.signal)).toEqual({ ok: false, why: 'interrupted' });
  });
});
