import { textOf } from './line.ts';
import { run } from './waiters.ts';

for (const l of await run(Number(process.argv[2] ?? 3))) console.log(textOf(l));
