/**
 * Plain HTTP as a checker needs it: no redirects followed, no coding undone, no cache, bodies bounded.
 * It never retries what may have been answered: an answer is evidence. Lost requests reject with the reason.
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { HeaderMap } from './model.ts';

interface CheckRequest {
  readonly method: 'GET' | 'HEAD';
  readonly url: string;
  readonly headers: HeaderMap;
  readonly signal: AbortSignal;
}

interface CheckAnswer {
  readonly status: number;
  readonly headers: HeaderMap;
  /** As sent, content coding and all. */
  readonly body: Buffer;
}

export type CheckFetch = (request: CheckRequest) => Promise<CheckAnswer>;

const MAX_BODY_BYTES = 64 * 1024 * 1024;
/** Longer than any hold of a blocking reload (3 target durations). */
const IDLE_TIMEOUT_MS = 20_000;

export interface FetchDoor {
  readonly fetch: CheckFetch;
  close(): void;
}

/** A CheckFetch over kept-alive sockets; `close` ends them. */
export function openFetch(): FetchDoor {
  const http = new HttpAgent({ keepAlive: true, maxSockets: 64 });
  const https = new HttpsAgent({ keepAlive: true, maxSockets: 64 });
  const send = ({ method, url, headers, signal }: CheckRequest, mayRepeat: boolean): Promise<CheckAnswer> =>
    new Promise((resolve, reject) => {
      const secure = url.startsWith('https:');
      const request = secure ? httpsRequest : httpRequest;
      const agent = mayRepeat && (secure ? https : http);
      const outgoing = request(url, { method, headers, signal, agent }, (incoming) => {
        readBody(incoming).then(
          (body) => resolve({ status: incoming.statusCode ?? 0, headers: headersOf(incoming), body }),
          reject,
        );
      });
      outgoing.setTimeout(IDLE_TIMEOUT_MS, () =>
        outgoing.destroy(new Error(`no answer for ${IDLE_TIMEOUT_MS / 1000} s`)),
      );
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        // RFC 9112 9.3.1: a kept connection may be closed while a request is on its way; a GET may be sent again on a new one.
        if (mayRepeat && outgoing.reusedSocket && error.code === 'ECONNRESET' && !signal.aborted) {
          send({ method, url, headers, signal }, false).then(resolve, reject);
        } else reject(error);
      });
      outgoing.end();
    });
  return {
    fetch: (request) => send(request, true),
    close() {
      http.destroy();
      https.destroy();
    },
  };
}

async function readBody(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming) {
    if (!Buffer.isBuffer(chunk)) continue;
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw new Error(`the body is longer than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function headersOf(incoming: IncomingMessage): HeaderMap {
  return Object.fromEntries(
    Object.entries(incoming.headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}
