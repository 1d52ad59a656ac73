/**
 * Notes in the metrics when a picture reached each stage on its way to viewers, counted from its media time.
 * It never decides anything. Invariant: stages of one picture do not decrease.
 */
import type { ChannelParts } from './channel.ts';

type Stage = 'encoded' | 'parsed' | 'servable';

/** UTC ms each. */
export function observeStages(
  { metrics, settings }: Pick<ChannelParts, 'metrics' | 'settings'>,
  pictureMs: number,
  stages: Partial<Record<Stage, number>>,
): void {
  for (const [stage, atMs] of Object.entries(stages))
    metrics.stages.observe({ channel: settings.id, stage }, Math.max(0, atMs - pictureMs) / 1000);
}
