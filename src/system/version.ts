/** The version of the program, from package.json, which stands at the same relative place from src and from dist. */
import { readFileSync } from 'node:fs';

/** Throws when the package is incomplete. */
export function programVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
