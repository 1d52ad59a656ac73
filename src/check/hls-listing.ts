/**
 * What a media playlist lists for download, with all that it says of each object.
 * Pure. Gaps and byte ranges are left out: there is nothing, or not a whole object, behind their URI.
 */
import { resolveUrl } from './hls-read.ts';
import { dateTimeMs, type HlsMap, type HlsPart, type HlsPlaylist, segmentDates } from './hls-text.ts';
import type { ListedAs } from './model.ts';

export interface Listing {
  readonly segments: readonly { readonly url: string; readonly listed: ListedAs }[];
  readonly parts: readonly { readonly url: string; readonly listed: ListedAs }[];
}

export function segmentListing(playlist: HlsPlaylist, url: string): Listing {
  const dates = segmentDates(playlist);
  const segments = playlist.segments.flatMap((segment, index) => {
    if (segment.gap || segment.byteRange !== undefined) return [];
    const base = { track: url, initUrl: mapUrl(segment.map, url), number: segment.msn, run: String(segment.dsn) };
    return [
      {
        url: resolveUrl(segment.uri, url),
        listed: { ...base, durationS: segment.durationS ?? 0, pdtMs: dates[index] },
      },
    ];
  });
  const closed = playlist.segments.flatMap((segment) =>
    partsOf(segment.parts, url, {
      track: url,
      initUrl: mapUrl(segment.map, url),
      number: segment.msn,
      run: String(segment.dsn),
      durationS: 0,
    }),
  );
  const last = playlist.segments.at(-1);
  const open = {
    track: url,
    initUrl: mapUrl(playlist.openMap, url),
    number: (last?.msn ?? (playlist.mediaSequence?.value ?? 0) - 1) + 1,
    run: String((last?.dsn ?? playlist.discontinuitySequence?.value ?? 0) + (playlist.openDiscontinuity ? 1 : 0)),
    durationS: 0,
    pdtMs: dateTimeMs(playlist.openPdtText),
  };
  return { segments, parts: [...closed, ...partsOf(playlist.openParts, url, open)] };
}

function mapUrl(map: HlsMap | undefined, url: string): string | undefined {
  return map?.uri === undefined || map.byteRange !== undefined ? undefined : resolveUrl(map.uri, url);
}

function partsOf(parts: readonly HlsPart[], url: string, listed: ListedAs): Listing['parts'] {
  return parts.flatMap((part, index) => {
    if (part.uri === undefined || part.gap || part.attributes.has('BYTERANGE')) return [];
    return [{ url: resolveUrl(part.uri, url), listed: { ...listed, part: index, durationS: part.durationS ?? 0 } }];
  });
}
