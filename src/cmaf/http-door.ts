/**
 * What the HTTP servers of the room have in common: how they are bound, what is answered to what is no HTTP, and their own name.
 * It never reads a body. Invariant: a port that cannot be opened is a ServiceError that says which and what to do.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { messageOf, ServiceError } from '../system/errors.ts';

/** What is no HTTP gets the same shape of answer as everything else, and its socket is closed. */
export function answerBrokenHttp(error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const [status, reason] =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? [408, 'Request Timeout']
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? [431, 'Request Header Fields Too Large']
        : [400, 'Bad Request'];
  const text = JSON.stringify({
    code: 'HTTP_BAD_REQUEST',
    message: `${reason}: this is no HTTP request the receiver can read.`,
  });
  const head = `HTTP/1.1 ${status} ${reason}\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n`;
  socket.end(head + text, () => socket.destroy());
}

export async function listen(server: Server, host: string, port: number): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const where = `${host}:${port}`;
    if (code === 'EACCES') {
      const hint = 'Choose a port above 1023 for CMAF ingest, or grant the right to bind to this one.';
      throw new ServiceError('PORT_FORBIDDEN', `CMAF ingest may not listen on ${where}.`, { hint, cause: error });
    }
    const hint = 'Choose another address or port for CMAF ingest, or stop the program that uses this one.';
    throw new ServiceError('PORT_IN_USE', `CMAF ingest cannot listen on ${where}: ${messageOf(error)}.`, {
      hint,
      cause: error,
    });
  }
}
