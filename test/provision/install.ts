/**
 * Makes the plan of programs.ts true: runs apt-get, and looks again. The thin effect beside the pure decision.
 * Invariant: when it returns, every needed program was found; its last word otherwise says which was not.
 */
import path from 'node:path';
import { findProgram, type InstallResult, runInstallCommand, thisMachine } from '../../src/cli/install-step.ts';
import { locateFfmpeg } from '../../src/transcode/locate.ts';
import { DAEMON_FOLDERS, type NeededProgram, planPrograms } from './programs.ts';

/** A look at the machine: the ffmpeg that works is found by the service's own search, all else along PATH. */
async function lookAround(): Promise<{
  find: (name: string) => string | undefined;
  ffmpegProblem: string | undefined;
}> {
  const ffmpeg = await locateFfmpeg({ setting: undefined, environment: process.env });
  const ffmpegPath = ffmpeg.kind === 'found' ? ffmpeg.path : undefined;
  const beside = ffmpegPath === undefined ? [] : [path.dirname(ffmpegPath)];
  const find = (name: string): string | undefined =>
    name === 'ffmpeg' ? ffmpegPath : findProgram(name, process.env['PATH'], [...DAEMON_FOLDERS, ...beside]);
  return { find, ffmpegProblem: ffmpeg.kind === 'found' ? undefined : ffmpeg.message };
}

/** Everything is there, and where; or what is wrong and what to do about it. */
export type TestPrograms =
  | { readonly kind: 'ready'; readonly environment: NodeJS.ProcessEnv }
  | { readonly kind: 'problem'; readonly says: string };

export async function provideTestPrograms(
  needed: readonly NeededProgram[],
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<TestPrograms> {
  const before = await lookAround();
  // Somebody named an ffmpeg that is of no use: installing another would not change what they named.
  if (process.env['FFMPEG_PATH'] && before.ffmpegProblem !== undefined)
    return { kind: 'problem', says: before.ffmpegProblem };
  const plan = planPrograms(needed, before.find, thisMachine());
  if (plan.kind === 'nothing') return { kind: 'ready', environment: testEnvironment(before.find) };
  if (plan.kind === 'impossible') return { kind: 'problem', says: plan.says };
  say(plan.says);
  const results: InstallResult[] = [];
  for (const command of [plan.update, plan.install]) {
    say(`running ${command.command} ${command.args[0]} (at most ${command.limitMs / 1000} s)`);
    results.push(await runInstallCommand(command, signal));
  }
  const after = await lookAround();
  const left = planPrograms(needed, after.find, { ...thisMachine(), root: false });
  if (left.kind !== 'impossible') return { kind: 'ready', environment: testEnvironment(after.find) };
  const reasons = results.flatMap((result) => (result.ok ? [] : [result.why]));
  return { kind: 'problem', says: `apt-get: ${reasons.join('; ') || 'no error'}. Still ${left.says}` };
}

/** The environment of the test runs: daemons on PATH, and one ffmpeg for all, whatever else is installed. */
function testEnvironment(find: (name: string) => string | undefined): NodeJS.ProcessEnv {
  const folders = [process.env['PATH'], ...DAEMON_FOLDERS].join(path.delimiter);
  const ffmpegPath = find('ffmpeg');
  return { ...process.env, PATH: folders, ...(ffmpegPath === undefined ? {} : { FFMPEG_PATH: ffmpegPath }) };
}
