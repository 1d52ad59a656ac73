/**
 * The RTMP child process: `node main.js SOCKET`. It is the only process that reads bytes of strangers as RTMP.
 * It never outlives the service: the end of stdin or of the control connection ends it. It prints `ready` and nothing else.
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

// Ctrl-C and service managers signal the whole group; the service decides when this process ends.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.on('SIGHUP', () => undefined);
process.stdin.on('end', () => leave(socketPath));
process.stdin.on('error', () => leave(socketPath));
process.stdin.resume();
process.on('uncaughtException', (thrown) => {
  process.stderr.write(`rtmp child: ${messageOf(thrown)}\n`);
  process.exit(1);
});

tameLibrary();
await new ServiceLink(systemClock(), () => leave(socketPath)).listen(socketPath);
process.stdout.write('ready\n');
