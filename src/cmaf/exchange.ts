/**
 * One HTTP request and its answer: feeds a TrackBody, answers once, and lingers so that a refused source can read why.
 * It never decides anything about media. Invariant: whatever the bytes or the connection do ends this request alone.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../system/clock.ts';
import type { Logger } from '../system/log.ts';
import { causeOf, refusal, refusalOf, statusOf } from './refusal.ts';
import type { CmafRefusal } from './sink.ts';
import type { TrackBody } from './track-body.ts';

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How long a refused source may go on sending before its socket is closed under it: long enough to read the answer. */
const LINGER_MS = 1000;
const MAX_MANIFEST_BYTES = 1024 * 1024;

/** Receives the body; `onClose` is called once, when the request is over in whichever way. */
export function receiveBody(exchange: Exchange, body: TrackBody, onClose: () => void): void {
  const { request, log } = exchange;
  let isRefused = false;
  const refuse = (why: CmafRefusal, cause: string | undefined): void => {
    isRefused = true;
    log.warn({ code: why.code, reason: why.message, cause }, 'CMAF body refused');
    sendRefusal(exchange, why);
  };
  const guarded = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      refuse(refusalOf(error), causeOf(error));
    }
  };
  request.on('data', (bytes: Buffer) => {
    if (!isRefused) guarded(() => body.push(bytes, exchange.clock.nowMs()));
  });
  request.on('end', () => {
    if (isRefused) return;
    guarded(() => body.end());
    if (!isRefused) sendOk(exchange);
  });
  request.on('timeout', () => {
    if (isRefused) return;
    const why = refusal('PUBLISH_IDLE', 'Nothing was sent for too long.');
    guarded(() => body.refuse(why));
    if (!isRefused) refuse(why, undefined);
  });
  request.on('error', (error) => log.debug({ reason: error.message }, 'CMAF connection broke'));
  request.on('close', () => {
    guarded(() => body.abort());
    onClose();
  });
}

/** Reads a manifest to its end and forgets it: "updated MPDs may be ignored" (interface 1). */
export function swallowManifest(exchange: Exchange): void {
  const { request } = exchange;
  let received = 0;
  let isRefused = false;
  request.on('data', (bytes: Buffer) => {
    received += bytes.length;
    if (isRefused || received <= MAX_MANIFEST_BYTES) return;
    isRefused = true;
    sendRefusal(exchange, refusal('CMAF_TOO_LARGE', 'No manifest has more than 1 MiB.', 'Send manifests below 1 MiB.'));
  });
  request.on('end', () => {
    if (!isRefused) sendOk(exchange);
  });
  request.on('error', (error) => exchange.log.debug({ reason: error.message }, 'CMAF connection broke'));
}

function sendOk({ response }: Exchange): void {
  response.writeHead(200, { 'content-length': 0 });
  response.end();
}

/**
 * The answer goes out at once; the socket is closed when the source has finished sending, or after LINGER_MS.
 * Closed with unread bytes, the kernel would reset the connection and the source would never see the answer.
 */
export function sendRefusal({ request, response, clock }: Exchange, why: CmafRefusal): void {
  if (response.headersSent || response.destroyed) return;
  const text = JSON.stringify({ code: why.code, message: why.message, hint: why.hint });
  const status = statusOf(why.code);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    connection: 'close',
    ...(status === 405 ? { allow: 'POST, PUT' } : {}),
  });
  response.write(text);
  if (request.complete) {
    response.end();
    return;
  }
  const cancel = clock.after(LINGER_MS, () => response.end());
  const finish = (): void => {
    cancel();
    response.end();
  };
  request.once('end', finish);
  request.once('close', finish);
  request.resume();
}
