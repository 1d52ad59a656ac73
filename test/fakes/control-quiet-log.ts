/** A Logger that keeps its lines for a test to read. */
import type { Logger } from '../../src/system/log.ts';

export interface KeptLog extends Logger {
  readonly lines: {
    readonly level: string;
    readonly fields: object;
    readonly message: string;
  }[];
}

export function keptLog(): KeptLog {
  const lines: { level: string; fields: object; message: string }[] = [];
  const at = (level: string) => (fields: object, message: string) => {
    lines.push({ level, fields, message });
  };
  const log: KeptLog = {
    lines,
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => log,
  };
  return log;
}
