/**
 * What a manifest declares of each track, in one form for HLS and DASH, so that bytes can be held against it.
 * It never judges. In HLS several variants may share one rendition: each declaration is kept.
 */
import type { ReadMpd } from './dash-rules.ts';
import { variantCodecs } from './hls-multivariant-rules.ts';
import { type ReadSnapshot, resolveUrl } from './hls-read.ts';
import type { HlsEntry } from './hls-text.ts';

export interface Declared {
  readonly track: string;
  readonly codecs: readonly string[];
  readonly width: number | undefined;
  readonly height: number | undefined;
  readonly peakBps: number | undefined;
  readonly averageBps: number | undefined;
  /** Tracks whose bytes count towards the bandwidth: the variant's own, and its audio group's members (the largest counts). */
  readonly groupTracks: readonly string[];
  /** Tracks of one switching set have the same. */
  readonly set: string;
}

const text = (entry: HlsEntry, name: string): string | undefined => entry.attributes.get(name)?.value;
const numeric = (value: string | undefined): number | undefined =>
  value === undefined || value === '' || Number.isNaN(Number(value)) ? undefined : Number(value);

/** One Declared for each variant; `track` is the media playlist's URL. */
export function declaredByHls(read: ReadSnapshot): readonly Declared[] {
  const { playlist, snapshot } = read;
  return playlist.variants.flatMap((variant) => {
    if (variant.uri === undefined) return [];
    const [width, height] = (text(variant, 'RESOLUTION') ?? '').split('x').map(numeric);
    const members = playlist.media.filter(
      (media) => text(media, 'TYPE') === 'AUDIO' && text(media, 'GROUP-ID') === text(variant, 'AUDIO'),
    );
    const track = resolveUrl(variant.uri, snapshot.url);
    return [
      {
        track,
        codecs: variantCodecs(variant),
        width,
        height,
        peakBps: numeric(text(variant, 'BANDWIDTH')),
        averageBps: numeric(text(variant, 'AVERAGE-BANDWIDTH')),
        // an audio-only variant may be the member of its own group: its bytes count once
        groupTracks: members
          .flatMap((media) => text(media, 'URI') ?? [])
          .map((uri) => resolveUrl(uri, snapshot.url))
          .filter((url) => url !== track),
        set: 'variants',
      },
    ];
  });
}

/** One Declared for each Representation; `track` is `PERIOD/REPRESENTATION`. */
export function declaredByDash({ mpd }: ReadMpd): readonly Declared[] {
  return mpd.periods.flatMap((period, index) =>
    period.sets.flatMap((set, position) =>
      set.representations.map((representation) => ({
        track: trackName(period.id, index, representation.id),
        codecs: (representation.attributes['codecs'] ?? '')
          .split(',')
          .map((codec) => codec.trim())
          .filter((codec) => codec !== ''),
        width: numeric(representation.attributes['width']),
        height: numeric(representation.attributes['height']),
        peakBps: numeric(representation.attributes['bandwidth']),
        averageBps: undefined,
        groupTracks: [],
        set: `${period.id ?? index}/${set.attributes['id'] ?? position}`,
      })),
    ),
  );
}

export function trackName(periodId: string | undefined, index: number, representationId: string): string {
  return `${periodId ?? index}/${representationId}`;
}
