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

  add(fault: Fault): void {
    this.#faults.push(fault);
    if (this.#faults.length > KEPT) this.#faults.shift();
  }

  /** Newest last. */
  list(): readonly Fault[] {
    return [...this.#faults];
  }
}
