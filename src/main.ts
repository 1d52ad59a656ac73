#!/usr/bin/env node
/**
 * The process edge: arguments in, exit code out, and the last word on what nobody caught.
 * It never knows a command. Invariant: the process ends with 0 only when a command said so.
 */
import { allCommands } from './cli/commands.ts';
import { processIo } from './cli/io.ts';
import { openDoors } from './cli/open-doors.ts';
import { runCommandLine } from './cli/run.ts';
import { systemClock } from './system/clock.ts';
import { messageOf } from './system/errors.ts';
import { openLog } from './system/log.ts';
import { programVersion } from './system/version.ts';

/** Also what a loop that runs dry while a command waits ends with. */
process.exitCode = 1;

function onFault(kind: string): (error: unknown) => void {
  return (error) => {
    const stack = error instanceof Error ? error.stack : undefined;
    openLog('error').error({ kind, error: messageOf(error), stack }, 'a fault of the program; ending');
    process.exit(1);
  };
}

process.on('uncaughtException', onFault('uncaughtException'));
process.on('unhandledRejection', onFault('unhandledRejection'));

const clock = systemClock();
process.exit(
  await runCommandLine(process.argv.slice(2), allCommands(openDoors(clock)), programVersion(), processIo(clock)),
);
