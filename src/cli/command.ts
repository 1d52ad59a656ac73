/**
 * What a command of the command line is: its flags as a table, from which arguments are read and the help is written.
 * It never runs anything. Invariant: a flag that is read is in the table, so it is in the help.
 */

export interface Flag {
  /** Without the dashes. */
  readonly name: string;
  /** Name of the value in the help (`PORT`); without it the flag is on or off. */
  readonly value?: string;
  /** What it does, with its default. */
  readonly help: string;
}

export interface CommandShape {
  readonly name: string;
  /** One line for the overview. */
  readonly summary: string;
  /** What follows the command's name and flags: `FILE URL`. */
  readonly operands?: string;
  /** Most operands that are taken. */
  readonly maxOperands?: number;
  /** What it does, in a few lines. */
  readonly about: readonly string[];
  readonly flags: readonly Flag[];
  /** Lines after the flags: examples, environment. */
  readonly notes?: readonly string[];
}

export interface Arguments {
  /** The value of a flag that takes one. */
  text(flag: string): string | undefined;
  on(flag: string): boolean;
  readonly operands: readonly string[];
}

export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** The process as a command sees it. */
export interface CommandIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
  /** One line on stdout. */
  out(line: string): void;
  /** One line on stderr. */
  err(line: string): void;
  /** Shows `line` in the place of the one before on a terminal, or clears it; false where stderr is none, and nothing is shown. */
  progress(line: string | undefined): boolean;
  /** Process id of the parent as it is now. */
  parentId(): number;
  /** Calls at the first SIGINT, SIGTERM or SIGHUP; at the second the process has ended. Returns the way to stop listening. */
  onStopSignal(listener: (signal: StopSignal) => void): () => void;
}

export interface Command extends CommandShape {
  /** Resolves with the exit code. Throws a ServiceError for what a person can mend. */
  run(args: Arguments, io: CommandIo): Promise<number>;
}
