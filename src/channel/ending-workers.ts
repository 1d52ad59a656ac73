/**
 * The workers of a Channel that were told to stop and have not ended yet.
 * It never starts one. Invariant: when `close` resolves no process is left, or encoders would outlive the service.
 */
import type { Clock } from '../system/clock.ts';
import type { Worker } from './worker.ts';

/** When the service stops nobody wants an encoder's last Segment: what hangs is killed. */
const LAST_DRAIN_MS = 1500;

export class EndingWorkers {
  readonly #ending = new Map<Worker, Promise<void>>();

  end(worker: Worker | undefined): void {
    if (worker === undefined) return;
    const ended = worker.stop().then(() => {
      this.#ending.delete(worker);
    });
    this.#ending.set(worker, ended);
  }

  async close(clock: Clock): Promise<void> {
    const cancel = clock.after(LAST_DRAIN_MS, () => {
      for (const worker of this.#ending.keys()) worker.kill('the service stops');
    });
    await Promise.all(this.#ending.values());
    cancel();
  }
}
