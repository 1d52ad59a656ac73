/** Why the RTMP child could not open a port, for people. */
import { ServiceError } from '../system/errors.ts';

/** PORT_IN_USE or PORT_FORBIDDEN. */
export function listenError(
  protocol: 'rtmp' | 'rtmps',
  host: string,
  { port, code, message }: { readonly port: number; readonly code: string; readonly message: string },
): ServiceError {
  const name = protocol.toUpperCase();
  const setting = protocol === 'rtmp' ? '--rtmp-port' : 'rtmps.port in the settings file';
  if (code === 'EADDRINUSE')
    return new ServiceError('PORT_IN_USE', `${name} port ${port} is in use.`, {
      hint: `Stop the other program, or choose another port with ${setting}.`,
      details: { port },
    });
  return new ServiceError(
    'PORT_FORBIDDEN',
    code === 'EACCES'
      ? `${name} port ${port} may not be opened by this user.`
      : `${name} cannot listen on ${host}:${port}: ${message}`,
    {
      hint: `Choose a port above 1023 with ${setting}, and an address of this machine.`,
      details: { host, port, cause: code },
    },
  );
}
