/**
 * Encodes the slate of a plan once: runs the slate's command, collects its chunks, checks that they are one whole Segment.
 * It never retries. Invariant: whatever happens, its encoder and its receiving run are gone when it answers.
 */

import type { Fragment, InitSegment } from '../cmaf/isobmff/model.ts';
import type { CmafReceiver } from '../cmaf/receiver.ts';
import type { CmafSink } from '../cmaf/sink.ts';
import type { Grid } from '../package/grid.ts';
import type { TrackFacts } from '../package/model.ts';
import { makeSlate, type Slate, type SlateInput } from '../package/slate.ts';
import type { Clock } from '../system/clock.ts';
import { slateCommand } from '../transcode/arguments.ts';
import { startEncoder } from '../transcode/ffmpeg-process.ts';
import type { TranscodePlan } from '../transcode/model.ts';
import { type SlatePicture, slatePicture } from '../transcode/slate-picture.ts';
import { frameTicksOf } from './encode-run.ts';

export interface SlateRequest {
  readonly runId: string;
  readonly plan: TranscodePlan;
  readonly grid: Grid;
  readonly facts: readonly TrackFacts[];
  readonly receiver: CmafReceiver;
  readonly ffmpegPath: string;
  readonly clock: Clock;
  /** True while viewers watch something else: the encoders of the air come first. */
  readonly isInBackground: boolean;
  /** Absolute path of a PNG; undefined: the built-in picture. */
  readonly picturePath: string | undefined;
}

export type SlateOutcome =
  | { readonly kind: 'ok'; readonly slate: Slate; readonly inputs: readonly SlateInput[] }
  | { readonly kind: 'failed'; readonly reason: string; readonly lastLines: readonly string[] };

/** A slate takes about a second; a machine that needs this long can't carry the Channel either. */
const LIMIT_MS = 30_000;
const PICTURE = { width: 1280, height: 720 };
/** Drawn once: it is the same for every slate, and drawing it stops the loop, and so every Channel, for 0.1 s. */
let drawn: SlatePicture | undefined;

interface Collected {
  init: InitSegment | undefined;
  readonly fragments: Fragment[];
  ended: boolean;
}

export function encodeSlate(request: SlateRequest): { readonly done: Promise<SlateOutcome>; cancel(): void } {
  let cancel = (): void => undefined;
  const done = new Promise<SlateOutcome>((resolve) => {
    cancel = runSlate(request, resolve);
  });
  return { done, cancel: () => cancel() };
}

function runSlate(request: SlateRequest, resolve: (outcome: SlateOutcome) => void): () => void {
  const { plan, receiver, clock, facts } = request;
  const collected = new Map<string, Collected>(
    facts.map(({ id }) => [id, { init: undefined, fragments: [], ended: false }]),
  );
  let exit: { readonly ok: boolean; readonly lastLines: readonly string[]; readonly reason: string } | undefined;
  const finish = (outcome: SlateOutcome): void => {
    cancelLimit();
    run.close();
    encoder.kill();
    resolve(outcome);
  };
  const check = (): void => {
    if (exit === undefined) return;
    if (!exit.ok) finish({ kind: 'failed', reason: exit.reason, lastLines: exit.lastLines });
    else if ([...collected.values()].every((track) => track.ended))
      finish(assemble(request, collected, exit.lastLines));
  };
  const run = receiver.openRun({
    runId: request.runId,
    tracks: facts.map(({ id }) => id),
    sink: collector(collected, check),
  });
  const picture = request.picturePath === undefined ? builtIn() : { path: request.picturePath };
  const encoder = startEncoder({
    ffmpegPath: request.ffmpegPath,
    command: slateCommand({
      plan,
      urlOf: run.urlOf,
      headers: run.headers,
      picture,
    }),
    niceness: request.isInBackground ? 10 : 0,
    listener: {
      onStart: () => undefined,
      onProgress: () => undefined,
      onLogLine: () => undefined,
      onDrain: () => undefined,
      onExit: ({ code, signal, lastLines }) => {
        exit = { ok: code === 0, lastLines, reason: `ffmpeg ended with ${signal ?? `code ${code}`}` };
        check();
      },
    },
  });
  const cancelLimit = clock.after(LIMIT_MS, () =>
    finish({ kind: 'failed', reason: `not done after ${LIMIT_MS / 1000} s`, lastLines: exit?.lastLines ?? [] }),
  );
  if ('rgb' in picture) encoder.write(picture.rgb);
  encoder.end();
  return () => finish({ kind: 'failed', reason: 'cancelled', lastLines: [] });
}

function builtIn(): SlatePicture {
  drawn ??= slatePicture(PICTURE.width, PICTURE.height);
  return drawn;
}

function collector(collected: ReadonlyMap<string, Collected>, check: () => void): CmafSink {
  return {
    onInit(track, init) {
      const entry = collected.get(track);
      if (entry !== undefined) entry.init = init;
    },
    onFragment(track, fragment) {
      collected.get(track)?.fragments.push(fragment);
    },
    onEnd(track) {
      const entry = collected.get(track);
      if (entry !== undefined) entry.ended = true;
      check();
    },
    // A refused body ends with onEnd or with the encoder's exit; both are looked at.
    onRefused: check,
  };
}

function assemble(
  request: SlateRequest,
  collected: ReadonlyMap<string, Collected>,
  lastLines: readonly string[],
): SlateOutcome {
  const inputs: SlateInput[] = [];
  for (const facts of request.facts) {
    const entry = collected.get(facts.id);
    if (entry?.init === undefined) return { kind: 'failed', reason: `no CMAF header for track ${facts.id}`, lastLines };
    const frameTicks = facts.kind === 'video' ? frameTicksOf(request.grid, facts) : undefined;
    inputs.push({ id: facts.id, init: entry.init, fragments: entry.fragments, frameTicks });
  }
  const result = makeSlate(request.grid, inputs);
  return result.kind === 'ok' ? { ...result, inputs } : { kind: 'failed', reason: result.reason, lastLines };
}
