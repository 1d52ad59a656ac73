/**
 * A port that can be listened on, near the one that was wished for.
 * It never keeps the port: between the look and the use somebody else may take it, and then the service says so.
 */
import { createServer } from 'node:net';

const NEIGHBOURS = 20;

/** Whether one can listen there now; else why not (`EADDRINUSE`, `EACCES`). */
export function portFault(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(undefined)));
  });
}

/** The port itself, else the next free one of its neighbours that is not `taken`, else 0 (any). */
export async function freePortNear(host: string, port: number, taken: readonly number[] = []): Promise<number> {
  if (port === 0) return 0;
  for (let candidate = port; candidate <= Math.min(65_535, port + NEIGHBOURS); candidate += 1) {
    if (!taken.includes(candidate) && (await portFault(host, candidate)) === undefined) return candidate;
  }
  return 0;
}
