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
  if (!isSecretOf([run.secret], secretIn(request.authorization)))
    return refused('CMAF_FORBIDDEN', 'The secret is missing or wrong.');
  if (/\.(?:mpd|m3u8)$/.test(below.at(-1) ?? name)) return { kind: 'manifest' };
  const track = [name, name.replace(MEDIA_SUFFIX, '')].find((candidate) => run.hasTrack(candidate));
  if (track === undefined) return refused('CMAF_UNKNOWN_TRACK', 'This run has no such Track.');
  const wrongType = wrongMediaType(request);
  if (wrongType !== undefined) return { kind: 'refused', refusal: wrongType };
  return { kind: 'media', run, track };
}

/** What is wrong with the declared type of a body, if anything is. */
export function wrongMediaType({ contentType, contentEncoding }: IngestRequest): CmafRefusal | undefined {
  if ((contentEncoding ?? 'identity') !== 'identity')
    return refusal('CMAF_MEDIA_TYPE', 'Content codings are not taken.');
  const mediaType = contentType?.split(';', 1)[0]?.trim().toLowerCase();
  // ffmpeg sends no Content-Type.
  if (mediaType !== undefined && mediaType !== '' && !MEDIA_TYPES.has(mediaType))
    return refusal('CMAF_MEDIA_TYPE', 'This Content-Type is not CMAF.');
  return undefined;
}

/** Bearer, or Basic with the secret as password (the guideline names Basic; encoders have a field for it). */
export function secretIn(authorization: string | undefined): string | undefined {
  const [, scheme = '', value = ''] = /^(\w+) +(\S+) *$/.exec(authorization ?? '') ?? [];
  switch (scheme.toLowerCase()) {
    case 'bearer':
      return value;
    case 'basic':
      return Buffer.from(value, 'base64')
        .toString()
        .replace(/^[^:]*:/, '');
    default:
      return undefined;
  }
}

/** Digests have one length and all are compared, so that the time tells neither length nor place of a difference. */
export function isSecretOf(secrets: readonly string[], given: string | undefined): boolean {
  const digestOfGiven = digest(given ?? '');
  let isKnown = false;
  for (const secret of secrets) if (timingSafeEqual(digestOfGiven, digest(secret))) isKnown = true;
  return isKnown && given !== undefined;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
