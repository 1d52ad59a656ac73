/**
 * `npm run chaos -- --minutes 10 --seed N [--log FILE] [--replay FILE]`: random faults, strict readers, findings by rule.
 * Exit code: 0 nothing was broken, 1 something was. The log's lines of kind `fault` are what --replay does again.
 */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type ChaosOptions, runChaos } from './run-chaos.ts';
import { lastsMs, readSchedule } from './schedule.ts';

/** After the last fault of a replay: what it takes to be live again and looked at. */
const CALM_MS = 14_000;

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string' },
    log: { type: 'string' },
    replay: { type: 'string' },
  },
});
const seed = Number(values.seed ?? process.pid);
const logFile = values.log ?? join(tmpdir(), `chaos-${seed}.jsonl`);
const faults = values.replay === undefined ? undefined : readSchedule(readFileSync(values.replay, 'utf8'));
const lengthMs =
  faults === undefined
    ? Number(values.minutes) * 60_000
    : Math.max(0, ...faults.map(({ atMs, fault }) => atMs + lastsMs(fault))) + CALM_MS;
writeFileSync(logFile, '');
const options: ChaosOptions = {
  seed,
  lengthMs,
  onEntry: (entry) => appendFileSync(logFile, `${JSON.stringify(entry)}\n`),
  ...(faults === undefined ? {} : { faults }),
};
console.log(`chaos: seed ${seed}, ${(lengthMs / 60_000).toFixed(1)} min, log ${logFile}`);
const outcome = await runChaos(options);
for (const { rule, where, message } of outcome.findings) console.log(`${rule}\n    ${message}\n    ${where}`);
console.log(
  `chaos: seed ${seed}: ${outcome.faults.length} faults, ${outcome.texts} texts, ${outcome.objects} objects, ` +
    `${outcome.joined} Segments joined from their parts, ${outcome.findings.length} findings; longest between two Segments: ` +
    [...outcome.longestAdvanceMs].map(([channel, ms]) => `${channel} ${(ms / 1000).toFixed(1)} s`).join(', '),
);
process.exitCode = outcome.findings.length === 0 ? 0 : 1;
