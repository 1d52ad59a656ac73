/**
 * What was answered, counted by kind, status and life for the metrics. It never looks a label up twice.
 * Invariant: what was counted in a turn of the event loop is in the metrics when that turn is over.
 */
import type { Metrics } from '../system/metrics.ts';
import { lifeOf } from './access-log.ts';
import type { ObjectKind } from './cache-policy.ts';
import type { HeaderList } from './representation.ts';

/** prom-client checks and hashes labels at each call: it is called once a turn, with the sum. */
export interface Tally {
  add(count: number): void;
}

interface Sum extends Tally {
  flush(): void;
}

export class ReplyCounters {
  readonly #metrics: Metrics;
  /** By kind, Cache-Control and status. */
  readonly #responses = new Map<ObjectKind, Map<string, Map<number, Tally>>>();
  readonly #bytes = new Map<ObjectKind, Tally>();
  readonly #ofTurn: Sum[] = [];

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  responses(kind: ObjectKind, status: number, fields: HeaderList): Tally {
    const control = fields[fields.indexOf('Cache-Control') + 1] ?? '';
    const known = this.#responses.get(kind)?.get(control)?.get(status);
    if (known !== undefined) return known;
    const ofKind = this.#responses.get(kind) ?? new Map<string, Map<number, Tally>>();
    this.#responses.set(kind, ofKind);
    const ofControl = ofKind.get(control) ?? new Map<number, Tally>();
    ofKind.set(control, ofControl);
    const tally = this.#tally(this.#metrics.responses.labels(kind, String(status), lifeOf(control)));
    ofControl.set(status, tally);
    return tally;
  }

  bytes(kind: ObjectKind): Tally {
    const tally = this.#bytes.get(kind) ?? this.#tally(this.#metrics.responseBytes.labels(kind));
    this.#bytes.set(kind, tally);
    return tally;
  }

  #tally(counter: { inc(count: number): void }): Tally {
    let sum = 0;
    const own: Sum = {
      add: (count) => {
        if (sum === 0 && count > 0) this.#note(own);
        sum += count;
      },
      flush: () => {
        counter.inc(sum);
        sum = 0;
      },
    };
    return own;
  }

  #note(sum: Sum): void {
    this.#ofTurn.push(sum);
    if (this.#ofTurn.length === 1) setImmediate(() => this.#endTurn());
  }

  #endTurn(): void {
    for (const sum of this.#ofTurn.splice(0)) sum.flush();
  }
}
