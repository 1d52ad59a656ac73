/**
 * `npm run docs`: prints the cache policy into docker/README.md.
 * A unit test fails when what stands there is not what this prints.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { withCachePolicy } from './cache-policy-table.ts';

const README = new URL('../../docker/README.md', import.meta.url);

await writeFile(README, withCachePolicy(await readFile(README, 'utf8')));
