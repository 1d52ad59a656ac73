/**
 * Tells the webhooks of the settings who publishes, who has stopped, and what failed.
 * It never blocks or disturbs a Channel. Invariants: one attempt at a time for each hook, in the order of events; what is not delivered is counted.
 */
import type { ChannelNotice } from '../channel/notices.ts';
import type { WebhookSettings } from '../config/model.ts';
import type { Clock } from '../system/clock.ts';
import type { Logger } from '../system/log.ts';
import type { Metrics } from '../system/metrics.ts';
import { type Delivery, type HookCommand, type HookEvent, type HookState, IDLE_HOOK, stepHook } from './delivery.ts';
import { type PostOutcome, type PostRequest, postWebhook } from './post.ts';
import { webhookSignature } from './signature.ts';

export interface WebhookParts {
  readonly hooks: readonly WebhookSettings[];
  readonly version: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'webhooks' | 'webhooksWaiting'>;
  /** 0 to 1. */
  readonly random: () => number;
  readonly newId: () => string;
  /** Another one in tests. */
  readonly post?: (request: PostRequest) => Promise<PostOutcome>;
}

/** At the end of the service what is being sent has so long. */
const CLOSE_GRACE_MS = 1000;

export class Webhooks {
  readonly #parts: WebhookParts;
  readonly #hooks: readonly Hook[];
  #isClosed = false;

  constructor(parts: WebhookParts) {
    this.#parts = parts;
    this.#hooks = parts.hooks.map((settings, place) => new Hook(settings, place + 1, parts));
  }

  tell(notice: ChannelNotice): void {
    const { kind: event, ...facts } = notice;
    if (event === 'state' || this.#isClosed) return;
    const wanting = this.#hooks.filter((hook) => hook.wants(event));
    if (wanting.length === 0) return;
    const id = this.#parts.newId();
    const delivery = { id, event, body: JSON.stringify({ id, event, ...facts }) };
    for (const hook of wanting) hook.tell({ kind: 'notice', delivery });
  }

  /** What is being sent and what waits behind it has a second; what is left then, or waits for another attempt, is lost and counted. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#hooks.map((hook) => hook.close()));
  }
}

class Hook {
  readonly #settings: WebhookSettings;
  readonly #parts: WebhookParts;
  readonly #hook: string;
  readonly #abort = new AbortController();
  #state: HookState = IDLE_HOOK;
  #cancelWait: () => void = () => undefined;
  #onRest: (() => void) | undefined;
  /** Said once until something is delivered again. */
  #hasSaidDropped = false;

  constructor(settings: WebhookSettings, place: number, parts: WebhookParts) {
    this.#settings = settings;
    this.#parts = parts;
    this.#hook = String(place);
    for (const outcome of ['delivered', 'retried', 'given-up', 'dropped'])
      parts.metrics.webhooks.inc({ hook: this.#hook, outcome }, 0);
    this.#showWaiting();
  }

  wants(event: Delivery['event']): boolean {
    return this.#settings.events.includes(event);
  }

  tell(event: HookEvent): void {
    const { state, commands } = stepHook(this.#state, event);
    this.#state = state;
    for (const command of commands) this.#obey(command);
    this.#showWaiting();
    if (state.head?.isSending !== true) this.#onRest?.();
  }

  async close(): Promise<void> {
    this.#cancelWait();
    if (this.#state.head?.isSending === true)
      await new Promise<void>((resolve) => {
        const cancel = this.#parts.clock.after(CLOSE_GRACE_MS, resolve);
        this.#onRest = () => {
          cancel();
          resolve();
        };
      });
    this.#cancelWait();
    this.#abort.abort();
    const { head, queue } = this.#state;
    this.#state = IDLE_HOOK;
    const lost = head === undefined ? queue : [head.delivery, ...queue];
    for (const _delivery of lost) this.#count('dropped');
    if (lost.length > 0)
      this.#parts.log.warn({ ...this.#name, lost: lost.length }, 'webhooks are lost: the service stops');
    this.#showWaiting();
  }

  /** Never the URL: its path or query may be a secret. */
  get #name() {
    return { hook: this.#hook, host: new URL(this.#settings.url).host };
  }

  #obey(command: HookCommand): void {
    switch (command.kind) {
      case 'send':
        void this.#send(command.delivery, command.attempt);
        break;
      case 'wait':
        this.#cancelWait = this.#parts.clock.after(command.delayMs, () => this.tell({ kind: 'due' }));
        break;
      case 'count':
        this.#count(command.outcome);
        this.#say(command);
        break;
    }
  }

  #count(outcome: string): void {
    this.#parts.metrics.webhooks.inc({ hook: this.#hook, outcome });
  }

  #say({ outcome, delivery: { id, event } }: HookCommand & { kind: 'count' }): void {
    const { log } = this.#parts;
    if (outcome === 'delivered') this.#hasSaidDropped = false;
    if (outcome === 'given-up') log.error({ ...this.#name, id, event }, 'webhook given up after its last attempt');
    if (outcome !== 'dropped' || this.#hasSaidDropped) return;
    this.#hasSaidDropped = true;
    log.warn({ ...this.#name, id, event }, 'webhooks are dropped: too many wait for this receiver');
  }

  async #send(delivery: Delivery, attempt: number): Promise<void> {
    const { clock, post = postWebhook, random, log } = this.#parts;
    const { url } = this.#settings;
    const { body } = delivery;
    const outcome = await post({ url, headers: this.#headers(delivery), body, signal: this.#abort.signal, clock });
    // Closed meanwhile: it is counted.
    if (this.#state.head?.delivery !== delivery) return;
    if (outcome.kind === 'taken') {
      log.debug({ ...this.#name, id: delivery.id, attempt }, 'webhook delivered');
      this.tell({ kind: 'delivered' });
      return;
    }
    log.warn(
      { ...this.#name, id: delivery.id, event: delivery.event, attempt, reason: outcome.reason },
      'webhook failed',
    );
    this.tell({ kind: 'failed', jitter: random() });
  }

  #headers({ id, body }: Delivery): Record<string, string> {
    const timestamp = Math.floor(this.#parts.clock.nowMs() / 1000);
    const { secret } = this.#settings;
    return {
      'Content-Type': 'application/json',
      'User-Agent': `Pitchside/${this.#parts.version}`,
      'Pitchside-Event-Id': id,
      'Pitchside-Timestamp': String(timestamp),
      ...(secret !== undefined && { 'Pitchside-Signature': webhookSignature(secret, timestamp, body) }),
    };
  }

  #showWaiting(): void {
    const { head, queue } = this.#state;
    this.#parts.metrics.webhooksWaiting.set({ hook: this.#hook }, queue.length + (head === undefined ? 0 : 1));
  }
}
