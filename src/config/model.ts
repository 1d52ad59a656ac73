/**
 * Settings, channels and ladders as the rest of the service sees them: checked, complete, units in names.
 * It never holds a default that is not written out here or in the schemas; secrets stay in `keys`.
 */
import type { FrameRate } from '../system/frame-rate.ts';
import type { LogLevel } from '../system/log.ts';

export interface LadderVideo {
  /** Also the Track's name in URLs: `[a-z0-9][a-z0-9-]{0,31}`. */
  readonly id: string;
  /** The feed's own pictures, not encoded; neither height nor width is given then, and what encoders need is for the slate. */
  readonly copy?: true | undefined;
  /** Wanted picture height; width follows from the source's aspect. Exactly one of height and width is given. */
  readonly height: number | undefined;
  readonly width: number | undefined;
  /** `full` is the Channel's rate, `half` every second frame above 30 fps (else full). */
  readonly frameRate: 'full' | 'half';
  readonly bitrateBps: number;
  readonly maxrateBps: number;
  /** VBV buffer in bits. */
  readonly bufferBits: number;
  readonly codec: 'h264';
  readonly profile: 'baseline' | 'main' | 'high';
  readonly preset: 'ultrafast' | 'superfast' | 'veryfast' | 'faster' | 'fast' | 'medium';
}

export interface LadderAudio {
  readonly id: string;
  readonly codec: 'aac';
  readonly bitrateBps: number;
  readonly channels: 1 | 2;
  /** BCP 47, `und` when unknown. */
  readonly language: string;
  /** NAME of the rendition for people. */
  readonly name: string;
  readonly whenMissing: 'silence' | 'omit';
}

export interface Ladder {
  /** `two-core`, or the file's base name. */
  readonly name: string;
  /** Nominal Segment duration in whole seconds; 1.001 times that at NTSC rates. */
  readonly segmentSeconds: number;
  /** `auto`: from the first publish. */
  readonly frameRate: 'auto' | FrameRate;
  /** Descending by bitrate; at least one. */
  readonly video: readonly LadderVideo[];
  readonly audio: readonly LadderAudio[];
}

export interface StreamKey {
  readonly name: string;
  readonly secret: string;
}

/** normal: whole Segments. low: parts of about 0.4 s. ultra: parts of about 0.2 s. Sets publish margin and encoder tuning too. */
export type Latency = 'normal' | 'low' | 'ultra';

export interface ChannelSettings {
  readonly id: string;
  /** Absolute path of the ladder's file. */
  readonly ladderPath: string;
  readonly ladder: Ladder;
  /** rtmp: a feed that is encoded here. cmaf: Tracks that an external encoder pushes; the ladder says their names and bandwidths. */
  readonly source: 'rtmp' | 'cmaf';
  readonly keys: readonly StreamKey[];
  readonly latency: Latency;
  /** The whole time-shift window, listed by the dvr playlists. */
  readonly windowMs: number;
  /** What it may take on disk; over it the oldest Segments go before their time. */
  readonly windowBytes: number;
  /** What passes without media of a publisher: slate, or a gap in all manifests (once somebody has been live). */
  readonly whenAbsent: 'slate' | 'gap';
  /** Absolute path of a PNG to make the slate of; undefined: the built-in picture. */
  readonly slatePath: string | undefined;
  readonly takeover: 'refuse' | 'replace';
  /** A publisher gone for less keeps its worker. */
  readonly reconnectGraceMs: number;
  /** Without a publisher for so long the presentation ends, until the next publish; undefined: never. */
  readonly absentTimeoutMs: number | undefined;
}

export interface Listen {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
}

/** Who may ask the origin: one of the two is enough. */
interface LockSettings {
  readonly header: string;
  readonly secrets: readonly string[];
  /** Addresses and CIDR blocks. */
  readonly addresses: readonly string[];
}

/** Proxies that are believed when they say for whom they ask, and the field in which they say it. */
interface ProxySettings {
  readonly addresses: readonly string[];
  readonly field: 'x-forwarded-for' | 'forwarded';
}

/** Bounds of the HTTP port; each has a default. */
export interface HttpLimitSettings {
  readonly connections: number;
  /** Requests held for what comes next. */
  readonly waiting: number;
  /** 2^20 bytes of bodies that clients have not taken yet. */
  readonly megabytesInFlight: number;
  /** A client that takes nothing of its answer for so long is cut off. */
  readonly stallSeconds: number;
  /** A client that takes longer over one body is cut off. */
  readonly bodySeconds: number;
  /** A request that has not arrived by then gets 408. */
  readonly requestSeconds: number;
}

export interface HttpSettings extends Listen {
  readonly lock?: LockSettings | undefined;
  readonly proxies?: ProxySettings | undefined;
  /** `stdout` or an absolute path; undefined: no access log. */
  readonly accessLog?: string | undefined;
  readonly limits: HttpLimitSettings;
}

/** Bounds of the RTMP port; each has a safe default. */
export interface RtmpLimitSettings {
  /** One audio or video message. */
  readonly messageBytes: number;
  /** RTMP chunk streams of one connection. */
  readonly chunkStreams: number;
  readonly connections: number;
  /** From one IPv4 address, or one IPv6 /64. */
  readonly connectionsPerAddress: number;
  /** Stream names being published to at once. */
  readonly names: number;
  /** Of one connection, sustained; a faster publisher is slowed down, not ended. */
  readonly bytesPerSecond: number;
  /** From accept to `connect`; twice that to an admitted publish. */
  readonly handshakeSeconds: number;
  /** A publisher without media for so long is ended and its name is free. */
  readonly idleSeconds: number;
}

/** RTMP over TLS; the two files are read once, when the service starts. */
interface RtmpsListen extends Listen {
  readonly certificatePath: string;
  readonly keyPath: string;
}

interface ControlSettings extends Listen {
  /** Opens the API to who is not on this machine; undefined: nobody else may use it. */
  readonly token: string | undefined;
}

/** Where what happens is posted to. */
export interface WebhookSettings {
  readonly url: string;
  readonly events: readonly ('publish' | 'unpublish' | 'fault')[];
  /** Signs the body; undefined: it is not signed. */
  readonly secret: string | undefined;
}

export interface Settings {
  readonly http: HttpSettings;
  readonly rtmp: Listen & { readonly limits: RtmpLimitSettings };
  readonly rtmps?: RtmpsListen | undefined;
  /** Where external encoders push CMAF to; undefined: nowhere. */
  readonly cmaf?: Listen | undefined;
  readonly control: ControlSettings;
  readonly webhooks: readonly WebhookSettings[];
  /** undefined: nothing is kept (`--data none`). */
  readonly dataDirectory: string | undefined;
  readonly ffmpegPath: string | undefined;
  readonly logLevel: LogLevel;
  readonly channels: readonly ChannelSettings[];
}
