/**
 * What to do about each advice: the menu path and value in OBS Studio (28 and newer), and the options of ffmpeg.
 * Pure. Invariant: every code has both, with values that fit the feed's frame rate and the ladder's top rung.
 */
import type { AdviceCode, TopRung } from './advice-model.ts';
import type { SourceDescription } from './model.ts';

export interface Remedy {
  readonly obs: string;
  readonly ffmpeg: string;
}

export interface RemedyFacts {
  readonly source: SourceDescription | undefined;
  readonly topRung: TopRung | undefined;
}

const STREAMING = 'Settings > Output > Output Mode "Advanced" > Streaming';
/** Twice what the top rung is made at, in steps that people type. */
const AMPLE = 2;
const STEP_KBPS = 500;
const FALLBACK_KBPS = 6_000;

/** What to set for `code` on this feed. */
export function remedyFor(code: AdviceCode, { source, topRung }: RemedyFacts): Remedy {
  const rate = source?.video?.frameRate ?? { num: 30, den: 1 };
  const gop = Math.round((2 * rate.num) / rate.den);
  const kbps =
    topRung === undefined ? FALLBACK_KBPS : Math.ceil((AMPLE * topRung.bitrateBps) / 1000 / STEP_KBPS) * STEP_KBPS;
  return REMEDIES[code]({
    gop,
    kbps,
    rate: rate.den === 1 ? `${rate.num}` : `${rate.num}/${rate.den}`,
    fps: `${Math.round((rate.num / rate.den) * 100) / 100}`,
    size: topRung === undefined ? '1280x720' : `${topRung.width}x${topRung.height}`,
    scale: (topRung?.width ?? 16) >= (topRung?.height ?? 9) ? `-2:${topRung?.height ?? 720}` : `${topRung?.width}:-2`,
  });
}

interface Values {
  /** Frames of 2 s. */
  readonly gop: number;
  readonly kbps: number;
  readonly rate: string;
  readonly fps: string;
  readonly size: string;
  readonly scale: string;
}

const constantBitrate = ({ kbps }: Values): Remedy => ({
  obs: `${STREAMING} > Rate Control "CBR", Bitrate ${kbps} Kbps`,
  ffmpeg: `-b:v ${kbps}k -maxrate ${kbps}k -bufsize ${kbps}k`,
});

const REMEDIES: Readonly<Record<AdviceCode, (values: Values) => Remedy>> = {
  KEYFRAMES_FAR_APART: ({ gop }) => ({
    obs: `${STREAMING} > Keyframe Interval 2 s (0 is automatic: up to 8.3 s)`,
    ffmpeg: `-g ${gop} -keyint_min ${gop} -sc_threshold 0`,
  }),
  KEYFRAMES_IRREGULAR: ({ gop }) => ({
    obs: `${STREAMING} > Keyframe Interval 2 s, and x264 Options "scenecut=0" (NVENC: Look-ahead off)`,
    ffmpeg: `-g ${gop} -keyint_min ${gop} -sc_threshold 0`,
  }),
  B_FRAMES: () => ({
    obs: `${STREAMING} > x264 Options "bframes=0" (NVENC, AMF: B-Frames 0)`,
    ffmpeg: '-bf 0',
  }),
  FRAME_RATE_VARIABLE: ({ fps, rate }) => ({
    obs:
      `Settings > Video > Common FPS Values ${fps}. OBS sends a constant rate by itself: ` +
      'a phone or another app needs its own "constant frame rate"',
    ffmpeg: `-fps_mode cfr -r ${rate}`,
  }),
  FRAMES_MISSING: () => ({
    obs:
      'Docks > Stats says which. Rendering lag: Settings > Video > a lower Common FPS Value. ' +
      `Encoding lag: ${STREAMING} > CPU Usage Preset "superfast". Dropped by the network: ${STREAMING} > a lower Bitrate`,
    ffmpeg: '-preset superfast, and look for "speed=" below 1 in its status line',
  }),
  BITRATE_HIGH: constantBitrate,
  BITRATE_LOW: constantBitrate,
  BITRATE_UNSTABLE: (values) => ({
    obs: `${constantBitrate(values).obs}; Settings > Advanced > Network > "Dynamically change bitrate" off if the uplink can carry it`,
    ffmpeg: `${constantBitrate(values).ffmpeg} -x264-params nal-hrd=cbr`,
  }),
  AUDIO_RATE: () => ({ obs: 'Settings > Audio > General > Sample Rate 48 kHz', ffmpeg: '-ar 48000' }),
  AUDIO_APART: () => ({
    obs: 'Edit > Advanced Audio Properties > Sync Offset 0 ms, then stop and start streaming',
    ffmpeg: '-itsoffset SECONDS before the -i of the one that is behind, or both from one input',
  }),
  AUDIO_MISSING: () => ({
    obs: `${STREAMING} > Audio Track 1, and Edit > Advanced Audio Properties > Tracks "1" ticked`,
    ffmpeg: '-map 0:v -map 0:a -c:a aac; without a source of sound: -f lavfi -i anullsrc=r=48000:cl=stereo',
  }),
  CLOCK_DRIFT: () => ({
    obs:
      'Nothing in OBS: switch on time synchronisation in the system of that machine (Windows: Settings > Time & language > ' +
      'Date & time > Sync now); a sound card of its own: source > Properties > "Use Device Timestamps" off',
    ffmpeg: '-use_wallclock_as_timestamps 1 before the -i of a device, and time synchronisation on that machine',
  }),
  MEDIA_LATE: () => ({
    obs:
      `A cable in place of Wi-Fi; ${STREAMING} > a lower Bitrate; ` +
      'Settings > Advanced > Network > "Dynamically change bitrate to manage congestion" on',
    ffmpeg: 'a lower -b:v and -maxrate; "speed=" in its status line must be 1',
  }),
  PICTURE_TOO_LARGE: ({ size, scale }) => ({
    obs: `Settings > Video > Output (Scaled) Resolution ${size}`,
    ffmpeg: `-vf scale=${scale}`,
  }),
};
