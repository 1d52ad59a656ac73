/**
 * The errors of the whole service: one class, one list of stable codes.
 * It never formats for a terminal or a response; the edges do that.
 * Invariant: every error that reaches a person has a code, a message of what is wrong and a hint of what to do.
 */

/** Every code that may appear in a log, an HTTP answer or on stderr. Codes are stable: add, never rename. */
export type ErrorCode =
  | 'CONFIG_INVALID'
  | 'CONFIG_UNREADABLE'
  | 'CONFIG_NOT_YET'
  | 'LADDER_UNKNOWN'
  | 'LADDER_INVALID'
  | 'PORT_IN_USE'
  | 'PORT_FORBIDDEN'
  | 'DATA_DIRECTORY'
  | 'DATA_DIRECTORY_IN_USE'
  | 'DATA_DIRECTORY_DEGRADED'
  | 'DISK_FULL'
  | 'DISK_READ_ONLY'
  | 'DISK_GONE'
  | 'DISK_SLOW'
  | 'DISK_FAILED'
  | 'JOURNAL_CORRUPT'
  | 'JOURNAL_VERSION'
  | 'WINDOW_SHORTENED'
  | 'FFMPEG_MISSING'
  | 'FFMPEG_TOO_OLD'
  | 'FFMPEG_NO_ENCODER'
  | 'ENCODER_EXITED'
  | 'ENCODER_STALLED'
  | 'ENCODER_OVERLOADED'
  | 'ENCODER_START'
  | 'ENCODER_NONE'
  | 'RUNG_FAILED'
  | 'RUNG_SHED'
  | 'SLATE_FAILED'
  | 'CHANNEL_FAILED'
  | 'PUBLISH_REFUSED'
  | 'PUBLISH_PROTOCOL'
  | 'PUBLISH_IDLE'
  | 'PUBLISH_SLOW_CONSUMER'
  | 'PUBLISH_CODEC'
  | 'PUBLISH_COPY'
  | 'PUBLISH_NONE'
  | 'PUBLISH_PUSHED'
  | 'RTMP_CHILD_EXITED'
  | 'RTMPS_CERTIFICATE'
  | 'CMAF_BOX_INVALID'
  | 'CMAF_BOX_TRUNCATED'
  | 'CMAF_TOO_LARGE'
  | 'CMAF_UNSUPPORTED'
  | 'CMAF_NO_HEADER'
  | 'CMAF_FORBIDDEN'
  | 'CMAF_UNKNOWN_TRACK'
  | 'CMAF_MEDIA_TYPE'
  | 'CMAF_OFF_GRID'
  | 'CMAF_TIME_BACKWARDS'
  | 'CMAF_TIME_AHEAD'
  | 'CMAF_TIME_LATE'
  | 'CMAF_SUPERSEDED'
  | 'CMAF_TRACK_MISSING'
  | 'HTTP_UNAUTHORIZED'
  | 'HTTP_FORBIDDEN'
  | 'HTTP_NOT_FOUND'
  | 'HTTP_GONE'
  | 'HTTP_NOT_YET'
  | 'HTTP_BAD_REQUEST'
  | 'HTTP_METHOD'
  | 'HTTP_MEDIA_TYPE'
  | 'HTTP_RANGE'
  | 'HTTP_URI_TOO_LONG'
  | 'HTTP_OVERLOADED'
  | 'HTTP_INTERNAL'
  | 'SERVICE_STOPPING'
  | 'PROVISION_FAILED'
  | 'USAGE';

export interface ErrorExtras {
  /** What to do about it, a whole sentence. */
  readonly hint?: string;
  /** Plain data for the log. Never secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

export class ServiceError extends Error {
  override readonly name: string = 'ServiceError';
  readonly code: ErrorCode;
  readonly hint: string;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, extras: ErrorExtras = {}) {
    super(message, extras.cause === undefined ? undefined : { cause: extras.cause });
    this.code = code;
    this.hint = extras.hint ?? '';
    this.details = extras.details ?? {};
  }
}

/** The message of anything thrown, for a log field. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
