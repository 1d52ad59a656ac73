/**
 * The RTMP child process: `node main.js SOCKET`. It is the only process that reads bytes of strangers as RTMP.
 * It never outlives the service: the end of stdin or of the control connection ends it. It prints `ready` and nothing else.
 */
import { rmSync } from 'node:fs';
import { systemClock } from '../../system/clock.ts';
import { messageOf } from '../../system/errors.ts';
import { tameLibrary } from './library.ts';
import { ServiceLink } from './service-link.ts';

const socketPath = process.argv[2] ?? '';

function leave(): never {
  rmSync(socketPath, { force: true });
  process.exit(0);
}

// Ctrl-C and service managers signal the whole group; the service decides when this process ends.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.on('SIGHUP', () => undefined);
process.stdin.on('end', leave);
process.stdin.on('error', leave);
process.stdin.resume();
process.on('uncaughtException', (thrown) => {
  process.stderr.write(`rtmp child: ${messageOf(thrown)}\n`);
  process.exit(1);
});

tameLibrary();
await new ServiceLink(systemClock(), leave).listen(socketPath);
process.stdout.write('ready\n');
