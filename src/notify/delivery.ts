/**
 * What one webhook is sent, when: a queue, its head and the attempts at it. Pure: time and chance come in, commands go out.
 * It never loses an event without counting it. Invariants: one attempt at a time; what is delivered is in the order of the events;
 * at most 256 wait.
 */

export interface Delivery {
  /** Of the event: the same in every attempt and for every hook. */
  readonly id: string;
  readonly event: 'publish' | 'unpublish' | 'fault';
  /** JSON, made once: attempts differ in nothing that is in it. */
  readonly body: string;
}

interface Head {
  readonly delivery: Delivery;
  /** Attempts that were begun. */
  readonly attempts: number;
  readonly isSending: boolean;
}

export interface HookState {
  /** undefined: nothing is to be sent; then the queue is empty as well. */
  readonly head: Head | undefined;
  /** Behind the head, oldest first. */
  readonly queue: readonly Delivery[];
}

export type HookEvent =
  | { readonly kind: 'notice'; readonly delivery: Delivery }
  | { readonly kind: 'delivered' }
  /** jitter: 0 to 1. */
  | { readonly kind: 'failed'; readonly jitter: number }
  /** The wait is over. */
  | { readonly kind: 'due' };

type DeliveryOutcome = 'delivered' | 'retried' | 'given-up' | 'dropped';

export type HookCommand =
  | { readonly kind: 'send'; readonly delivery: Delivery; readonly attempt: number }
  | { readonly kind: 'wait'; readonly delayMs: number }
  | { readonly kind: 'count'; readonly outcome: DeliveryOutcome; readonly delivery: Delivery };

export interface HookStep {
  readonly state: HookState;
  readonly commands: readonly HookCommand[];
}

/** Head included. */
export const MAX_WAITING = 256;
/** Before the second attempt and each later one. */
export const RETRY_DELAYS_MS = [1000, 5000, 30_000, 120_000, 600_000] as const;
/** A delay is changed by at most this share, so that hooks of one receiver do not come all at once. */
const JITTER = 0.2;

export const IDLE_HOOK: HookState = { head: undefined, queue: [] };

export function stepHook(state: HookState, event: HookEvent): HookStep {
  switch (event.kind) {
    case 'notice':
      return take(state, event.delivery);
    case 'delivered':
      return state.head?.isSending === true ? next(state, 'delivered') : stay(state);
    case 'failed':
      return failed(state, event.jitter);
    case 'due':
      return state.head === undefined || state.head.isSending ? stay(state) : send(state.head, state.queue);
  }
}

function stay(state: HookState): HookStep {
  return { state, commands: [] };
}

function take(state: HookState, delivery: Delivery): HookStep {
  if (state.head === undefined) return send({ delivery, attempts: 0, isSending: false }, []);
  const queue = [...state.queue, delivery];
  if (queue.length < MAX_WAITING) return stay({ ...state, queue });
  // A fault is in the log and the metrics, too; who publishes is what others act on.
  const oldestFault = queue.findIndex((waiting) => waiting.event === 'fault');
  const [dropped] = queue.splice(Math.max(0, oldestFault), 1);
  return { state: { ...state, queue }, commands: dropped === undefined ? [] : [count('dropped', dropped)] };
}

function send({ delivery, attempts }: Head, queue: readonly Delivery[]): HookStep {
  const attempt = attempts + 1;
  return {
    state: { head: { delivery, attempts: attempt, isSending: true }, queue },
    commands: [{ kind: 'send', delivery, attempt }],
  };
}

function failed(state: HookState, jitter: number): HookStep {
  const { head, queue } = state;
  if (head?.isSending !== true) return stay(state);
  const delayMs = RETRY_DELAYS_MS[head.attempts - 1];
  if (delayMs === undefined) return next(state, 'given-up');
  return {
    state: { head: { ...head, isSending: false }, queue },
    commands: [
      count('retried', head.delivery),
      { kind: 'wait', delayMs: Math.round(delayMs * (1 + JITTER * (2 * jitter - 1))) },
    ],
  };
}

/** The head is done with: the next one is sent. */
function next({ head, queue }: HookState, outcome: DeliveryOutcome): HookStep {
  const counted = head === undefined ? [] : [count(outcome, head.delivery)];
  const [delivery, ...rest] = queue;
  if (delivery === undefined) return { state: IDLE_HOOK, commands: counted };
  const step = send({ delivery, attempts: 0, isSending: false }, rest);
  return { state: step.state, commands: [...counted, ...step.commands] };
}

function count(outcome: DeliveryOutcome, delivery: Delivery): HookCommand {
  return { kind: 'count', outcome, delivery };
}
