/**
 * What the metrics say of one EncodeRun: chunks, how late they came, how far apart the Tracks are, what ffmpeg says of itself.
 * It never decides anything. Invariant: what it keeps does not grow with the run.
 */
import type { Grid } from '../package/grid.ts';
import type { EncodeProgress } from '../transcode/model.ts';
import type { ChannelParts } from './channel.ts';
import type { EncodeRun } from './encode-run.ts';
import { RenditionSkew } from './rendition-skew.ts';
import { observeStages } from './stages.ts';

type FigureParts = Pick<ChannelParts, 'metrics' | 'settings' | 'clock'>;

export class RunFigures {
  readonly #parts: FigureParts;
  readonly #run: EncodeRun;
  readonly #skew: RenditionSkew;

  /** `posted`: the Tracks that the encoder itself makes. */
  constructor(parts: FigureParts, run: EncodeRun, grid: Grid, posted: readonly string[]) {
    this.#parts = parts;
    this.#run = run;
    this.#skew = new RenditionSkew(grid, run.origin.index, posted);
  }

  /** The run has taken a chunk just now; its first bytes came at beganMs. */
  chunk(track: string, beganMs: number | undefined): void {
    const { clock, metrics, settings } = this.#parts;
    const channel = settings.id;
    const nowMs = clock.nowMs();
    const outMs = this.#run.outMs(track);
    metrics.fragments.inc({ channel, track });
    metrics.fragmentLateness.observe({ channel, track }, Math.max(0, nowMs - outMs) / 1000);
    // Sound has no picture.
    const pictureMs = this.#run.lastPictureMs(track);
    if (pictureMs !== undefined) observeStages(this.#parts, pictureMs, { encoded: beganMs ?? nowMs, parsed: nowMs });
    const skewMs = this.#skew.take(track, outMs, nowMs);
    if (skewMs !== undefined) metrics.renditionSkew.observe({ channel }, skewMs / 1000);
  }
}

/** ffmpeg counts frames since its start; `before` is what the same process said last. */
export function noteProgress(
  { metrics, settings }: FigureParts,
  before: EncodeProgress | undefined,
  { fps, speed, dropped, duplicated }: EncodeProgress,
): void {
  const channel = settings.id;
  metrics.encoderFps.set({ channel }, fps);
  if (speed !== undefined) metrics.encoderSpeed.set({ channel }, speed);
  metrics.encoderDropped.inc({ channel }, Math.max(0, dropped - (before?.dropped ?? 0)));
  metrics.encoderDuplicated.inc({ channel }, Math.max(0, duplicated - (before?.duplicated ?? 0)));
}

/** Nothing is encoded: the last figures of an encoder that is gone would be read as those of one that runs. */
export function noteNoEncoder({ metrics, settings }: FigureParts): void {
  const channel = settings.id;
  metrics.encoderLag.set({ channel }, 0);
  metrics.encoderFps.remove({ channel });
  metrics.encoderSpeed.remove({ channel });
}
