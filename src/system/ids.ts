/** Random ids and short content hashes: the only place where randomness enters. */
import { createHash, randomBytes } from 'node:crypto';

export function randomId(bytes = 8): string {
  return randomBytes(bytes).toString('hex');
}

/** A secret for a stream key or a per-run token: 128 bits, URL-safe. */
export function randomSecret(): string {
  return randomBytes(16).toString('base64url');
}

/** From 0 to below 1, evenly. */
export function randomShare(): number {
  return randomBytes(4).readUInt32BE() / 2 ** 32;
}

/** The first `length` hex digits of the SHA-256 of the parts. */
export function contentHash(parts: readonly (string | Uint8Array)[], length = 16): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex').slice(0, length);
}
