/**
 * Long lists of calls in slices, one slice a turn of the event loop, so that other requests get their turn in between.
 * What clients wait for (`soon`) goes before what can wait (`later`). It never drops a call and never makes one twice.
 * Invariant: `later` never waits for more than PASSED_OVER turns of `soon`.
 */

/** What is done in one slice is done without a break; the same object for all calls of one slice. */
export type Slice = object;

export interface Turns {
  /** Calls for each, in order: the first slice before it returns unless others are waiting, the others in turns to come. */
  soon<T>(items: readonly T[], call: (item: T, slice: Slice) => void): void;
  /** Calls for each in turns to come. The list may still grow in the turn of this call. */
  later<T>(items: readonly T[], call: (item: T) => void): void;
  /** Makes all calls of `soon` that are due before it returns. */
  flush(): void;
}

/** Some 5 ms of writes. */
const SLICE_ITEMS = 256;
/** As many turns as it takes to answer all whom the origin holds at its bound. */
const PASSED_OVER = 64;

/** Does one slice; true while there is more. */
type Work = () => boolean;

function slices<T>(items: readonly T[], call: (item: T, slice: Slice) => void): Work {
  let next = 0;
  return () => {
    const slice: Slice = {};
    const end = Math.min(next + SLICE_ITEMS, items.length);
    while (next < end) {
      const item = items[next] as T;
      next += 1;
      call(item, slice);
    }
    return next < items.length;
  };
}

class LoopTurns implements Turns {
  readonly #nextTurn: (call: () => void) => void;
  readonly #soon: Work[] = [];
  readonly #later: Work[] = [];
  #passedOver = 0;
  #isTurnComing = false;

  constructor(nextTurn: (call: () => void) => void) {
    this.#nextTurn = nextTurn;
  }

  soon<T>(items: readonly T[], call: (item: T, slice: Slice) => void): void {
    const work = slices(items, call);
    if (this.#soon.length === 0 && !work()) return;
    this.#soon.push(work);
    this.#comeBack();
  }

  later<T>(items: readonly T[], call: (item: T) => void): void {
    this.#later.push(slices(items, call));
    this.#comeBack();
  }

  flush(): void {
    for (let work = this.#soon.shift(); work !== undefined; work = this.#soon.shift()) while (work());
  }

  #comeBack(): void {
    if (this.#isTurnComing) return;
    this.#isTurnComing = true;
    this.#nextTurn(() => {
      this.#isTurnComing = false;
      this.#turn();
    });
  }

  #turn(): void {
    const isForLater = this.#soon.length === 0 || (this.#passedOver >= PASSED_OVER && this.#later.length > 0);
    this.#passedOver = isForLater ? 0 : this.#passedOver + 1;
    const line = isForLater ? this.#later : this.#soon;
    const work = line.shift();
    if (work?.() === true) line.unshift(work);
    if (this.#soon.length + this.#later.length > 0) this.#comeBack();
  }
}

/** `nextTurn` calls once the event loop has come round (setImmediate). */
export function openTurns(nextTurn: (call: () => void) => void = setImmediate): Turns {
  return new LoopTurns(nextTurn);
}
