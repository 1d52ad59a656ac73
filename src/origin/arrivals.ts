/**
 * Requests that came in one turn of the event loop, answered one after another at its end. Who reads the answers on this machine (an
 * edge, a shield) is woken once for many of them, not for each; and what is asked alike is written from one buffer (burst.ts).
 * It never answers one twice and drops none. Invariant: in order of arrival, and as many a turn as leave others theirs.
 */

/** Some 10 ms of answers. */
const A_TURN = 256;

export class Arrivals<T> {
  readonly #answer: (arrival: T) => void;
  readonly #nextTurn: (call: () => void) => void;
  #waiting: T[] = [];
  #isTurnComing = false;

  /** `answer` does not throw; `nextTurn` calls once the sockets of this turn have been read (setImmediate). */
  constructor(answer: (arrival: T) => void, nextTurn: (call: () => void) => void = setImmediate) {
    this.#answer = answer;
    this.#nextTurn = nextTurn;
  }

  add(arrival: T): void {
    this.#waiting.push(arrival);
    this.#comeBack();
  }

  #comeBack(): void {
    if (this.#isTurnComing) return;
    this.#isTurnComing = true;
    this.#nextTurn(() => {
      this.#isTurnComing = false;
      const now = this.#waiting.slice(0, A_TURN);
      this.#waiting = this.#waiting.slice(A_TURN);
      if (this.#waiting.length > 0) this.#comeBack();
      for (const arrival of now) this.#answer(arrival);
    });
  }
}
