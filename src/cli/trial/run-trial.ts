/**
 * Trials on this machine: what a ladder's encoder costs, and what each of its rungs makes of a clip.
 * It never judges: src/plan does. Invariant: its temporary folder is gone when it resolves, also when it fails.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCmaf } from '../../cmaf/isobmff/stream.ts';
import type { Ladder, Latency } from '../../config/model.ts';
import { servedOf } from '../../plan/case.ts';
import { type LadderTrial, ladderTrial, type RungEncode } from '../../plan/ladder-trial.ts';
import { ServiceError } from '../../system/errors.ts';
import type { PlanSource, TranscodePlan, VideoTrackPlan } from '../../transcode/model.ts';
import { trialEncode } from './trial-encode.ts';
import { makeTrialFeed, type TrialClip, type TrialFeed } from './trial-feed.ts';
import { hasVmafFilter, qualityOf } from './trial-quality.ts';

interface TrialRequest {
  readonly ffmpegPath: string;
  readonly latency: Latency;
  readonly clip: TrialClip;
  readonly seconds: number;
  /** What is being done, and how much of all is done, 0 to 1. */
  onProgress(what: string, share: number): void;
}

export interface LadderTrialRequest extends TrialRequest {
  readonly ladder: Ladder;
}

export interface CalibrateRequest extends TrialRequest {
  readonly ladders: readonly { readonly ladder: Ladder; readonly latency: Latency }[];
}

/** Cores that the whole encoder keeps busy in real time, for each ladder in order; undefined where it has no plan. */
export async function calibrate(request: CalibrateRequest): Promise<readonly (number | undefined)[]> {
  const { ladders, seconds, ffmpegPath, onProgress } = request;
  return inFolder(async (folder) => {
    onProgress('making the feed', 0);
    const feed = await makeTrialFeed(ffmpegPath, request.clip, seconds, folder);
    const cores: (number | undefined)[] = [];
    for (const [index, { ladder, latency }] of ladders.entries()) {
      const served = servedOf({ ladder, latency, source: feed.source });
      if (served.kind === 'bad') {
        cores.push(undefined);
        continue;
      }
      const share = (done: number): number => (index + done) / ladders.length;
      const encode = await trialEncode({
        ffmpegPath,
        plan: served.plan,
        feed,
        withAudio: true,
        seconds,
        onProgress: (done) => onProgress('encoding', share(done)),
      });
      cores.push(encode.cpuSeconds / seconds);
    }
    return cores;
  });
}

/** Throws LADDER_INVALID where nothing of the ladder can be encoded, USAGE and ENCODER_EXITED as its steps do. */
export async function tryLadder(request: LadderTrialRequest): Promise<LadderTrial> {
  const { ladder, latency, seconds, ffmpegPath, onProgress } = request;
  return inFolder(async (folder) => {
    onProgress('making the feed', 0);
    const feed = await makeTrialFeed(ffmpegPath, request.clip, seconds, folder);
    const plan = encodedPlan(ladder, latency, feed.source);
    const hasVmaf = await hasVmafFilter(filtersOf(ffmpegPath));
    const encodes: RungEncode[] = [];
    for (const [index, track] of plan.video.entries()) {
      const share = (done: number): number => (index + done) / plan.video.length;
      const part = { ffmpegPath, plan, feed, folder, seconds, track, hasVmaf };
      encodes.push(await rungEncode(part, (what, done) => onProgress(`${track.id}: ${what}`, share(done))));
    }
    onProgress('done', 1);
    return ladderTrial({ ladder: ladder.name, clip: feed.name, seconds }, plan, encodes);
  });
}

interface RungRequest {
  readonly ffmpegPath: string;
  readonly plan: TranscodePlan;
  readonly feed: TrialFeed;
  readonly folder: string;
  readonly seconds: number;
  readonly track: VideoTrackPlan;
  readonly hasVmaf: boolean;
}

/** Encoding is about half of a rung's work, comparing the other. */
async function rungEncode(
  request: RungRequest,
  onProgress: (what: string, share: number) => void,
): Promise<RungEncode> {
  const { track, plan } = request;
  const encode = await trialEncode({
    ...request,
    plan: { ...plan, video: [track] },
    withAudio: false,
    onProgress: (share) => onProgress('encoding', share / 2),
  });
  onProgress('comparing', 0.5);
  const media = encode.bodies.get(track.id) ?? Buffer.alloc(0);
  const { fragments } = readCmaf(media);
  const frameBytes = fragments.flatMap(({ samples }) => samples.map(({ sizeBytes }) => sizeBytes));
  const quality = await qualityOf({ ...request, media });
  return { id: track.id, frameBytes, quality, cpuSeconds: encode.cpuSeconds, wallSeconds: encode.wallSeconds };
}

function encodedPlan(ladder: Ladder, latency: Latency, source: PlanSource): TranscodePlan {
  const served = servedOf({ ladder, latency, source });
  const video = served.kind === 'bad' ? [] : served.plan.video.filter(({ isCopy }) => !isCopy);
  if (served.kind !== 'bad' && video.length > 0) return { ...served.plan, video };
  const why = served.kind === 'bad' ? served.reason : 'it has no rung that is encoded';
  throw new ServiceError('LADDER_INVALID', `the ladder ${ladder.name} cannot be tried: ${why}`, {
    hint: 'Try it with pitchside check FILE.',
  });
}

function filtersOf(ffmpegPath: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(ffmpegPath, ['-hide_banner', '-filters'], { timeout: 10_000, maxBuffer: 4e6 }, (error, stdout) =>
      resolve(error === null ? stdout : undefined),
    );
  });
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'pitchside-trial-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
