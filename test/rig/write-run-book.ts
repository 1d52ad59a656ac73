/** `npm run docs`: prints the run book of docker/prometheus/alerts.yml into docker/match-day.md. A unit test fails when it is another. */
import { readFile, writeFile } from 'node:fs/promises';
import { withRunBook } from './run-book.ts';

const DOCKER = new URL('../../docker/', import.meta.url);
const BOOK = new URL('match-day.md', DOCKER);
const alerts = await readFile(new URL('prometheus/alerts.yml', DOCKER), 'utf8');

await writeFile(BOOK, withRunBook(await readFile(BOOK, 'utf8'), alerts));
