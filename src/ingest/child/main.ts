/**
 * The RTMP child process: `node main.js SOCKET`. It is the only process that reads bytes of strangers as RTMP.
 * It never outlives its service, but for a hold of seconds in which the next one may take over its publishers (service-link.ts).
 * It prints `ready` and nothing else, and needs neither pipe nor terminal of who started it.
 */
import { rmdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemClock } from '../../system/clock.ts';
import { messageOf } from '../../system/errors.ts';
import { tameLibrary } from './library.ts';
import { ServiceLink } from './service-link.ts';

const socketPath = process.argv[2];
if (socketPath === undefined) {
  process.stderr.write('This process is started by the service, with the path of its socket.\n');
  process.exit(2);
}

function leave(path: string): never {
  // The folder was made for this socket alone; a service that was killed cannot remove it.
  rmSync(path, { force: true });
  try {
    rmdirSync(dirname(path));
  } catch {
    // Removed by the service already, or not empty and so not ours.
  }
  process.exit(0);
}

const link = new ServiceLink(systemClock(), () => leave(socketPath));
// Ctrl-C and a closed terminal are the service's to judge. SIGTERM to this process alone, or to all of a unit's, means it.
process.on('SIGINT', () => undefined);
process.on('SIGHUP', () => undefined);
process.on('SIGTERM', () => link.leave('the process is told to end'));
process.stdin.on('end', () => link.starterGone());
process.stdin.on('error', () => link.starterGone());
process.stdin.resume();
// Their reader may have gone: this process goes on.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
process.on('uncaughtException', (thrown) => {
  process.stderr.write(`rtmp child: ${messageOf(thrown)}\n`);
  process.exit(1);
});

tameLibrary();
// What a killed one left; whoever starts this process has made sure that nobody listens on it.
rmSync(socketPath, { force: true });
await link.listen(socketPath);
process.stdout.write('ready\n');
