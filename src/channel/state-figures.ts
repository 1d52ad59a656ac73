/**
 * Which state a Channel is in, for the metrics: 1 for that one, 0 for all others, so that none is missing in a query.
 * It never changes a state.
 */
import type { Metrics } from '../system/metrics.ts';
import { CHANNEL_STATES, type ChannelState } from './channel-state.ts';

export function showState(metrics: Pick<Metrics, 'state'>, channel: string, current: ChannelState): void {
  for (const state of Object.keys(CHANNEL_STATES)) metrics.state.set({ channel, state }, state === current ? 1 : 0);
}
