/** Proves to a receiver that a webhook is ours and recent. Pure; the secret never leaves it but as a hash. */
import { createHmac } from 'node:crypto';

/**
 * The value of Pitchside-Signature: `sha256=` and the hexadecimal HMAC-SHA-256 of `TIMESTAMP.BODY`.
 * timestampSeconds is what Pitchside-Timestamp says: a receiver refuses old ones, so that nobody sends what he has overheard again.
 */
export function webhookSignature(secret: string, timestampSeconds: number, body: string): string {
  return `sha256=${createHmac('sha256', secret).update(`${timestampSeconds}.${body}`).digest('hex')}`;
}
