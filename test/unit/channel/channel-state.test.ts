import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  CHANNEL_STATES,
  type ChannelEvent,
  type ChannelState,
  nextChannelState,
} from '../../../src/channel/channel-state.ts';
import { withStateTable } from '../../../src/channel/state-table.ts';

const STATES: readonly ChannelState[] = [
  'opening',
  'slate',
  'gap',
  'starting',
  'live',
  'recovering',
  'ended',
  'closed',
];
const EVENTS: readonly ChannelEvent[] = [
  'slate-ready',
  'publish-in',
  'publish-out',
  'live-segment',
  'slate-segment',
  'gap-segment',
  'absent-too-long',
  'close',
];

/** Written out by hand: what is not here leaves the state as it is. */
const NAMED: readonly (readonly [ChannelState, ChannelEvent, ChannelState])[] = [
  ['opening', 'slate-ready', 'slate'],
  ['slate', 'publish-in', 'starting'],
  ['starting', 'live-segment', 'live'],
  ['starting', 'publish-out', 'slate'],
  ['live', 'slate-segment', 'recovering'],
  ['live', 'publish-out', 'slate'],
  ['recovering', 'live-segment', 'live'],
  ['recovering', 'publish-out', 'slate'],
  ['slate', 'absent-too-long', 'ended'],
  ['slate', 'gap-segment', 'gap'],
  ['gap', 'publish-in', 'starting'],
  ['gap', 'slate-segment', 'slate'],
  ['gap', 'absent-too-long', 'ended'],
  ['gap', 'close', 'closed'],
  ['live', 'gap-segment', 'recovering'],
  ['ended', 'publish-in', 'starting'],
  ['ended', 'close', 'closed'],
  ['opening', 'close', 'closed'],
  ['slate', 'close', 'closed'],
  ['starting', 'close', 'closed'],
  ['live', 'close', 'closed'],
  ['recovering', 'close', 'closed'],
];

describe('the states of a Channel', () => {
  test.each(NAMED)('%s, on %s, becomes %s', (from, event, to) => {
    expect(nextChannelState(from, event)).toBe(to);
  });

  const isNamed = (state: ChannelState, event: ChannelEvent) => NAMED.some(([s, e]) => s === state && e === event);
  const unnamed = STATES.flatMap((state) =>
    EVENTS.filter((event) => !isNamed(state, event)).map((event) => [state, event] as const),
  );

  test.each(unnamed)('%s does not know %s and stays', (state, event) => {
    expect(nextChannelState(state, event)).toBe(state);
  });

  test('the table has no other state', () => {
    expect(Object.keys(CHANNEL_STATES).sort()).toEqual([...STATES].sort());
  });

  test('property: no sequence of events leaves closed, and close reaches it from anywhere', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...EVENTS)), fc.array(fc.constantFrom(...EVENTS)), (before, after) => {
        const reached = before.reduce(nextChannelState, 'opening' as ChannelState);
        const closed = nextChannelState(reached, 'close');
        expect(closed).toBe('closed');
        expect(after.reduce(nextChannelState, closed)).toBe('closed');
      }),
    );
  });

  test("property: live is the state only while the last Segment was a publisher's", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...EVENTS)), (events) => {
        const state = events.reduce(nextChannelState, 'opening' as ChannelState);
        const last = events.filter((event) => event.endsWith('-segment')).at(-1);
        if (state === 'live') expect(last).toBe('live-segment');
      }),
    );
  });
});

describe('the printed table', () => {
  const readme = readFileSync(new URL('../../../src/README.md', import.meta.url), 'utf8');

  test('in src/README.md is the one that runs; `npm run docs` prints it again', () => {
    expect(withStateTable(readme)).toBe(readme);
  });

  test('has every state and every event, and each step of the table', () => {
    for (const state of STATES) expect(readme).toContain(`| **${state}** | `);
    for (const event of EVENTS) expect(readme).toContain(`| ${event} | `);
    for (const [from, event, to] of NAMED)
      expect(readme.split('\n').find((line) => line.startsWith(`| **${from}** |`))).toContain(`${event} -> **${to}**`);
  });

  test('has a place, or printing fails', () => {
    expect(() => withStateTable('# no markers')).toThrow(RangeError);
  });
});
