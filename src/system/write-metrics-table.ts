/**
 * `npm run docs`: prints the metrics into docker/README.md.
 * A unit test fails when what stands there is not what this prints.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { withMetrics } from './metrics-table.ts';

const README = new URL('../../docker/README.md', import.meta.url);

await writeFile(README, withMetrics(await readFile(README, 'utf8')));
