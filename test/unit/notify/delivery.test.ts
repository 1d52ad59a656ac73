import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Delivery,
  type HookCommand,
  type HookEvent,
  type HookState,
  IDLE_HOOK,
  MAX_WAITING,
  RETRY_DELAYS_MS,
  stepHook,
} from '../../../src/notify/delivery.ts';

const delivery = (id: string, event: Delivery['event'] = 'publish'): Delivery => ({
  id,
  event,
  body: `{"id":"${id}"}`,
});

/** Runs events from a state; the commands of all. */
function run(events: readonly HookEvent[], from: HookState = IDLE_HOOK) {
  let state = from;
  const commands: HookCommand[] = [];
  for (const event of events) {
    const step = stepHook(state, event);
    state = step.state;
    commands.push(...step.commands);
  }
  return { state, commands };
}

const notice = (id: string, event?: Delivery['event']): HookEvent => ({
  kind: 'notice',
  delivery: delivery(id, event),
});
const FAILED: HookEvent = { kind: 'failed', jitter: 0.5 };
const said = (commands: readonly HookCommand[]) =>
  commands.map((command) =>
    command.kind === 'send'
      ? `send ${command.delivery.id} #${command.attempt}`
      : command.kind === 'wait'
        ? `wait ${command.delayMs}`
        : `${command.outcome} ${command.delivery.id}`,
  );

describe('a hook', () => {
  test('is sent one event at a time, in their order', () => {
    const { commands, state } = run([notice('a'), notice('b'), { kind: 'delivered' }, { kind: 'delivered' }]);
    expect(said(commands)).toEqual(['send a #1', 'delivered a', 'send b #1', 'delivered b']);
    expect(state).toEqual(IDLE_HOOK);
  });

  test('is tried again after 1 s, 5 s, 30 s, 2 min and 10 min, then given up, and the next one is sent', () => {
    const tries = RETRY_DELAYS_MS.flatMap((): HookEvent[] => [FAILED, { kind: 'due' }]);
    const { commands } = run([notice('a'), notice('b'), ...tries, FAILED]);
    expect(said(commands)).toEqual([
      ...['send a #1', 'retried a', 'wait 1000', 'send a #2', 'retried a', 'wait 5000', 'send a #3'],
      ...['retried a', 'wait 30000', 'send a #4', 'retried a', 'wait 120000', 'send a #5'],
      ...['retried a', 'wait 600000', 'send a #6', 'given-up a', 'send b #1'],
    ]);
  });

  test.each([
    [0, 800],
    [1, 1200],
  ])('waits a fifth shorter or longer by chance (%i)', (jitter, delayMs) => {
    const { commands } = run([notice('a'), { kind: 'failed', jitter }]);
    expect(commands.at(-1)).toEqual({ kind: 'wait', delayMs });
  });

  test('keeps 256 at most: the oldest fault goes first, the oldest of all where there is none', () => {
    const fill = Array.from({ length: MAX_WAITING }, (_, n) =>
      notice(String(n), n === 7 || n === 9 ? 'fault' : 'publish'),
    );
    const full = run(fill);
    expect(said(full.commands)).toEqual(['send 0 #1']);
    const more = run([notice('x'), notice('y'), notice('z')], full.state);
    expect(said(more.commands)).toEqual(['dropped 7', 'dropped 9', 'dropped 1']);
    expect(more.state.queue.at(-1)?.id).toBe('z');
  });

  test('the one that is being sent is never dropped', () => {
    const events = [notice('0', 'fault'), ...Array.from({ length: MAX_WAITING }, (_, n) => notice(`p${n}`))];
    expect(said(run(events).commands)).toEqual(['send 0 #1', 'dropped p0']);
  });

  test.each<HookEvent>([{ kind: 'delivered' }, FAILED, { kind: 'due' }])(
    'that rests is not moved by a late $kind',
    (event) => {
      expect(stepHook(IDLE_HOOK, event)).toEqual({ state: IDLE_HOOK, commands: [] });
    },
  );

  test('that waits is moved by its time alone, and one that sends is not', () => {
    const waiting = run([notice('a'), FAILED]).state;
    for (const event of [{ kind: 'delivered' }, FAILED] as const) expect(stepHook(waiting, event).commands).toEqual([]);
    expect(stepHook(run([notice('a')]).state, { kind: 'due' }).commands).toEqual([]);
  });
});

test('property: no event is lost uncounted, order is kept, one attempt at a time, at most 256 wait', () => {
  const word = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom('publish', 'unpublish', 'fault') },
    { weight: 3, arbitrary: fc.constantFrom('delivered', 'failed', 'due') },
  );
  /** What is wrong with what a hook does over these events. */
  const problemOf = (words: readonly string[]): string | undefined => {
    let state = IDLE_HOOK;
    let told = 0;
    let lastDelivered = -1;
    let isSending = false;
    const ended = new Set<string>();
    for (const one of words) {
      const isNotice = one === 'publish' || one === 'unpublish' || one === 'fault';
      const outcome = one === 'failed' ? FAILED : { kind: one as 'delivered' | 'due' };
      if (one === 'delivered' || one === 'failed') isSending = false;
      const step = stepHook(state, isNotice ? notice(String(told++), one) : outcome);
      state = step.state;
      for (const command of step.commands) {
        if (command.kind === 'send' && isSending) return 'two attempts at a time';
        if (command.kind === 'send') isSending = true;
        if (command.kind !== 'count' || command.outcome === 'retried') continue;
        if (ended.has(command.delivery.id)) return 'counted twice';
        ended.add(command.delivery.id);
        if (command.outcome !== 'delivered') continue;
        if (Number(command.delivery.id) < lastDelivered) return 'out of order';
        lastDelivered = Number(command.delivery.id);
      }
      const waiting = [...(state.head === undefined ? [] : [state.head.delivery]), ...state.queue];
      if (waiting.length > MAX_WAITING) return `${waiting.length} wait`;
      if (ended.size + waiting.length !== told || waiting.some(({ id }) => ended.has(id))) return 'lost uncounted';
    }
    return undefined;
  };
  fc.assert(
    fc.property(fc.array(word, { maxLength: 900, size: 'max' }), (words) => problemOf(words) === undefined),
    { numRuns: 60, endOnFailure: true },
  );
});
