/** The last faults of a Channel, for its status. It never logs. Invariant: at most 20 are kept. */

export interface Fault {
  readonly atMs: number;
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

const KEPT = 20;

export class FaultLog {
  readonly #faults: Fault[] = [];
  readonly #onFault: (code: string) => void;

  /** `onFault` is told the code of each. */
  constructor(onFault: (code: string) => void = () => undefined) {
    this.#onFault = onFault;
  }

  add(fault: Fault): void {
    this.#onFault(fault.code);
    this.#faults.push(fault);
    if (this.#faults.length > KEPT) this.#faults.shift();
  }

  /** Newest last. */
  list(): readonly Fault[] {
    return [...this.#faults];
  }
}
