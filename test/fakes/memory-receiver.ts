/** A CmafReceiver without HTTP: the test hands made-up media of a run to its sink. */
import { type CmafReceiver, type CmafRun, type CmafRunOptions, RUN_ID } from '../../src/cmaf/receiver.ts';
import { AUDIO_UNIT, audioStart, type Grid } from '../../src/package/grid.ts';
import { audioFragment, fakeInit, videoFragment } from './media.ts';

export interface MemoryRun extends CmafRunOptions {
  closed: boolean;
}

export class MemoryReceiver implements CmafReceiver {
  readonly port = 0;
  readonly runs: MemoryRun[] = [];

  openRun(options: CmafRunOptions): CmafRun {
    // The rules of the real one.
    if (!RUN_ID.test(options.runId)) throw new RangeError(`${options.runId} is no run id`);
    if (this.runs.some((run) => run.runId === options.runId && !run.closed))
      throw new RangeError(`run ${options.runId} is open already`);
    const run: MemoryRun = { ...options, closed: false };
    this.runs.push(run);
    return {
      headers: { Authorization: 'Bearer test' },
      urlOf: (track) => `http://receiver/${options.runId}/${track}`,
      close: () => {
        run.closed = true;
      },
    };
  }

  async close(): Promise<void> {
    for (const run of this.runs) run.closed = true;
  }

  run(runId: string): MemoryRun {
    const found = this.runs.find((run) => run.runId === runId);
    if (found === undefined) throw new Error(`no run ${runId}`);
    return found;
  }

  /** The CMAF headers of all Tracks of a run. */
  sendHeaders(runId: string, grid: Grid, variant = ''): void {
    const { tracks, sink } = this.run(runId);
    for (const track of tracks) sink.onInit(track, initOf(track, grid, variant));
  }

  /** The n-th Segment of a run whose zero is index `origin`, for all its Tracks or the named ones. */
  sendSegment(
    runId: string,
    grid: Grid,
    origin: number,
    n: number,
    only?: readonly string[],
    hasIndependentParts = false,
  ): void {
    const { tracks, sink } = this.run(runId);
    for (const track of only ?? tracks) {
      if (!track.startsWith('a')) {
        for (let part = 0; part < grid.partsPerSegment; part++)
          sink.onFragment(track, videoFragment(grid, n, part, 7, hasIndependentParts || part === 0));
        continue;
      }
      const unitAt = (index: number) => (audioStart(grid, index) - audioStart(grid, origin)) / AUDIO_UNIT;
      for (let unit = unitAt(origin + n); unit < unitAt(origin + n + 1); unit++)
        sink.onFragment(track, audioFragment(grid, origin, unit));
    }
  }

  /** Headers, one Segment and the clean end of every Track: what a slate encoder posts. */
  sendSlate(runId: string, grid: Grid, variant = '', hasIndependentParts = false): void {
    const { tracks, sink } = this.run(runId);
    this.sendHeaders(runId, grid, variant);
    this.sendSegment(runId, grid, 0, 0, undefined, hasIndependentParts);
    for (const track of tracks) sink.onEnd(track, 'clean');
  }
}

export function initOf(track: string, grid: Grid, variant = '') {
  const isAudio = track.startsWith('a');
  return fakeInit(isAudio ? 'audio' : 'video', isAudio ? 48_000 : grid.videoTimescale, `${track}${variant}`);
}
