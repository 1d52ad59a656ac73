/**
 * Watches one publish and says what its encoder should be set to, as a good colleague would.
 * Pure: tags come in with their stamps and arrivals, time is an argument, changes go out as data. It never refuses anything.
 * Invariants: state is bounded whatever comes; a code is marked `again` from its second giving on, so that it is said once.
 */
import type { Advice, AdviceChange, AdviceCode, SourceFigures, TopRung } from './advice-model.ts';
import { remedyFor } from './advice-remedies.ts';
import { ADVICE_RULES, type AdviceRule, type FeedFacts, type Gop, type Verdict } from './advice-rules.ts';
import { DriftMeter } from './drift-meter.ts';
import type { SourceDescription } from './model.ts';
import { type ObservedTag, SourceWindow, type WindowFigures } from './source-window.ts';

const WINDOW_MS = 5_000;
const KEPT_GOPS = 8;
const KEPT_BITRATES = 8;
const KEPT_LATENESS = 6;
/** A hole in the stamps counts as so much. */
const MOST_FRAME_MS = 250;
/** Figures of an advice that moved by more are told anew, without a word in the log. */
const MOVED = 0.2;

interface Standing {
  overs: number;
  clears: number;
  /** How often it was given in this publish. */
  givings: number;
  given: { readonly advice: Advice; readonly figure: number } | undefined;
}

export class FeedAdvisor {
  readonly #standing = new Map<AdviceCode, Standing>(
    ADVICE_RULES.map(({ code }) => [code, { overs: 0, clears: 0, givings: 0, given: undefined }]),
  );
  readonly #drift = new DriftMeter();
  #window = new SourceWindow();
  #windowEndMs: number | undefined;
  /** The first window is left out: ffmpeg's -re and players of files send a burst at first. */
  #windowsToSkip = 1;
  #gops: Gop[] = [];
  #openGop: Gop | undefined;
  #lastFrameMs: number | undefined;
  #bitratesBps: number[] = [];
  #latenessMs: number[] = [];
  /** Media time of the video since the last audio. */
  #withoutAudioMs = 0;
  #topRung: TopRung | undefined;
  #totalBps: number | undefined;
  #audioLeadMs: number | undefined;

  /** Newest last. */
  list(): readonly Advice[] {
    const given = [...this.#standing.values()].flatMap((standing) => standing.given?.advice ?? []);
    return given.sort((a, b) => a.sinceMs - b.sinceMs);
  }

  figures(): SourceFigures {
    return {
      bitrateBps: this.#totalBps,
      keyframeIntervalMs: this.#gops.at(-1)?.ms,
      driftPpm: this.#drift.ppm,
      audioLeadMs: this.#audioLeadMs,
    };
  }

  /** Without it bitrate and picture are not judged. */
  setTopRung(topRung: TopRung): void {
    this.#topRung = topRung;
  }

  take(tag: ObservedTag): void {
    this.#windowEndMs ??= tag.arrivalMs + WINDOW_MS;
    this.#window.take(tag);
    if (tag.track === 'audio') this.#withoutAudioMs = 0;
    else this.#takeFrame(tag);
  }

  /** The stamps jumped: what was measured on the old ones is void. What was said stands until it is over. */
  forgetStamps(): void {
    this.#window = new SourceWindow();
    this.#windowsToSkip = 1;
    this.#gops = [];
    this.#openGop = undefined;
    this.#lastFrameMs = undefined;
    this.#latenessMs = [];
    this.#drift.forget();
  }

  /** The service itself holds the publisher back: for a while its delay says nothing of the network. */
  forgetDelay(): void {
    this.#windowsToSkip = 2;
  }

  /** What changed by `nowMs` (UTC); undefined while the window is not over. */
  evaluate(nowMs: number, source: SourceDescription | undefined): readonly AdviceChange[] | undefined {
    if (this.#windowEndMs === undefined || nowMs < this.#windowEndMs) return undefined;
    this.#windowEndMs = nowMs + WINDOW_MS;
    const window = this.#window.figures();
    this.#window = new SourceWindow(this.#window);
    this.#keep(window, nowMs);
    const facts: FeedFacts = {
      source,
      topRung: this.#topRung,
      window,
      gops: this.#gops,
      openGopMs: this.#openGop?.ms ?? 0,
      bitratesBps: this.#bitratesBps,
      latenessMs: this.#latenessMs,
      steadyDriftPpm: this.#drift.steadyPpm,
      withoutAudioMs: this.#withoutAudioMs,
    };
    return ADVICE_RULES.flatMap((rule) => this.#weigh(rule, rule.judge(facts), facts, nowMs) ?? []);
  }

  #takeFrame({ stampMs, keyframe }: ObservedTag): void {
    const spanMs = stampMs - (this.#lastFrameMs ?? stampMs);
    const frameMs = Math.min(MOST_FRAME_MS, spanMs);
    this.#lastFrameMs = stampMs;
    this.#withoutAudioMs += frameMs;
    const open = this.#openGop;
    if (open !== undefined)
      this.#openGop = { ms: open.ms + frameMs, spanMs: open.spanMs + spanMs, frames: open.frames + 1 };
    if (!keyframe) return;
    if (this.#openGop !== undefined) keep(this.#gops, this.#openGop, KEPT_GOPS);
    this.#openGop = { ms: 0, spanMs: 0, frames: 0 };
  }

  #keep({ videoBps, totalBps, leastDelayMs, mostDelayMs, audioLeadMs }: WindowFigures, nowMs: number): void {
    this.#audioLeadMs = audioLeadMs;
    this.#totalBps = totalBps ?? this.#totalBps;
    if (videoBps !== undefined) keep(this.#bitratesBps, videoBps, KEPT_BITRATES);
    if (leastDelayMs === undefined || mostDelayMs === undefined) return;
    if (this.#windowsToSkip > 0) {
      this.#windowsToSkip--;
      return;
    }
    this.#drift.take(nowMs, leastDelayMs);
    keep(this.#latenessMs, mostDelayMs - (this.#drift.leastDelayMs ?? leastDelayMs), KEPT_LATENESS);
  }

  #weigh(rule: AdviceRule, verdict: Verdict, facts: FeedFacts, nowMs: number): AdviceChange | undefined {
    const standing = this.#standing.get(rule.code);
    if (standing === undefined || verdict.kind === 'open') return undefined;
    standing.overs = verdict.kind === 'over' ? standing.overs + 1 : 0;
    standing.clears = verdict.kind === 'clear' ? standing.clears + 1 : 0;
    const { given } = standing;
    if (verdict.kind === 'clear') {
      if (given === undefined || standing.clears < rule.withdrawAfter) return undefined;
      standing.given = undefined;
      return { kind: 'withdrawn', advice: given.advice, again: standing.givings > 1 };
    }
    const { level, message, figure } = verdict;
    if (given === undefined && standing.overs < rule.giveAfter) return undefined;
    if (given !== undefined && Math.abs(figure - given.figure) <= Math.abs(given.figure) * MOVED) return undefined;
    const sinceMs = given?.advice.sinceMs ?? Math.round(nowMs);
    const advice = { code: rule.code, level, message, ...remedyFor(rule.code, facts), sinceMs };
    standing.given = { advice, figure };
    if (given !== undefined) return undefined;
    standing.givings++;
    return { kind: 'given', advice, again: standing.givings > 1 };
  }
}

function keep<T>(values: T[], value: T, most: number): void {
  values.push(value);
  if (values.length > most) values.shift();
}
