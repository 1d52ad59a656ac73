/**
 * The rungs of one Channel that are left out for a while: keeps the policy's state, says what it decides, and counts the time.
 * It never starts or ends an encoder. Invariant: each change is said once, with its reason and what to do.
 */
import {
  afterCrash,
  afterFault,
  afterOverload,
  afterTrial,
  bringBack,
  dueRung,
  emptyRungPolicy,
  type LeftOut,
  leftOutBy,
  nextReturnMs,
  type RungPolicy,
  type RungStep,
} from '../transcode/rung-policy.ts';
import type { ChannelParts } from './channel.ts';
import { encodedRungs, type PlanInUse, withoutRungs } from './plan-in-use.ts';
import type { RungBlame } from './run-health.ts';
import type { WorkerFault } from './worker-fault.ts';

export interface RungKeeperOptions {
  readonly parts: ChannelParts;
  readonly onFault: (fault: WorkerFault) => void;
  /** A rung's wait is over: ask `due` if there is an encoder to take over from. */
  readonly onDue: () => void;
}

const CODES = { failed: 'RUNG_FAILED', slow: 'RUNG_SHED' } as const;
const HINTS = {
  failed: 'The others play on. Its encoder settings or its output are at fault: see the last words of the encoder.',
  slow: 'Free the machine, or take a ladder with fewer or smaller rungs or a faster preset.',
} as const;

const ASK_AGAIN_MS = 5000;

export class RungKeeper {
  readonly #options: RungKeeperOptions;
  #policy = emptyRungPolicy();
  #crashesMs: readonly number[] = [];
  /** The rungs that the policy speaks of. */
  #encoded: readonly string[] = [];
  #cancelDue: () => void = () => undefined;

  constructor(options: RungKeeperOptions) {
    this.#options = options;
  }

  get leftOut(): readonly LeftOut[] {
    return leftOutBy(this.#policy);
  }

  /** The plan of the next worker; other rungs than before begin without a past. */
  inUse(full: PlanInUse): PlanInUse {
    const encoded = encodedRungs(full);
    if (encoded.join() !== this.#encoded.join()) this.#settle(emptyRungPolicy());
    this.#encoded = encoded;
    return withoutRungs(full, this.leftOut);
  }

  fault(blame: RungBlame): void {
    this.#decide(afterFault(this.#policy, blame, this.#encoded, this.#nowMs));
  }

  /** A signal ended the encoder, and nobody says which rung it was at. */
  crash(signal: string): void {
    const step = afterCrash(this.#policy, { signal, beforeMs: this.#crashesMs }, this.#encoded, this.#nowMs);
    this.#crashesMs = step.crashesMs;
    this.#decide(step);
  }

  /** The rung was brought back and did not hold. */
  trialFailed(blame: RungBlame): void {
    this.#decide(afterTrial(this.#policy, blame, this.#nowMs));
  }

  /** True when a rung is shed. */
  overload(lagMs: number): boolean {
    const late = `${(lagMs / 1000).toFixed(1)} s behind the feed`;
    return this.#decide(afterOverload(this.#policy, late, this.#encoded, this.#nowMs));
  }

  /** Brings the rung back whose turn it is. */
  due(): string | undefined {
    const rung = dueRung(this.#policy, this.#encoded, this.#nowMs);
    if (rung === undefined) return undefined;
    this.#options.parts.log.info({ rung }, 'rung is tried again');
    this.#settle(bringBack(this.#policy, rung, this.#nowMs));
    return rung;
  }

  close(): void {
    this.#cancelDue();
  }

  get #nowMs(): number {
    return this.#options.parts.clock.nowMs();
  }

  #decide({ policy, leftOut }: RungStep): boolean {
    this.#settle(policy);
    if (leftOut === undefined) return false;
    const { rung, cause, reason, sinceMs, returnMs } = leftOut;
    const { parts, onFault } = this.#options;
    parts.metrics.rungsShed.inc({ channel: parts.settings.id, reason: cause });
    const waitSeconds = Math.round((returnMs - sinceMs) / 1000);
    const message = `rung ${rung} is left out, ${reason}; it is tried again in ${waitSeconds} s`;
    onFault({ level: 'error', code: CODES[cause], message, hint: HINTS[cause], lines: [] });
    return true;
  }

  #settle(policy: RungPolicy): void {
    this.#policy = policy;
    const { parts } = this.#options;
    parts.metrics.rungsLeftOut.set({ channel: parts.settings.id }, this.leftOut.length);
    this.#cancelDue();
    const atMs = nextReturnMs(policy);
    if (atMs !== undefined) this.#dueAt(atMs);
  }

  #dueAt(atMs: number): void {
    this.#cancelDue = this.#options.parts.clock.after(Math.max(0, atMs - this.#nowMs), () => {
      const before = this.#policy;
      this.#options.onDue();
      // Nobody publishes, or another rung is on trial.
      if (this.#policy === before) this.#dueAt(this.#nowMs + ASK_AGAIN_MS);
    });
  }
}
