/** What went wrong with an encoder, as its Channel tells it. Data alone. */

export interface WorkerFault {
  readonly level: 'warn' | 'error';
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  /** The encoder's last words. */
  readonly lines: readonly string[];
}
