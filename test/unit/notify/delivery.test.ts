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
  fc.assert(
    fc.property(fc.array(word, { maxLength: 1500, size: 'max' }), (words) => {
      let state = IDLE_HOOK;
      let told = 0;
      const ended: string[] = [];
      const delivered: number[] = [];
      let sending: string | undefined;
      for (const one of words) {
        const event: HookEvent =
          one === 'delivered' || one === 'due'
            ? { kind: one }
            : one === 'failed'
              ? FAILED
              : notice(String(told++), one as Delivery['event']);
        if (one === 'delivered' || one === 'failed') sending = undefined;
        const step = stepHook(state, event);
        state = step.state;
        for (const command of step.commands) {
          if (command.kind === 'send') {
            expect(sending).toBeUndefined();
            sending = command.delivery.id;
          }
          if (command.kind !== 'count' || command.outcome === 'retried') continue;
          ended.push(command.delivery.id);
          if (command.outcome === 'delivered') delivered.push(Number(command.delivery.id));
        }
        const waiting = [...(state.head === undefined ? [] : [state.head.delivery]), ...state.queue].map(
          ({ id }) => id,
        );
        expect(waiting.length).toBeLessThanOrEqual(MAX_WAITING);
        expect(ended.length + waiting.length).toBe(told);
        expect(new Set([...ended, ...waiting]).size).toBe(told);
      }
      expect(delivered).toEqual([...delivered].sort((a, b) => a - b));
    }),
    { numRuns: 60 },
  );
});
