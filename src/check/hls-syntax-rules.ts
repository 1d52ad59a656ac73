/**
 * Rules that hold for any playlist: grammar, version, media type.
 * Pure; one playlist at a time.
 */
import { found } from './catalogue.ts';
import type { ReadSnapshot } from './hls-read.ts';
import type { HlsPlaylist } from './hls-text.ts';
import type { Finding } from './model.ts';

export function judgeSyntax({ snapshot, playlist }: ReadSnapshot): readonly Finding[] {
  const { url } = snapshot;
  const findings = playlist.problems.map((problem) =>
    found(problem.rule, { url, line: problem.line }, problem.message),
  );
  // bis 4.1: "A Playlist is a Media Playlist if all URI lines ... identify Media Segments ... clients MUST fail to parse Playlists that contain both"
  if (playlist.mixed) findings.push(found('hls.mixed-tags', { url }, 'The playlist has multivariant and media tags.'));
  return [...findings, ...judgeVersion(url, playlist), ...judgeContentType({ snapshot, playlist })];
}

/** The version that the features in use need (bis section 8), and the feature. */
function neededVersion(playlist: HlsPlaylist): { readonly version: number; readonly feature: string } {
  const uses = (name: string): boolean => playlist.tags.some((tag) => tag.name === name);
  if (playlist.tags.some((tag) => tag.name === 'EXT-X-DEFINE' && tag.value?.includes('QUERYPARAM=')))
    return { version: 11, feature: 'EXT-X-DEFINE:QUERYPARAM' };
  if (playlist.skip?.attributes.has('RECENTLY-REMOVED-DATERANGES'))
    return { version: 10, feature: 'RECENTLY-REMOVED-DATERANGES' };
  if (uses('EXT-X-SKIP')) return { version: 9, feature: 'EXT-X-SKIP' };
  if (uses('EXT-X-DEFINE')) return { version: 8, feature: 'EXT-X-DEFINE' };
  if (playlist.media.some((media) => media.attributes.get('INSTREAM-ID')?.value.startsWith('SERVICE')))
    return { version: 7, feature: 'INSTREAM-ID SERVICE' };
  if (uses('EXT-X-MAP'))
    return uses('EXT-X-I-FRAMES-ONLY') ? { version: 5, feature: 'EXT-X-MAP' } : { version: 6, feature: 'EXT-X-MAP' };
  if (uses('EXT-X-BYTERANGE') || uses('EXT-X-I-FRAMES-ONLY')) return { version: 4, feature: 'EXT-X-BYTERANGE' };
  if (playlist.segments.some((segment) => segment.durationText?.includes('.')))
    return { version: 3, feature: 'EXTINF with decimals' };
  return { version: 1, feature: 'nothing' };
}

function hasGap(playlist: HlsPlaylist): boolean {
  return playlist.segments.some((segment) => segment.gap);
}

function judgeVersion(url: string, playlist: HlsPlaylist): Finding[] {
  const [first, second] = playlist.versions;
  const needed = neededVersion(playlist);
  // bis 4.4.1.2: "A Playlist file MUST NOT contain more than one EXT-X-VERSION tag."
  if (second !== undefined) return [found('hls.version', { url, line: second.line }, 'EXT-X-VERSION appears twice.')];
  if (first !== undefined && first.version === undefined)
    return [found('hls.version', { url, line: first.line }, 'EXT-X-VERSION is not a whole number.')];
  const stated = first?.version ?? 1;
  if (stated < needed.version)
    return [
      found(
        'hls.version',
        { url, line: first?.line },
        `EXT-X-VERSION is ${stated}, ${needed.feature} needs ${needed.version}.`,
      ),
    ];
  // bis 6.2.1: SHOULD NOT be higher than needed. A multivariant playlist may say what its media playlists need.
  // EXT-X-GAP came with version 8, though section 8 does not ask for it.
  const most = hasGap(playlist) ? Math.max(8, needed.version) : needed.version;
  if (playlist.kind === 'media' && stated > most)
    return [
      found('hls.version-high', { url, line: first?.line }, `EXT-X-VERSION is ${stated}, ${needed.version} is enough.`),
    ];
  return [];
}

// bis 4: application/vnd.apple.mpegurl or audio/mpegurl
const PLAYLIST_TYPE = /^(application\/vnd\.apple\.mpegurl|audio\/mpegurl)(;|$)/i;

function judgeContentType({ snapshot }: ReadSnapshot): Finding[] {
  const type = snapshot.headers['content-type'];
  return type !== undefined && PLAYLIST_TYPE.test(type)
    ? []
    : [found('http.content-type', { url: snapshot.url }, `The playlist's Content-Type is ${type ?? 'missing'}.`)];
}
