/** A Logger that keeps its lines, with the fields of its parents, for a test to read. */
import type { Logger } from '../../src/system/log.ts';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export class MemoryLog implements Logger {
  readonly lines: LogLine[];
  readonly #bindings: object;

  constructor(lines: LogLine[] = [], bindings: object = {}) {
    this.lines = lines;
    this.#bindings = bindings;
  }

  debug(fields: object, message: string): void {
    this.#keep('debug', fields, message);
  }

  info(fields: object, message: string): void {
    this.#keep('info', fields, message);
  }

  warn(fields: object, message: string): void {
    this.#keep('warn', fields, message);
  }

  error(fields: object, message: string): void {
    this.#keep('error', fields, message);
  }

  child(bindings: object): Logger {
    return new MemoryLog(this.lines, { ...this.#bindings, ...bindings });
  }

  /** The fields of the lines with this message. */
  saying(message: string): Readonly<Record<string, unknown>>[] {
    return this.lines.filter((line) => line.message === message).map(({ fields }) => fields);
  }

  #keep(level: LogLine['level'], fields: object, message: string): void {
    this.lines.push({ level, fields: { ...this.#bindings, ...fields }, message });
  }
}
