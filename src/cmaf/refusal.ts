/**
 * How a refusal is answered: the status and the hint of each code (DASH-IF Live Media Ingest, interface 1, receiver status codes).
 * It never decides whether to refuse. Invariant: what the table does not name is 400, as the guideline says.
 */
import { type ErrorCode, messageOf, ServiceError } from '../system/errors.ts';
import { FormatError } from './isobmff/format-error.ts';
import type { CmafRefusal } from './sink.ts';

interface Answer {
  readonly status: number;
  readonly hint: string;
}

const ANSWERS: ReadonlyMap<ErrorCode, Answer> = new Map<ErrorCode, Answer>([
  // "403: authentication or permission"; the guideline has no 401.
  [
    'CMAF_FORBIDDEN',
    { status: 403, hint: 'Send the header Authorization: Bearer SECRET with the secret of this run.' },
  ],
  // "404: publishing point not available"
  ['HTTP_NOT_FOUND', { status: 404, hint: 'POST to /RUN/TRACK of a run that is open.' }],
  ['CMAF_UNKNOWN_TRACK', { status: 404, hint: 'Use the name of a Track of the ladder.' }],
  ['HTTP_METHOD', { status: 405, hint: 'Use POST or PUT.' }],
  // "412: fragment without, or with the wrong, header"
  [
    'CMAF_NO_HEADER',
    { status: 412, hint: 'Send the CMAF header (ftyp and moov) again, then the media that belongs to it.' },
  ],
  // "415: media type not supported"
  [
    'CMAF_MEDIA_TYPE',
    { status: 415, hint: 'Send video/mp4, audio/mp4 or application/mp4, without content coding, or no Content-Type.' },
  ],
  [
    'CMAF_UNSUPPORTED',
    { status: 415, hint: 'Send one Track per URL as fragmented MP4 of a codec that the ladder has.' },
  ],
  ['CMAF_TOO_LARGE', { status: 400, hint: 'Send smaller chunks: one moof and mdat for each part of a segment.' }],
  [
    'CMAF_BOX_INVALID',
    { status: 400, hint: 'Send ftyp, moov, then pairs of moof and mdat, as ISO/IEC 23000-19 describes.' },
  ],
  ['CMAF_BOX_TRUNCATED', { status: 400, hint: 'End a body only between boxes.' }],
  ['PUBLISH_IDLE', { status: 400, hint: 'Send media as it is made, or end the body.' }],
  ['HTTP_OVERLOADED', { status: 503, hint: 'Close older connections of this Track, then try again.' }],
  ['HTTP_INTERNAL', { status: 500, hint: 'See the log of the service.' }],
]);

export function statusOf(code: ErrorCode): number {
  return ANSWERS.get(code)?.status ?? 400;
}

export function refusal(code: ErrorCode, message: string, hint?: string): CmafRefusal {
  return { code, message, hint: hint ?? ANSWERS.get(code)?.hint ?? '' };
}

/** What was thrown, as an answer. Only faults of the source are told to it in words; others are HTTP_INTERNAL. */
export function refusalOf(thrown: unknown): CmafRefusal {
  if (thrown instanceof FormatError) return refusal(thrown.code, thrown.message);
  if (thrown instanceof ServiceError)
    return refusal(thrown.code, thrown.message, thrown.hint === '' ? undefined : thrown.hint);
  return refusal('HTTP_INTERNAL', 'The service failed while taking this body.');
}

/** For the log: HTTP_INTERNAL hides what happened from the source, not from the operator. */
export function causeOf(thrown: unknown): string | undefined {
  return thrown instanceof FormatError || thrown instanceof ServiceError ? undefined : messageOf(thrown);
}
