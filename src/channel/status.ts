/** What a Channel tells of itself, for health, API and page. It never changes anything. Invariant: no secret is in it. */
import type { Feed, SourceDescription } from '../ingest/model.ts';
import type { Timeline } from '../package/timeline.ts';
import { formatFrameRate } from '../system/frame-rate.ts';
import type { LeftOut } from '../transcode/rung-policy.ts';
import type { DiskState, WindowStore } from '../window/model.ts';
import type { ChannelState } from './channel-state.ts';
import type { Fault } from './fault-log.ts';
import type { PlanInUse } from './plan-in-use.ts';
import type { ChannelStatus, RunStatus, TrackStatus } from './view.ts';
import type { Worker } from './worker.ts';

export interface ChannelFacts {
  readonly id: string;
  readonly state: ChannelState;
  readonly timeline: Timeline;
  readonly store: WindowStore;
  readonly disk: DiskState;
  readonly plan: PlanInUse | undefined;
  readonly feed: Feed | undefined;
  /** Who pushes CMAF, where somebody does. */
  readonly pushed: ChannelStatus['publisher'];
  readonly worker: Worker | undefined;
  readonly leftOut: readonly LeftOut[];
  readonly runs: readonly RunStatus[];
  readonly faults: readonly Fault[];
  readonly nowMs: number;
}

/** Fresh: the newest Segment ended less than two Segments and a second ago, as a strict player expects. */
export function describeChannel(facts: ChannelFacts): ChannelStatus {
  const { timeline, nowMs, plan, feed, worker } = facts;
  const { period, edgeMs } = timeline;
  const segmentMs = period?.grid.segmentMs;
  const newest = timeline.presentation().segments.at(-1);
  return {
    id: facts.id,
    state: facts.state,
    onAir: newest === undefined ? 'starting' : newest.source,
    // What has ended is as new as it will be.
    fresh:
      timeline.isEnded || (edgeMs !== undefined && segmentMs !== undefined && nowMs - edgeMs < 2 * segmentMs + 1000),
    newestNumber: newest?.number,
    newestEndMs: edgeMs,
    windowBytes: facts.store.bytes,
    windowSegments: timeline.presentation().segments.length,
    disk: facts.disk,
    segmentMs,
    tracks: (period?.tracks ?? []).map(
      (track): TrackStatus => ({
        id: track.id,
        kind: track.kind,
        codec: track.init.codec,
        bitrateBps: track.averageBps,
        width: track.init.width,
        height: track.init.height,
        frameRate: track.frameRate === undefined ? undefined : formatFrameRate(track.frameRate),
      }),
    ),
    droppedRungs: [...(plan?.plan.dropped ?? []), ...facts.leftOut.map(({ rung, reason }) => ({ id: rung, reason }))],
    publisher:
      feed === undefined
        ? facts.pushed
        : { address: feed.identity.address, sinceMs: feed.identity.startedMs, source: describeSource(feed.source) },
    encoder: worker?.encoder(),
    ladder: plan?.ladder.name ?? '',
    advice: feed?.advice() ?? [],
    runs: facts.runs,
    lastFaults: facts.faults,
  };
}

/** In words, for people. */
export function describeSource(source: SourceDescription | undefined): string {
  if (source === undefined) return 'waiting for its headers';
  const video =
    source.video === undefined
      ? 'no video'
      : `${source.video.codec} ${source.video.width}x${source.video.height} ${formatFrameRate(source.video.frameRate)} fps`;
  const audio =
    source.audio === undefined
      ? 'no audio'
      : `${source.audio.codec} ${source.audio.sampleRate} Hz x ${source.audio.channels}`;
  return [video, audio, source.encoder].filter((text) => text !== undefined).join(', ');
}
