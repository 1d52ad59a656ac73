/**
 * `npm run schema`: writes ladders/ladder.schema.json from the zod schema, for editors.
 * A unit test fails when the committed file is not what this writes.
 */
import { writeFile } from 'node:fs/promises';
import { ladderSchemaText } from './ladder-schema.ts';
import { LADDERS_DIRECTORY } from './shipped-ladders.ts';

await writeFile(`${LADDERS_DIRECTORY}/ladder.schema.json`, ladderSchemaText());
