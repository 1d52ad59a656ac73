/**
 * Asks the RTMP child of the service before for the origin's port, which it keeps open while there is no service (child/waiting-room.ts).
 * It never fails and never waits long. Invariant: whoever got the port says `taken`, whether it could use it or not.
 */
import { connect } from 'node:net';
import { join } from 'node:path';
import { socketAddress } from '../system/socket-path.ts';
import { encodeLine, HTTP_YIELDED } from './link-messages.ts';

/** In the handover folder. */
export const HANDOVER_SOCKET = 'rtmp.sock';
/** A child of an older version does not answer. */
const ANSWER_WITHIN_MS = 300;

export interface YieldedPort {
  /** Who waited there is sent on now. */
  taken(): void;
}

/** Undefined where no child listens in the folder. */
export function takeHttpPort(handoverFolder: string): Promise<YieldedPort | undefined> {
  return new Promise((resolve) => {
    let address: string;
    try {
      address = socketAddress(join(handoverFolder, HANDOVER_SOCKET));
    } catch {
      resolve(undefined);
      return;
    }
    const socket = connect(address);
    const over = (port: YieldedPort | undefined): void => {
      clearTimeout(late);
      if (port === undefined) socket.destroy();
      resolve(port);
    };
    const late = setTimeout(() => over(undefined), ANSWER_WITHIN_MS);
    socket.on('error', () => over(undefined));
    socket.on('close', () => over(undefined));
    socket.setEncoding('utf8').on('data', (text: string) => {
      if (text.startsWith(HTTP_YIELDED)) over({ taken: () => socket.end(encodeLine({ kind: 'http-taken' })) });
    });
    socket.write(encodeLine({ kind: 'http-yield' }));
  });
}
