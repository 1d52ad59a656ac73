/**
 * The states of a Channel as a table: what it is doing, and what may happen next.
 * It never acts. Invariant: an event that a state does not name leaves the state as it is.
 *
 * opening: its slate is being encoded, nothing is servable. slate: no publisher. starting: a publisher is in, its first
 * Segment is not whole yet. live: media of the publisher is at the edge. recovering: a publisher is in, but slate is at the edge.
 * ended: nobody came for absentTimeout; the lists are final until somebody comes.
 */

export type ChannelState = 'opening' | 'slate' | 'starting' | 'live' | 'recovering' | 'ended' | 'closed';

/** live-segment and slate-segment: what was committed last; publish-out: the publisher has gone, whatever the reason. */
export type ChannelEvent =
  | 'slate-ready'
  | 'publish-in'
  | 'publish-out'
  | 'live-segment'
  | 'slate-segment'
  | 'absent-too-long'
  | 'close';

export const CHANNEL_STATES: Readonly<Record<ChannelState, Partial<Record<ChannelEvent, ChannelState>>>> = {
  opening: { 'slate-ready': 'slate', close: 'closed' },
  slate: { 'publish-in': 'starting', 'absent-too-long': 'ended', close: 'closed' },
  starting: { 'live-segment': 'live', 'publish-out': 'slate', close: 'closed' },
  live: { 'slate-segment': 'recovering', 'publish-out': 'slate', close: 'closed' },
  recovering: { 'live-segment': 'live', 'publish-out': 'slate', close: 'closed' },
  ended: { 'publish-in': 'starting', close: 'closed' },
  closed: {},
};

export function nextChannelState(state: ChannelState, event: ChannelEvent): ChannelState {
  return CHANNEL_STATES[state][event] ?? state;
}
