/**
 * Who may push what to which Channel, and which Track a name means: decided from the request line and headers alone.
 * It never reads a body. Invariant: without a key of the Channel nobody learns which Tracks it has.
 */
import { type IngestRequest, isSecretOf, secretIn, wrongMediaType } from './admission.ts';
import { refusal } from './refusal.ts';
import type { CmafRefusal } from './sink.ts';

/** What admission must know of a Channel that is pushed to. */
export interface PushTarget {
  readonly secrets: readonly string[];
  /** In the ladder's order: video, then audio. */
  readonly tracks: readonly string[];
}

export type PushAdmission<Target extends PushTarget> =
  | { readonly kind: 'media'; readonly target: Target; readonly track: string }
  /** An MPD or playlist of the source, or a DELETE of what left its own window: taken, and not used. */
  | { readonly kind: 'ignored' }
  | { readonly kind: 'refused'; readonly refusal: CmafRefusal };

const LONGEST_PATH = 1024;

/** `/cmaf/CHANNEL/PATH`, by POST or PUT, which are equal (interface 1), and by DELETE, which ffmpeg's dash muxer sends. */
export function admitPush<Target extends PushTarget>(
  request: IngestRequest,
  targetOf: (channel: string) => Target | undefined,
): PushAdmission<Target> {
  const refused = (...why: Parameters<typeof refusal>): PushAdmission<Target> => ({
    kind: 'refused',
    refusal: refusal(...why),
  });
  const { method = 'No method', url = '' } = request;
  if (method !== 'POST' && method !== 'PUT' && method !== 'DELETE')
    return refused('HTTP_METHOD', `${method} is not how CMAF is sent.`);
  const [target = '', query = ''] = url.split('?', 2);
  const [root, prefix, channel = '', ...names] = target.split('/');
  const isOurs = root === '' && prefix === 'cmaf' && channel !== '' && target.length <= LONGEST_PATH;
  const found = isOurs ? targetOf(channel) : undefined;
  // "404: publishing point not available"
  if (found === undefined)
    return refused('HTTP_NOT_FOUND', 'There is no such publishing point.', 'Push to /cmaf/CHANNEL/TRACK.');
  // "403: authentication or permission"
  if (!isSecretOf(found.secrets, secretIn(request.authorization) ?? keyIn(query)))
    return refused(
      'CMAF_FORBIDDEN',
      'The key is missing or wrong.',
      'Send a key of the channel: Authorization: Bearer KEY, as the password of Basic, or ?key=KEY.',
    );
  const last = names.at(-1) ?? '';
  if (method === 'DELETE' || /\.(?:mpd|m3u8)$/.test(last)) return { kind: 'ignored' };
  const track = trackNamed(names, found.tracks);
  if (track === undefined)
    return refused(
      'CMAF_UNKNOWN_TRACK',
      'The path names no Track of this channel.',
      `Name one of ${found.tracks.join(', ')}: /cmaf/${channel}/TRACK, /cmaf/${channel}/TRACK/ANYTHING, or streamN for the N-th of them.`,
    );
  const wrongType = wrongMediaType(request);
  return wrongType === undefined ? { kind: 'media', target: found, track } : { kind: 'refused', refusal: wrongType };
}

/** What stands in a URL that somebody wrote by hand may be percent-encoded. */
function keyIn(query: string): string | undefined {
  const written = query.split('&').find((field) => field.startsWith('key='));
  if (written === undefined) return undefined;
  try {
    return decodeURIComponent(written.slice('key='.length));
  } catch {
    return undefined;
  }
}

/**
 * The Track that a path below the Channel means, by the first of these that holds:
 * a folder or file name is a Track (`720p`, `720p.cmfv`, `720p/17.m4s`); a Track stands in the file name as a whole word, the
 * longest wins (`Streams(720p.cmfv)`, `720p-init.mp4`); the file name has `streamN`, the N-th Track from 0 (ffmpeg's dash muxer:
 * `init-stream0.m4s`, `chunk-stream0-00001.m4s`).
 */
export function trackNamed(names: readonly string[], tracks: readonly string[]): string | undefined {
  for (const name of names) {
    const bare = name.replace(/\.[a-z0-9]{1,5}$/, '');
    const exact = tracks.find((track) => track === name || track === bare);
    if (exact !== undefined) return exact;
  }
  const file = names.at(-1) ?? '';
  const words = tracks.filter((track) => hasWord(file, track)).sort((a, b) => b.length - a.length);
  if (words[0] !== undefined) return words[0];
  const [, position] = /(?:^|[^a-z0-9])stream(\d{1,2})(?![0-9])/.exec(file) ?? [];
  return position === undefined ? undefined : tracks[Number(position)];
}

function hasWord(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    const isAlone = (character: string | undefined) => character === undefined || !/[a-z0-9]/i.test(character);
    if (isAlone(text[at - 1]) && isAlone(text[at + word.length])) return true;
  }
  return false;
}
