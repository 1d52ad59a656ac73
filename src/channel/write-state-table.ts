/**
 * `npm run docs`: prints the table of the Channel's states into src/README.md.
 * A unit test fails when what stands there is not what this prints.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { withStateTable } from './state-table.ts';

const README = new URL('../README.md', import.meta.url);

await writeFile(README, withStateTable(await readFile(README, 'utf8')));
