/**
 * Whether the service should get viewers: the rule behind `/readyz`.
 * It never asks the network or a clock: status in, answer out.
 * Invariant: an answer of not ready always names a Channel and says why.
 */
import type { ChannelStatus } from '../channel/view.ts';

interface ChannelReadiness {
  readonly id: string;
  readonly onAir: ChannelStatus['onAir'];
  readonly fresh: boolean;
  /** Present when not fresh: what is wrong, for people. */
  readonly why?: string;
}

export interface Readiness {
  readonly ready: boolean;
  readonly channels: readonly ChannelReadiness[];
  /** Present when no Channel is to blame. */
  readonly why?: string;
}

function reasonFor(status: ChannelStatus, nowMs: number): string {
  const fault = status.lastFaults.at(-1);
  const because = fault === undefined ? '' : `; last fault ${fault.code}: ${fault.message}`;
  if (status.newestEndMs === undefined) return `nothing is servable yet (state ${status.state})${because}`;
  const ageMs = Math.max(0, Math.round(nowMs - status.newestEndMs));
  const each = status.segmentMs === undefined ? '' : `, Segments are ${status.segmentMs} ms`;
  return `the newest Segment ended ${ageMs} ms ago${each} (state ${status.state})${because}`;
}

/** From the first wish to stop on: whoever asks sends its viewers elsewhere. */
export const STOPPING: Readiness = { ready: false, channels: [], why: 'the service is stopping' };

/** An operator's wish: the service itself goes on. */
export const DRAINED: Readiness = {
  ready: false,
  channels: [],
  why: 'an operator drains the service (POST /api/v1/service/undrain ends it)',
};

/** Ready only while what every Channel serves is fresh. A service without Channels has nothing to serve: not ready. */
export function readinessOf(statuses: readonly ChannelStatus[], nowMs: number): Readiness {
  if (statuses.length === 0) return { ready: false, channels: [], why: 'no channel is configured' };
  const channels = statuses.map((status): ChannelReadiness => {
    const { id, onAir, fresh } = status;
    return fresh ? { id, onAir, fresh } : { id, onAir, fresh, why: reasonFor(status, nowMs) };
  });
  return { ready: channels.every((channel) => channel.fresh), channels };
}

/** Channels whose disk is out of order: live goes on, a restart would lose what came since. */
export function diskFaultsOf(statuses: readonly ChannelStatus[]) {
  return statuses.flatMap(({ id, disk }) => {
    if (disk.kind !== 'degraded') return [];
    const { code, message, sinceMs } = disk;
    return [{ channel: id, code, message, sinceMs }];
  });
}
