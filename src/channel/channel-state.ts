/**
 * The states of a Channel as a table: what it is doing, and what may happen next.
 * It never acts. Invariant: an event that a state does not name leaves the state as it is.
 *
 * The table stands in src/README.md as well, printed by `npm run docs`.
 */

export const CHANNEL_STATE_MEANINGS = {
  opening: 'the slate is being encoded; nothing is servable',
  slate: 'no publisher; slate is at the edge',
  gap: 'no publisher; indices pass as gaps (`whenAbsent: gap`)',
  starting: 'a publisher is in, its first Segment is not whole yet',
  live: 'media of the publisher is at the edge',
  recovering: 'a publisher is in, but slate or a gap is at the edge',
  ended: 'nobody came for `absentTimeout`; the manifests are final until somebody comes',
  closed: 'the service stops, or the Channel failed twice',
} as const;

export type ChannelState = keyof typeof CHANNEL_STATE_MEANINGS;

export const CHANNEL_EVENT_MEANINGS = {
  'slate-ready': 'the first slate is there',
  'publish-in': 'a publisher with a picture is in',
  'publish-out': 'the publisher is gone and its grace is over, or it was closed',
  'live-segment': 'a Segment with pictures of the publisher was committed',
  'slate-segment': 'a Segment of slate was committed',
  'gap-segment': 'an index passed as a gap',
  'absent-too-long': '`absentTimeout` is over',
  close: 'the Channel is closed',
} as const;

export type ChannelEvent = keyof typeof CHANNEL_EVENT_MEANINGS;

export const CHANNEL_STATES: Readonly<Record<ChannelState, Partial<Record<ChannelEvent, ChannelState>>>> = {
  opening: { 'slate-ready': 'slate', close: 'closed' },
  slate: { 'publish-in': 'starting', 'gap-segment': 'gap', 'absent-too-long': 'ended', close: 'closed' },
  gap: { 'publish-in': 'starting', 'slate-segment': 'slate', 'absent-too-long': 'ended', close: 'closed' },
  starting: { 'live-segment': 'live', 'publish-out': 'slate', close: 'closed' },
  live: { 'slate-segment': 'recovering', 'gap-segment': 'recovering', 'publish-out': 'slate', close: 'closed' },
  recovering: { 'live-segment': 'live', 'publish-out': 'slate', close: 'closed' },
  ended: { 'publish-in': 'starting', close: 'closed' },
  closed: {},
};

export function nextChannelState(state: ChannelState, event: ChannelEvent): ChannelState {
  return CHANNEL_STATES[state][event] ?? state;
}
