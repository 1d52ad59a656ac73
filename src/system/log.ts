/**
 * The log: one interface, satisfied by pino, passed down and never global.
 * Messages are constant strings, facts are fields; stream keys and secrets are never fields.
 */
import { pino } from 'pino';

export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(bindings: object): Logger;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** JSON lines on the given file descriptor (2 is stderr: stdout belongs to the command's own answer). */
export function openLog(level: LogLevel, fileDescriptor = 2): Logger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination(fileDescriptor));
}
