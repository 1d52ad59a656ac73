/**
 * What came of the requests of one phase, by kind: counts, cache outcomes, bytes, errors, latency, late media.
 * It never keeps a body or a sample. Invariant: what it keeps does not grow with the number of viewers; the names of objects are
 * bounded by OBJECTS_KEPT.
 */
import { cacheFacts, type HeaderFields } from './cache-facts.ts';
import type { AskKind } from './model.ts';
import { Spread, type SpreadFigures } from './spread.ts';

/** How a request ended. */
export interface Exchange {
  /** 0: no answer. */
  readonly status: number;
  readonly headers: HeaderFields;
  /** Of the body as sent. */
  readonly bytes: number;
  readonly isGzip: boolean;
  /** From sending to the last byte. */
  readonly tookMs: number;
  /** `ECONNRESET`, `TIMEOUT`, `CUT`: what went wrong on the wire. */
  readonly fault: string | undefined;
}

export interface KindFigures {
  readonly requests: number;
  /** Different URLs. */
  readonly objects: number;
  readonly hits: number;
  readonly misses: number;
  /** Neither was said. */
  readonly unknown: number;
  readonly bytes: number;
  readonly gzipped: number;
  /** By status or fault. */
  readonly errors: Readonly<Record<string, number>>;
  /** Media that came after its player had run dry. */
  readonly late: number;
  readonly lateMaxMs: number;
  readonly latencyMs: SpreadFigures;
  /** Seconds a shared cache may keep it, the shortest seen. */
  readonly lifetimeS: number | undefined;
}

export type LedgerFigures = Readonly<Partial<Record<AskKind, KindFigures>>>;

const OBJECTS_KEPT = 100_000;

class KindLedger {
  requests = 0;
  readonly objects = new Set<string>();
  readonly outcomes = { hit: 0, miss: 0, unknown: 0 };
  bytes = 0;
  gzipped = 0;
  readonly errors: Record<string, number> = {};
  late = 0;
  lateMaxMs = 0;
  readonly latency = new Spread();
  lifetimeS: number | undefined;

  figures(): KindFigures {
    const { requests, bytes, gzipped, errors, late, lateMaxMs, lifetimeS } = this;
    const { hit, miss, unknown } = this.outcomes;
    return {
      ...{ requests, objects: this.objects.size, hits: hit, misses: miss, unknown, bytes, gzipped, errors },
      ...{ late, lateMaxMs: Math.round(lateMaxMs), latencyMs: this.latency.figures(), lifetimeS },
    };
  }
}

export class Ledger {
  readonly #kinds = new Map<AskKind, KindLedger>();
  /** How late requests left the generator, against the viewers' own schedule. */
  readonly generator = new Spread();
  /** Requests that waited because of the ceiling. */
  heldBack = 0;

  #of(kind: AskKind): KindLedger {
    let ledger = this.#kinds.get(kind);
    if (ledger === undefined) {
      ledger = new KindLedger();
      this.#kinds.set(kind, ledger);
    }
    return ledger;
  }

  took(kind: AskKind, url: string, exchange: Exchange): void {
    const ledger = this.#of(kind);
    ledger.requests += 1;
    if (ledger.objects.size < OBJECTS_KEPT) ledger.objects.add(url);
    ledger.bytes += exchange.bytes;
    if (exchange.isGzip) ledger.gzipped += 1;
    if (exchange.fault !== undefined || exchange.status !== 200) {
      const name = exchange.fault ?? String(exchange.status);
      ledger.errors[name] = (ledger.errors[name] ?? 0) + 1;
    }
    if (exchange.status === 0) return;
    ledger.latency.add(exchange.tookMs);
    const { outcome, lifetimeS } = cacheFacts(exchange.headers);
    ledger.outcomes[outcome] += 1;
    if (exchange.status === 200 && lifetimeS !== undefined)
      ledger.lifetimeS = Math.min(lifetimeS, ledger.lifetimeS ?? lifetimeS);
  }

  cameLate(kind: AskKind, lateMs: number): void {
    const ledger = this.#of(kind);
    ledger.late += 1;
    ledger.lateMaxMs = Math.max(ledger.lateMaxMs, lateMs);
  }

  get requests(): number {
    return [...this.#kinds.values()].reduce((sum, { requests }) => sum + requests, 0);
  }

  figures(): LedgerFigures {
    return Object.fromEntries([...this.#kinds].map(([kind, ledger]) => [kind, ledger.figures()]));
  }
}
