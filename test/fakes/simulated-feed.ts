/**
 * A feed as tags with stamps and arrivals, made by arithmetic: rate, GOP, jitter, drift, B-frames, bitrate, audio.
 * It never has media. Invariant: stamps are whole ms as in RTMP, and tags come in order of arrival.
 */

import { FeedAdvisor } from '../../src/ingest/advice.ts';
import type { AdviceChange, AdviceCode, TopRung } from '../../src/ingest/advice-model.ts';
import type { SourceDescription } from '../../src/ingest/model.ts';
import type { ObservedTag } from '../../src/ingest/source-window.ts';
import { SOURCE } from './publisher-feed.ts';

export interface Simulation {
  readonly seconds: number;
  readonly fps?: number;
  /** Frames of the n-th GOP. */
  readonly gopFrames?: (n: number) => number;
  /** Distance of the n-th frame from the one before, in ms; else 1000 / fps. */
  readonly frameMs?: (n: number) => number;
  /** Frames that the encoder never made. */
  readonly isLost?: (n: number) => boolean;
  readonly compositionMs?: (n: number) => number;
  /** By the time of the frame in ms. */
  readonly videoBps?: (atMs: number) => number;
  /** Added to each stamp. */
  readonly stampJitterMs?: (n: number) => number;
  /** Added to each arrival, at least 0 on a real network; order is kept as by TCP. */
  readonly delayMs?: (atMs: number, n: number) => number;
  /** How much faster than ours the encoder's clock runs. */
  readonly driftPpm?: number;
  /** `undefined`: no audio. */
  readonly audioFromMs?: number | undefined;
  readonly audioToMs?: number;
  /** Added to audio stamps. */
  readonly audioLeadMs?: number;
  readonly source?: SourceDescription;
  readonly topRung?: TopRung;
}

export const TOP_720P: TopRung = { id: '720p', width: 1280, height: 720, bitrateBps: 2_800_000 };
const START_MS = 1_795_291_200_500;
const AUDIO_MS = (1024 * 1000) / 48_000;

export class SimulatedFeed {
  readonly advisor = new FeedAdvisor();
  readonly changes: AdviceChange[] = [];
  #offsetMs = 0;

  /** Plays on from where the last call ended. */
  play(simulation: Simulation): this {
    const { source = SOURCE, topRung = TOP_720P, seconds } = simulation;
    this.advisor.setTopRung(topRung);
    for (const tag of tagsOf(simulation)) {
      const at = { ...tag, stampMs: tag.stampMs + this.#offsetMs, arrivalMs: tag.arrivalMs + this.#offsetMs };
      this.advisor.take(at);
      this.changes.push(...(this.advisor.evaluate(at.arrivalMs, source) ?? []));
    }
    this.#offsetMs += seconds * 1000;
    return this;
  }

  get standing(): AdviceCode[] {
    return this.advisor.list().map(({ code }) => code);
  }

  /** `+CODE` given, `-CODE` withdrawn, with `again` where it was said before. */
  get told(): string[] {
    return this.changes.map(
      ({ kind, advice, again }) => `${kind === 'given' ? '+' : '-'}${advice.code}${again ? ' again' : ''}`,
    );
  }

  advice(code: AdviceCode) {
    return this.advisor.list().find((advice) => advice.code === code);
  }
}

function tagsOf(simulation: Simulation): ObservedTag[] {
  const tags = [...frames(simulation), ...audio(simulation)].sort((a, b) => a.atMs - b.atMs);
  let latestMs = 0;
  const { driftPpm = 0, delayMs = () => 0 } = simulation;
  return tags.map(({ atMs, ...tag }, n) => {
    // TCP: what comes later is never there earlier.
    latestMs = Math.max(latestMs, START_MS + atMs / (1 + driftPpm / 1e6) + delayMs(atMs, n));
    return { ...tag, stampMs: Math.round(tag.stampMs), arrivalMs: latestMs };
  });
}

type TimedTag = Omit<ObservedTag, 'arrivalMs'> & { readonly atMs: number };

function frames(simulation: Simulation): TimedTag[] {
  const { seconds, fps = 30, gopFrames = () => Math.round(2 * fps), videoBps = () => 6_000_000 } = simulation;
  const { frameMs = () => 1000 / fps, isLost = () => false } = simulation;
  const { compositionMs = () => 0, stampJitterMs = () => 0 } = simulation;
  const tags: TimedTag[] = [];
  let [gop, inGop, atMs] = [0, 0, 0];
  for (let n = 0; atMs < seconds * 1000; n++) {
    if (inGop >= gopFrames(gop)) [gop, inGop] = [gop + 1, 0];
    const intervalMs = frameMs(n);
    if (!isLost(n)) {
      const bytes = (videoBps(atMs) * intervalMs) / 8000;
      const shape = { keyframe: inGop === 0, compositionMs: compositionMs(n) };
      tags.push({ track: 'video', atMs, stampMs: atMs + stampJitterMs(n), bytes, ...shape });
    }
    inGop++;
    atMs += intervalMs;
  }
  return tags;
}

function audio(simulation: Simulation): TimedTag[] {
  const { seconds, audioLeadMs = 0, stampJitterMs = () => 0 } = simulation;
  const fromMs = 'audioFromMs' in simulation ? simulation.audioFromMs : 0;
  if (fromMs === undefined) return [];
  const toMs = Math.min(simulation.audioToMs ?? Number.POSITIVE_INFINITY, seconds * 1000);
  const tags: TimedTag[] = [];
  for (let n = Math.ceil(fromMs / AUDIO_MS); n * AUDIO_MS < toMs; n++) {
    const atMs = n * AUDIO_MS;
    const shape = { bytes: 430, keyframe: false, compositionMs: 0 };
    tags.push({ track: 'audio', atMs, stampMs: atMs + audioLeadMs + stampJitterMs(n), ...shape });
  }
  return tags;
}

/** Numbers in [0, 1) that are the same in every run. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
