/**
 * When a feed deserves a word: one rule a code, each with a threshold to give the advice and a lower one to withdraw it.
 * Pure: facts in, verdict and words out. Invariant: a feed at a standard rate, however it jitters by 15 ms, is `clear`.
 */
import type { Advice, AdviceCode, TopRung } from './advice-model.ts';
import type { SourceDescription } from './model.ts';
import type { WindowFigures } from './source-window.ts';

export interface Gop {
  /** Holes of the stamps left out: lost frames do not make a GOP long. */
  readonly ms: number;
  readonly spanMs: number;
  readonly frames: number;
}

export interface FeedFacts {
  readonly source: SourceDescription | undefined;
  readonly topRung: TopRung | undefined;
  /** The last five seconds. */
  readonly window: WindowFigures;
  /** The last whole GOPs, newest last. */
  readonly gops: readonly Gop[];
  /** `ms` of the GOP under way. */
  readonly openGopMs: number;
  /** Video, of the last windows, newest last. */
  readonly bitratesBps: readonly number[];
  /** How late the latest tag of each of the last windows was, newest last. */
  readonly latenessMs: readonly number[];
  readonly steadyDriftPpm: number | undefined;
  /** Of video without any audio beside it. */
  readonly withoutAudioMs: number;
}

export type Verdict =
  | { readonly kind: 'over'; readonly level: Advice['level']; readonly figure: number; readonly message: string }
  | { readonly kind: 'clear' }
  /** Between the thresholds, or not known. */
  | { readonly kind: 'open' };

export interface AdviceRule {
  readonly code: AdviceCode;
  /** Windows in a row until it is given, and until it is withdrawn. */
  readonly giveAfter: number;
  readonly withdrawAfter: number;
  judge(facts: FeedFacts): Verdict;
}

const CLEAR: Verdict = { kind: 'clear' };
const OPEN: Verdict = { kind: 'open' };
const info = (figure: number, message: string): Verdict => ({ kind: 'over', level: 'info', figure, message });
const warn = (figure: number, message: string): Verdict => ({ kind: 'over', level: 'warn', figure, message });

/** Two Segments of 2 s, and some frames. */
const LONG_GOP_MS = 4_200;
/** Beyond the ring: a new worker cannot start from a keyframe any more. */
const ENDLESS_GOP_MS = 12_000;
const GOP_TOLERANCE = { ms: 200, frames: 3 };
/** Uniform jitter of 15 ms has a standard deviation of 8.7 ms. */
const UNEVEN_MS = { give: 18, withdraw: 13 };
/** Less is not worth a word, whatever the ratio. */
const WORTH_BPS = 4_000_000;
const DRIFT_PPM = { give: 80, withdraw: 60, beyondSlew: 200 };
const LATE_MS = { give: 700, withdraw: 400 };
const APART_MS = { give: 500, withdraw: 300 };
const WITHOUT_AUDIO_MS = 10_000;

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
const mbps = (bps: number) => (bps >= 1e6 ? `${(bps / 1e6).toFixed(1)} Mbit/s` : `${Math.round(bps / 1000)} kbit/s`);

function keyframesFarApart({ gops, openGopMs }: FeedFacts): Verdict {
  const newestMs = gops.at(-1)?.ms;
  const why = 'A replaced encoder begins at the last keyframe: the farther back, the more slate viewers see.';
  if (openGopMs > ENDLESS_GOP_MS)
    return warn(openGopMs, `No keyframe for more than ${seconds(ENDLESS_GOP_MS)}. ${why}`);
  if (newestMs === undefined) return OPEN;
  if (newestMs > LONG_GOP_MS)
    return warn(newestMs, `Keyframes come every ${seconds(newestMs)}; they should come every 2 s. ${why}`);
  return gops.slice(-2).every(({ ms }) => ms <= LONG_GOP_MS) ? CLEAR : OPEN;
}

/**
 * Three changes within eight GOPs: a scene cut makes two, a setting that was changed one. A change is one both of time
 * and of frames: OBS drops frames for the network and keeps the time, a phone in the dark keeps the number.
 */
function keyframesIrregular({ gops }: FeedFacts): Verdict {
  if (gops.length < 4) return OPEN;
  const changes = gops.filter(({ spanMs, frames }, i) => {
    const before = gops[i - 1];
    if (before === undefined) return false;
    return (
      Math.abs(spanMs - before.spanMs) > GOP_TOLERANCE.ms && Math.abs(frames - before.frames) > GOP_TOLERANCE.frames
    );
  });
  if (changes.length < 3) return changes.length === 0 ? CLEAR : OPEN;
  const spans = gops.map(({ spanMs }) => spanMs);
  const [least, most] = [Math.min(...spans), Math.max(...spans)];
  return info(most - least, `Keyframes come irregularly, between ${seconds(least)} and ${seconds(most)} apart.`);
}

function bFrames({ window: { compositionSpreadMs, frameMs } }: FeedFacts): Verdict {
  if (frameMs === undefined) return OPEN;
  if (compositionSpreadMs <= frameMs / 2) return CLEAR;
  return info(
    compositionSpreadMs,
    `The feed has B-frames: pictures are sent up to ${Math.round(compositionSpreadMs)} ms out of their order. ` +
      'They are encoded again here, so all that is left of them is the delay.',
  );
}

function uneven(lacksFrames: boolean, { window, source }: FeedFacts): Verdict {
  const { unevenMs, frameMs } = window;
  if (unevenMs === undefined || frameMs === undefined) return OPEN;
  if (unevenMs < UNEVEN_MS.withdraw || window.lacksFrames !== lacksFrames) return CLEAR;
  if (unevenMs < UNEVEN_MS.give) return OPEN;
  const byMs = `${Math.round(unevenMs)} ms`;
  if (lacksFrames)
    return warn(
      unevenMs,
      `Frames are missing: the encoder skips some, and the rest is off an even spacing by ${byMs}.`,
    );
  const rate =
    source?.video === undefined ? '' : ` It is shown at ${ratesOf(source.video.frameRate)} fps: movement may judder.`;
  return warn(unevenMs, `The frame rate is variable: frames are off an even spacing by ${byMs}.${rate}`);
}

const ratesOf = ({ num, den }: { readonly num: number; readonly den: number }) => Math.round((num / den) * 100) / 100;

function bitrateHigh({ topRung, window: { videoBps } }: FeedFacts): Verdict {
  if (topRung === undefined || videoBps === undefined) return OPEN;
  const need = topRung.bitrateBps;
  if (videoBps < 5 * need || videoBps < need + WORTH_BPS * 0.8) return CLEAR;
  if (videoBps < 6 * need || videoBps < need + WORTH_BPS) return OPEN;
  return info(
    videoBps,
    `The video comes at ${mbps(videoBps)}; the best rendition, ${topRung.id}, is made at ${mbps(need)}. ` +
      'The rest of the uplink is spent for nothing.',
  );
}

function bitrateLow({ topRung, window: { videoBps } }: FeedFacts): Verdict {
  if (topRung === undefined || videoBps === undefined) return OPEN;
  const need = topRung.bitrateBps;
  if (videoBps > 0.75 * need) return CLEAR;
  if (videoBps > 0.6 * need) return OPEN;
  return warn(
    videoBps,
    `The video comes at ${mbps(videoBps)}, the best rendition, ${topRung.id}, is made at ${mbps(need)}: ` +
      'it cannot look better than what comes in. A picture that stands still is no fault.',
  );
}

/** Changes by more than 2.5 from window to window: one is a setting that was changed, three are a habit. */
function bitrateUnstable({ bitratesBps }: FeedFacts): Verdict {
  const changes = bitratesBps.filter((bps, i) => {
    const before = bitratesBps[i - 1];
    return before !== undefined && Math.max(bps, before) > 2.5 * Math.min(bps, before);
  });
  if (changes.length < 3) return changes.length === 0 && bitratesBps.length > 2 ? CLEAR : OPEN;
  const [least, most] = [Math.min(...bitratesBps), Math.max(...bitratesBps)];
  return warn(most / least, `The video's bitrate moves between ${mbps(least)} and ${mbps(most)} within seconds.`);
}

function audioRate({ source }: FeedFacts): Verdict {
  const rate = source?.audio?.sampleRate;
  if (rate === undefined) return OPEN;
  // HE-AAC states half of the rate that it is played at (ISO/IEC 14496-3, 1.6.5).
  if (rate === 48_000 || (source?.audio?.codec === 'aac' && rate === 24_000)) return CLEAR;
  return info(rate, `The audio is sampled at ${rate} Hz and is resampled here to 48000 Hz.`);
}

function audioApart({ window: { audioLeadMs } }: FeedFacts): Verdict {
  if (audioLeadMs === undefined) return OPEN;
  const apartMs = Math.abs(audioLeadMs);
  if (apartMs < APART_MS.withdraw) return CLEAR;
  if (apartMs < APART_MS.give) return OPEN;
  const side = audioLeadMs > 0 ? 'ahead of' : 'behind';
  return warn(
    audioLeadMs,
    `The audio's stamps are ${seconds(apartMs)} ${side} the video's: sound and picture may not fit each other.`,
  );
}

function audioMissing({ withoutAudioMs }: FeedFacts): Verdict {
  if (withoutAudioMs < WITHOUT_AUDIO_MS) return CLEAR;
  return warn(1, `The feed has had no audio for ${WITHOUT_AUDIO_MS / 1000} s; viewers hear silence.`);
}

/** What the Anchor can slew is made good; beyond it the delay grows until the stamps are taken for a jump. */
function clockDrift({ steadyDriftPpm }: FeedFacts): Verdict {
  if (steadyDriftPpm === undefined) return OPEN;
  const ppm = Math.abs(steadyDriftPpm);
  if (ppm < DRIFT_PPM.withdraw) return CLEAR;
  if (ppm < DRIFT_PPM.give) return OPEN;
  const pace = `The encoder's clock runs ${Math.round(ppm / 10) * 10} ppm ${steadyDriftPpm > 0 ? 'fast' : 'slow'}, ${seconds(ppm * 3.6)} an hour`;
  if (ppm <= DRIFT_PPM.beyondSlew) return info(steadyDriftPpm, `${pace}. It is made good here.`);
  return warn(steadyDriftPpm, `${pace}, more than can be made good here: the stream will be cut from time to time.`);
}

/** Two windows of six: one alone is a hiccup. */
function mediaLate({ latenessMs }: FeedFacts): Verdict {
  const late = latenessMs.filter((ms) => ms > LATE_MS.give);
  if (late.length >= 2) {
    const most = Math.max(...late);
    return warn(most, `Media comes up to ${seconds(most)} late against its own stamps: the uplink does not keep up.`);
  }
  if (latenessMs.length === 0) return OPEN;
  return latenessMs.every((ms) => ms < LATE_MS.withdraw) ? CLEAR : OPEN;
}

function pictureTooLarge({ source, topRung }: FeedFacts): Verdict {
  if (topRung === undefined || source?.video === undefined) return OPEN;
  const { width, height } = source.video;
  const ratio = Math.min(width / topRung.width, height / topRung.height);
  // Exactly 1.5 is 1080 lines for a top rung of 720: the commonest feed there is.
  if (ratio <= 1.51) return CLEAR;
  return info(
    ratio,
    `The picture is ${width}x${height}; the best rendition, ${topRung.id}, is ${topRung.width}x${topRung.height}. ` +
      'The rest costs uplink and decoding and is thrown away.',
  );
}

export const ADVICE_RULES: readonly AdviceRule[] = [
  { code: 'KEYFRAMES_FAR_APART', giveAfter: 1, withdrawAfter: 1, judge: keyframesFarApart },
  { code: 'KEYFRAMES_IRREGULAR', giveAfter: 1, withdrawAfter: 4, judge: keyframesIrregular },
  { code: 'B_FRAMES', giveAfter: 1, withdrawAfter: 6, judge: bFrames },
  { code: 'FRAME_RATE_VARIABLE', giveAfter: 3, withdrawAfter: 6, judge: (facts) => uneven(false, facts) },
  { code: 'FRAMES_MISSING', giveAfter: 3, withdrawAfter: 6, judge: (facts) => uneven(true, facts) },
  { code: 'BITRATE_HIGH', giveAfter: 4, withdrawAfter: 4, judge: bitrateHigh },
  { code: 'BITRATE_LOW', giveAfter: 6, withdrawAfter: 3, judge: bitrateLow },
  { code: 'BITRATE_UNSTABLE', giveAfter: 1, withdrawAfter: 2, judge: bitrateUnstable },
  { code: 'AUDIO_RATE', giveAfter: 1, withdrawAfter: 1, judge: audioRate },
  { code: 'AUDIO_APART', giveAfter: 2, withdrawAfter: 3, judge: audioApart },
  { code: 'AUDIO_MISSING', giveAfter: 1, withdrawAfter: 1, judge: audioMissing },
  { code: 'CLOCK_DRIFT', giveAfter: 2, withdrawAfter: 6, judge: clockDrift },
  { code: 'MEDIA_LATE', giveAfter: 1, withdrawAfter: 1, judge: mediaLate },
  { code: 'PICTURE_TOO_LARGE', giveAfter: 1, withdrawAfter: 1, judge: pictureTooLarge },
];
