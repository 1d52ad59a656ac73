/**
 * GET over one kept connection: HTTP/2 for https (any certificate: it is loopback's own), HTTP/1.1 otherwise.
 * A request that fails is status 0. Invariant: an answer is given when its last byte is there; `onBytes` hears of them as they come.
 */
import { Agent, get as httpGet } from 'node:http';
import { type ClientHttp2Session, connect } from 'node:http2';

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

export interface Source {
  get(url: string, onBytes?: (bytes: Buffer) => void): Promise<Answer>;
}

const FAILED: Answer = { status: 0, body: Buffer.alloc(0) };

export function openSource(url: string): Source {
  return url.startsWith('https:') ? http2Source(new URL(url).origin) : http1Source();
}

function http1Source(): Source {
  const agent = new Agent({ keepAlive: true });
  return {
    get: (url, onBytes = () => undefined) =>
      new Promise((resolve) => {
        const request = httpGet(url, { agent }, (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => {
            chunks.push(chunk);
            onBytes(chunk);
          });
          response.once('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
          response.once('error', () => resolve(FAILED));
        });
        request.once('error', () => resolve(FAILED));
      }),
  };
}

function http2Source(origin: string): Source {
  let session: ClientHttp2Session | undefined;
  const open = (): ClientHttp2Session => {
    if (session !== undefined && !session.closed && !session.destroyed) return session;
    session = connect(origin, { rejectUnauthorized: false });
    session.on('error', () => undefined);
    return session;
  };
  return {
    get: (url, onBytes = () => undefined) =>
      new Promise((resolve) => {
        const { pathname, search } = new URL(url);
        const stream = open().request({ ':path': pathname + search });
        const chunks: Buffer[] = [];
        let status = 0;
        stream.once('response', (headers) => {
          status = headers[':status'] ?? 0;
        });
        stream.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          onBytes(chunk);
        });
        stream.once('end', () => resolve({ status, body: Buffer.concat(chunks) }));
        stream.once('error', () => resolve(FAILED));
        stream.once('close', () => resolve(FAILED));
      }),
  };
}
