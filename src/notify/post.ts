/**
 * One attempt at a webhook over HTTP.
 * It never follows a redirect, reads no body and takes 5 s at most. Invariant: it always resolves, whatever the receiver does.
 */
import type { Clock } from '../system/clock.ts';
import { messageOf } from '../system/errors.ts';

export interface PostRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Ends it early. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

export type PostOutcome = { readonly kind: 'taken' } | { readonly kind: 'failed'; readonly reason: string };

const TIMEOUT_MS = 5000;

/** Any 2xx is taken. The reason of a failure never has the URL in it: hooks have secrets there. */
export async function postWebhook({ url, headers, body, signal, clock }: PostRequest): Promise<PostOutcome> {
  const timeout = new AbortController();
  const cancel = clock.after(TIMEOUT_MS, () => timeout.abort());
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers,
      body,
      redirect: 'manual',
      signal: AbortSignal.any([signal, timeout.signal]),
    });
    await response.body?.cancel();
    return response.ok ? { kind: 'taken' } : { kind: 'failed', reason: `status ${response.status}` };
  } catch (thrown) {
    if (timeout.signal.aborted) return { kind: 'failed', reason: `no answer within ${TIMEOUT_MS} ms` };
    return { kind: 'failed', reason: reasonOf(thrown) };
  } finally {
    cancel();
  }
}

/** fetch says "fetch failed"; what failed is in its cause. */
function reasonOf(thrown: unknown): string {
  const cause = thrown instanceof Error ? thrown.cause : undefined;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
  return code ?? (cause instanceof Error ? cause.name : messageOf(thrown).slice(0, 100));
}
