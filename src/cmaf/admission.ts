/**
 * Who may send what where, decided from the request line and headers alone.
 * It never reads a body. Invariant: without the secret of a run nobody learns which Tracks it has.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { refusal } from './refusal.ts';
import type { CmafRefusal } from './sink.ts';

export interface IngestRequest {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly authorization: string | undefined;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
}

/** What admission must know of a run. */
export interface PublishingPoint {
  readonly secret: string;
  hasTrack(name: string): boolean;
}

export type Admission<Run extends PublishingPoint> =
  | { readonly kind: 'media'; readonly run: Run; readonly track: string }
  /** An MPD or playlist of the source: taken, and not used; what is served is made from the ladder. */
  | { readonly kind: 'manifest' }
  | { readonly kind: 'refused'; readonly refusal: CmafRefusal };

const MEDIA_TYPES: ReadonlySet<string> = new Set([
  'video/mp4',
  'audio/mp4',
  'application/mp4',
  'video/iso.segment',
  'audio/iso.segment',
  'application/octet-stream',
]);
const MEDIA_SUFFIX = /\.(?:cmf[vam]|mp4|m4s|m4v|m4a)$/;

/** `/RUN/TRACK`, `/RUN/TRACK/ANYTHING` or `/RUN/TRACK.cmfv`, by POST or PUT, which are equal (interface 1). */
export function admit<Run extends PublishingPoint>(
  request: IngestRequest,
  runOf: (id: string) => Run | undefined,
): Admission<Run> {
  const refused = (...why: Parameters<typeof refusal>): Admission<Run> => ({
    kind: 'refused',
    refusal: refusal(...why),
  });
  if (request.method !== 'POST' && request.method !== 'PUT') {
    return refused('HTTP_METHOD', `${request.method ?? 'No method'} is not how CMAF is sent.`);
  }
  const [path = ''] = (request.url ?? '').split('?', 1);
  const [root, runId = '', name = '', ...below] = path.split('/');
  const run = root === '' && runId !== '' ? runOf(runId) : undefined;
  if (run === undefined) return refused('HTTP_NOT_FOUND', 'There is no such publishing point.');
  if (!isAuthorized(request.authorization, run.secret))
    return refused('CMAF_FORBIDDEN', 'The secret is missing or wrong.');
  if (/\.(?:mpd|m3u8)$/.test(below.at(-1) ?? name)) return { kind: 'manifest' };
  const track = [name, name.replace(MEDIA_SUFFIX, '')].find((candidate) => run.hasTrack(candidate));
  if (track === undefined) return refused('CMAF_UNKNOWN_TRACK', 'This run has no such Track.');
  if ((request.contentEncoding ?? 'identity') !== 'identity')
    return refused('CMAF_MEDIA_TYPE', 'Content codings are not taken.');
  const mediaType = request.contentType?.split(';', 1)[0]?.trim().toLowerCase();
  // ffmpeg sends no Content-Type.
  if (mediaType !== undefined && mediaType !== '' && !MEDIA_TYPES.has(mediaType)) {
    return refused('CMAF_MEDIA_TYPE', 'This Content-Type is not CMAF.');
  }
  return { kind: 'media', run, track };
}

/** Bearer, or Basic with the secret as password (the guideline names Basic; encoders have a field for it). */
function isAuthorized(authorization: string | undefined, secret: string): boolean {
  const [, scheme = '', value = ''] = /^(\w+) +(\S+) *$/.exec(authorization ?? '') ?? [];
  const given =
    scheme.toLowerCase() === 'basic'
      ? Buffer.from(value, 'base64')
          .toString()
          .replace(/^[^:]*:/, '')
      : value;
  const isKnownScheme = /^(?:bearer|basic)$/i.test(scheme);
  // Digests have one length, so that the comparison tells neither length nor place of a difference.
  return timingSafeEqual(digest(given), digest(secret)) && isKnownScheme;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
