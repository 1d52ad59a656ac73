/**
 * Tells what happens to a Channel: its state, its faults, who publishes; in the log, the metrics, the status and as notices.
 * It never decides. Invariant: publish and unpublish are told in turns, and each step of the state with its event and why.
 */
import type { ChannelParts } from './channel.ts';
import { type ChannelEvent, type ChannelState, nextChannelState } from './channel-state.ts';
import { type Fault, FaultLog } from './fault-log.ts';
import type { ChannelNotice } from './notices.ts';
import { showState } from './state-figures.ts';
import type { WorkerFault } from './worker-fault.ts';

/** A notice before it has its channel and time. */
type Told<N = ChannelNotice> = N extends ChannelNotice ? Omit<N, 'channel' | 'atMs'> : never;

export class Announcer {
  readonly #parts: ChannelParts;
  readonly #faults: FaultLog;
  #state: ChannelState = 'opening';
  #isPublished = false;

  constructor(parts: ChannelParts) {
    this.#parts = parts;
    const { metrics, settings } = parts;
    this.#faults = new FaultLog((code) => metrics.faults.inc({ channel: settings.id, code }));
    showState(metrics, settings.id, this.#state);
  }

  get state(): ChannelState {
    return this.#state;
  }

  /** Newest last. */
  get faults(): readonly Fault[] {
    return this.#faults.list();
  }

  to(event: ChannelEvent, why: string): void {
    const from = this.#state;
    const next = nextChannelState(from, event);
    if (next === from) return;
    // A Channel that never opened has nothing to tell: a start that fails says why in one line.
    const level = from === 'opening' && next === 'closed' ? 'debug' : 'info';
    this.#parts.log[level]({ from, to: next, event, why }, 'channel state');
    this.#state = next;
    showState(this.#parts.metrics, this.#parts.settings.id, next);
    this.#tell({ kind: 'state', from, to: next, event, why });
  }

  /** Somebody's media is taken; told once until `unpublish`. */
  publish(address: string, source: string): void {
    if (this.#isPublished) return;
    this.#isPublished = true;
    this.#tell({ kind: 'publish', address, source });
  }

  unpublish(why: string): void {
    if (!this.#isPublished) return;
    this.#isPublished = false;
    this.#tell({ kind: 'unpublish', why });
  }

  fault(code: string, message: string, hint?: string): void {
    this.#keep({ code, message, ...(hint === undefined ? {} : { hint }) });
    this.#parts.log.error({ code, hint }, message);
  }

  workerFault({ level, code, message, hint, lines }: WorkerFault): void {
    this.#keep({ code, message, hint });
    this.#parts.log[level]({ code, hint, lines }, message);
  }

  #keep(fault: Omit<Fault, 'atMs'>): void {
    this.#faults.add({ atMs: this.#parts.clock.nowMs(), ...fault });
    this.#tell({ kind: 'fault', ...fault });
  }

  #tell(told: Told): void {
    const { clock, settings, onNotice } = this.#parts;
    onNotice?.({ ...told, channel: settings.id, atMs: clock.nowMs() });
  }
}
