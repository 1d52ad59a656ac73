/** Settings of one Channel for tests that do not care for most of them. */
import type { ChannelSettings, Ladder } from '../../src/config/model.ts';

export function channelSettings(ladder: Ladder, more: Partial<ChannelSettings> = {}): ChannelSettings {
  return {
    id: 'match',
    ladderPath: '/ladder.yaml',
    ladder,
    keys: [],
    source: 'rtmp',
    latency: 'normal',
    windowMs: 120_000,
    windowBytes: 1e9,
    whenAbsent: 'slate',
    slatePath: undefined,
    takeover: 'refuse',
    reconnectGraceMs: 2000,
    absentTimeoutMs: undefined,
    ...more,
  };
}
