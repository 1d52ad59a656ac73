/**
 * Tells what a publisher should set in its encoder: once in the log, and as long as it stands in the metrics.
 * It never judges a feed and never acts on one. Invariant: after a publish nothing of it is left in the metrics.
 */
import type { AdviceChange, SourceFigures } from '../ingest/advice-model.ts';
import type { Feed } from '../ingest/model.ts';
import type { Logger } from '../system/log.ts';
import type { Metrics } from '../system/metrics.ts';
import type { TranscodePlan } from '../transcode/model.ts';

interface AdviceParts {
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Follows one publish until its end. */
export function tellAdvice(feed: Feed, { log, metrics }: AdviceParts): void {
  const { id: publish, channel } = feed.identity;
  const standing = new Set<string>();
  feed.listenToAdvice({
    onAdvice(change) {
      const { code } = change.advice;
      metrics.advice.set({ channel, code }, change.kind === 'given' ? 1 : 0);
      standing.add(code);
      logOnce(change, publish, log);
    },
    onFigures(figures) {
      setFigures(figures, channel, metrics);
      if (figures === undefined) for (const code of standing) metrics.advice.remove({ channel, code });
    },
  });
}

/** Bitrate and picture are judged against what the plan makes at best. */
export function judgeAgainst(plan: TranscodePlan | undefined, feed: Feed): void {
  const top = plan?.video[0];
  if (top === undefined) return;
  const { id, width, height, bitrateBps } = top;
  feed.setTopRung({ id, width, height, bitrateBps });
}

function logOnce({ kind, advice, again }: AdviceChange, publish: string, log: Logger): void {
  if (again) return;
  const { code, level, message, obs, ffmpeg } = advice;
  if (kind === 'given') log[level]({ publish, code, obs, ffmpeg }, message);
  else log.info({ publish, code }, 'advice withdrawn: it is as it should be');
}

function setFigures(figures: SourceFigures | undefined, channel: string, metrics: Metrics): void {
  const { bitrateBps, keyframeIntervalMs, driftPpm, audioLeadMs } = figures ?? {};
  const set = (gauge: Metrics['sourceBitrate'], value: number | undefined) =>
    value === undefined ? gauge.remove({ channel }) : gauge.set({ channel }, value);
  set(metrics.sourceBitrate, bitrateBps);
  set(metrics.keyframeInterval, keyframeIntervalMs === undefined ? undefined : keyframeIntervalMs / 1000);
  set(metrics.clockDrift, driftPpm);
  set(metrics.audioLead, audioLeadMs === undefined ? undefined : audioLeadMs / 1000);
}
