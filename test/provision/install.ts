/**
 * Makes the plan of programs.ts true: runs apt-get, and looks again. The thin effect beside the pure decision.
 * Invariant: when it returns, every needed program was found; its last word otherwise says which was not.
 */
import path from 'node:path';
import { findProgram, type InstallResult, runInstallCommand, thisMachine } from '../../src/cli/install-step.ts';
import { DAEMON_FOLDERS, NEEDED_PROGRAMS, planPrograms } from './programs.ts';

/** FFMPEG_PATH names the ffmpeg, and the ffprobe beside it where there is one; all else is found along PATH. */
function findNeeded(name: string): string | undefined {
  const { PATH, FFMPEG_PATH } = process.env;
  if (name === 'ffmpeg' && FFMPEG_PATH) return FFMPEG_PATH;
  const beside = FFMPEG_PATH ? [path.dirname(FFMPEG_PATH)] : [];
  return findProgram(name, PATH, [...DAEMON_FOLDERS, ...beside]);
}

/**
 * @returns undefined when everything is there, else what is wrong and what to do
 */
export async function provideTestPrograms(
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<string | undefined> {
  const plan = planPrograms(NEEDED_PROGRAMS, findNeeded, thisMachine());
  if (plan.kind === 'nothing') return undefined;
  if (plan.kind === 'impossible') return plan.says;
  say(plan.says);
  const results: InstallResult[] = [];
  for (const command of [plan.update, plan.install]) {
    say(`running ${command.command} ${command.args[0]} (at most ${command.limitMs / 1000} s)`);
    results.push(await runInstallCommand(command, signal));
  }
  const left = planPrograms(NEEDED_PROGRAMS, findNeeded, { ...thisMachine(), root: false });
  if (left.kind !== 'impossible') return undefined;
  const reasons = results.flatMap((result) => (result.ok ? [] : [result.why]));
  return `apt-get: ${reasons.join('; ') || 'no error'}. Still ${left.says}`;
}

/** The environment of the test runs: daemons on PATH, and one ffmpeg for all, whatever else is installed. */
export function testEnvironment(): NodeJS.ProcessEnv {
  const ffmpegPath = findNeeded('ffmpeg');
  const folders = [process.env['PATH'], ...DAEMON_FOLDERS].join(path.delimiter);
  return { ...process.env, PATH: folders, ...(ffmpegPath === undefined ? {} : { FFMPEG_PATH: ffmpegPath }) };
}
