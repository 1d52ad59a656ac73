/**
 * One Channel's disk as a state: ok or degraded. Every write of the window goes through attempt(), so that a fault is met in one place:
 * it is said once, live goes on from memory, and the disk is tried again in the thread pool until it takes writes.
 * It never throws what a disk throws. Invariant: nothing goes unnoted before the beacon says so; where it cannot be said, one attempt
 * is `unsafe`, until what follows is made under an incarnation that was never on the disk (D-141).
 */
import type { Clock } from '../system/clock.ts';
import { messageOf } from '../system/errors.ts';
import type { Logger } from '../system/log.ts';
import type { Metrics } from '../system/metrics.ts';
import type { Beacon } from './beacon.ts';
import type { DiskFaultCode, DiskHealth, DiskState } from './model.ts';

/**
 * A write to the page cache takes far less than a millisecond, and one that waits for a disk stalls every Channel. Wall time also counts a
 * process that is given no processor, so once is nothing; twice within SLOW_AGAIN_MS, or STUCK_MS, is the disk.
 */
const SLOW_MS = 250;
const SLOW_AGAIN_MS = 10_000;
const STUCK_MS = 1000;
const FIRST_PROBE_MS = 1000;
const LONGEST_PROBE_MS = 30_000;

const CODES: Readonly<Record<string, DiskFaultCode>> = {
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'DISK_FULL',
  EFBIG: 'DISK_FULL',
  EROFS: 'DISK_READ_ONLY',
  EACCES: 'DISK_READ_ONLY',
  EPERM: 'DISK_READ_ONLY',
  ENOENT: 'DISK_GONE',
  ENOTDIR: 'DISK_GONE',
  ENODEV: 'DISK_GONE',
  ENXIO: 'DISK_GONE',
  ESTALE: 'DISK_GONE',
  ENOTCONN: 'DISK_GONE',
};

const ADVICE: Readonly<Record<DiskFaultCode, string>> = {
  DISK_FULL: 'Free space on the disk of the data directory, or set a smaller window.',
  DISK_READ_ONLY: 'Make the data directory writable for this user again.',
  DISK_GONE: 'Bring the disk of the data directory back.',
  DISK_SLOW: 'Look for what else writes to the disk of the data directory, or put it on another one.',
  DISK_FAILED: "Look into the kernel's log for errors of the disk of the data directory.",
};

export interface DiskOptions {
  readonly channel: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'diskDegraded' | 'diskWrittenBytes' | 'diskWriteSeconds'>;
  readonly beacon: Pick<Beacon, 'mark' | 'clear'>;
  /** Tries whether the disk takes writes again; rejects if not. */
  readonly probe: () => Promise<void>;
  /** Puts on the disk what came meanwhile, then calls `ok` when only little is left; rejects if it can't. */
  readonly recover: (ok: () => void) => Promise<void>;
  /** What is left, at once: writes are attempted again. */
  readonly flush: () => void;
  /** Nothing may be served under this incarnation any more. */
  readonly onUnsafe: () => void;
  /** Became degraded. */
  readonly onDegraded: (code: DiskFaultCode) => void;
}

/** done: on its way to the disk. memory: not written, and the next life can know. unsafe: nothing may be served of it. */
export type Attempt = 'done' | 'memory' | 'unsafe';

export class Disk implements DiskHealth {
  readonly #options: DiskOptions;
  #state: DiskState = { kind: 'ok' };
  #isMarked = false;
  /** Nobody has taken up the new incarnation yet. */
  #isUnsafe = false;
  /** This incarnation was never on the disk: nothing has to be noted. */
  #isFree = false;
  /** When a write was slow; monotonic. */
  #slowUs = Number.NEGATIVE_INFINITY;
  #probeMs = FIRST_PROBE_MS;
  #cancelProbe: () => void = () => undefined;
  #isClosed = false;

  constructor(options: DiskOptions) {
    this.#options = options;
    const { metrics, channel } = options;
    metrics.diskDegraded.set({ channel }, 0);
  }

  get state(): DiskState {
    return this.#state;
  }

  get isOk(): boolean {
    return this.#state.kind === 'ok';
  }

  /** Does it, unless the disk is out of order. `bytes` is what it writes. */
  attempt(bytes: number, operation: () => void): Attempt {
    if (!this.isOk) return this.#unnoted();
    if (this.#write(bytes, operation)) return 'done';
    return this.#unnoted();
  }

  #write(bytes: number, operation: () => void): boolean {
    const { clock, metrics, channel } = this.#options;
    const startUs = clock.monotonicUs();
    try {
      operation();
    } catch (thrown) {
      this.fault(thrown);
      return false;
    }
    const tookMs = (clock.monotonicUs() - startUs) / 1000;
    metrics.diskWrittenBytes.inc({ channel }, bytes);
    metrics.diskWriteSeconds.observe({ channel }, tookMs / 1000);
    if (tookMs > SLOW_MS) this.#slow(tookMs, startUs);
    return true;
  }

  #slow(tookMs: number, startUs: number): void {
    const isAgain = startUs - this.#slowUs < SLOW_AGAIN_MS * 1000;
    this.#slowUs = startUs;
    if (isAgain || tookMs > STUCK_MS) this.#degrade('DISK_SLOW', `a write took ${Math.round(tookMs)} ms`);
  }

  /** Also for what failed in the thread pool. */
  fault(thrown: unknown): void {
    const code = CODES[(thrown as NodeJS.ErrnoException | undefined)?.code ?? ''] ?? 'DISK_FAILED';
    this.#degrade(code, messageOf(thrown));
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelProbe();
  }

  #unnoted(): Attempt {
    if (this.#isMarked || this.#isFree) return 'memory';
    if (this.#isUnsafe) return 'unsafe';
    this.#isMarked = this.#options.beacon.mark();
    if (this.#isMarked) return 'memory';
    this.#isUnsafe = true;
    this.#options.onUnsafe();
    return 'unsafe';
  }

  /** What is made from now on is made under the new incarnation. */
  takeUp(): void {
    this.#isUnsafe = false;
    this.#isFree = true;
  }

  #degrade(code: DiskFaultCode, message: string): void {
    if (!this.isOk || this.#isClosed) return;
    const { clock, log, metrics, channel, onDegraded } = this.#options;
    this.#state = { kind: 'degraded', code, message, sinceMs: clock.nowMs() };
    metrics.diskDegraded.set({ channel }, 1);
    log.error({ code, problem: message, hint: ADVICE[code] }, 'disk out of order: live goes on from memory');
    onDegraded(code);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isClosed) return;
    const { clock } = this.#options;
    this.#cancelProbe = clock.after(this.#probeMs, () => {
      this.#probeMs = Math.min(this.#probeMs * 2, LONGEST_PROBE_MS);
      this.#recover().catch((thrown) => {
        this.#options.log.debug({ problem: messageOf(thrown) }, 'disk still out of order');
        this.#schedule();
      });
    });
  }

  async #recover(): Promise<void> {
    const { probe, recover } = this.#options;
    await probe();
    await recover(() => this.#recovered());
  }

  #recovered(): void {
    const { clock, log, metrics, channel, beacon, flush } = this.#options;
    if (this.#state.kind !== 'degraded') return;
    const { code, sinceMs } = this.#state;
    this.#state = { kind: 'ok' };
    flush();
    if (!this.isOk) return;
    this.#isFree = false;
    // A beacon that stays lit costs the next life its incarnation, nothing else.
    if (this.#isMarked) this.#isMarked = !beacon.clear();
    metrics.diskDegraded.set({ channel }, 0);
    log.info({ code, forMs: Math.round(clock.nowMs() - sinceMs) }, 'disk in order again: all that is kept is on it');
    this.#cancelProbe = clock.after(LONGEST_PROBE_MS, () => {
      this.#probeMs = FIRST_PROBE_MS;
    });
  }
}
