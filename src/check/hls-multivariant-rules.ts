/**
 * Rules on the multivariant playlist (RFC 8216bis 4.4.6, Apple authoring specification 8 and 9).
 * Pure. What is declared is judged against itself here; against the bytes in cmaf-rules and bandwidth-rules.
 */
import { found } from './catalogue.ts';
import { decimalInteger } from './hls-lines.ts';
import { AUDIO_CODEC, pairs, type ReadSnapshot, VIDEO_CODEC } from './hls-read.ts';
import type { HlsEntry, HlsPlaylist, HlsVariant } from './hls-text.ts';
import type { Finding } from './model.ts';

const text = (entry: HlsEntry, name: string): string | undefined => entry.attributes.get(name)?.value;

export function variantCodecs(variant: HlsEntry): readonly string[] {
  return (text(variant, 'CODECS') ?? '')
    .split(',')
    .map((codec) => codec.trim())
    .filter((codec) => codec !== '');
}

/** False only for a variant whose CODECS are all audio. */
function hasVideo(variant: HlsEntry): boolean {
  const codecs = variantCodecs(variant);
  return (
    codecs.length === 0 || text(variant, 'RESOLUTION') !== undefined || codecs.some((codec) => VIDEO_CODEC.test(codec))
  );
}

export function judgeMultivariant({ snapshot, playlist }: ReadSnapshot): readonly Finding[] {
  const { url } = snapshot;
  const findings = playlist.variants.flatMap((variant) => [
    ...judgeBandwidth(url, variant),
    ...judgeCodecs(url, playlist, variant),
    ...judgePicture(url, variant),
    ...judgeGroups(url, playlist, variant),
  ]);
  findings.push(
    ...playlist.media.flatMap((media) => judgeMedia(url, media)),
    ...judgeCaptions(url, playlist),
    ...judgeNames(url, playlist),
    ...judgeMembers(url, playlist),
  );
  if (!playlist.independentSegments)
    findings.push(found('hls.independent-segments', { url }, 'EXT-X-INDEPENDENT-SEGMENTS is missing.'));
  const scored = playlist.variants.filter((variant) => variant.attributes.has('SCORE')).length;
  if (scored > 0 && scored < playlist.variants.length)
    findings.push(found('hls.score', { url }, `SCORE is on ${scored} of ${playlist.variants.length} variants.`));
  return findings;
}

function judgeBandwidth(url: string, variant: HlsVariant): Finding[] {
  const where = { url, line: variant.line };
  const peak = decimalInteger(text(variant, 'BANDWIDTH'));
  const average = decimalInteger(text(variant, 'AVERAGE-BANDWIDTH'));
  const findings: Finding[] = [];
  // bis 4.4.6.2: "Every EXT-X-STREAM-INF tag MUST include the BANDWIDTH attribute."
  if (peak === undefined || peak === 0)
    findings.push(found('hls.bandwidth', where, `BANDWIDTH is ${text(variant, 'BANDWIDTH') ?? 'missing'}.`));
  if (average === undefined || average === 0)
    findings.push(
      found('hls.average-bandwidth', where, `AVERAGE-BANDWIDTH is ${text(variant, 'AVERAGE-BANDWIDTH') ?? 'missing'}.`),
    );
  else if (peak !== undefined && average > peak)
    findings.push(found('hls.average-bandwidth', where, `AVERAGE-BANDWIDTH ${average} is above BANDWIDTH ${peak}.`));
  return findings;
}

function judgeCodecs(url: string, playlist: HlsPlaylist, variant: HlsVariant): Finding[] {
  const where = { url, line: variant.line };
  const codecs = variantCodecs(variant);
  if (codecs.length === 0) return [found('hls.codecs', where, 'CODECS is missing.')];
  const group = text(variant, 'AUDIO');
  const separate = playlist.media.some((media) => text(media, 'TYPE') === 'AUDIO' && text(media, 'GROUP-ID') === group);
  // bis 4.4.6.2: "each value indicates a media format ... present in one or more Renditions specified by the Variant Stream"
  if (group !== undefined && separate && !codecs.some((codec) => AUDIO_CODEC.test(codec)))
    return [found('hls.codecs', where, `CODECS "${codecs.join(',')}" lacks the format of the audio group "${group}".`)];
  if (text(variant, 'RESOLUTION') !== undefined && !codecs.some((codec) => VIDEO_CODEC.test(codec)))
    return [found('hls.codecs', where, `CODECS "${codecs.join(',')}" has no video format.`)];
  return [];
}

function judgePicture(url: string, variant: HlsVariant): Finding[] {
  if (!hasVideo(variant)) return [];
  const where = { url, line: variant.line };
  const findings: Finding[] = [];
  const resolution = text(variant, 'RESOLUTION');
  const rate = text(variant, 'FRAME-RATE');
  if (resolution === undefined || !/^[1-9]\d*x[1-9]\d*$/.test(resolution))
    findings.push(found('hls.resolution', where, `RESOLUTION is ${resolution ?? 'missing'}.`));
  // bis 4.4.6.2: FRAME-RATE is "rounded to three decimal places"
  if (rate === undefined || !/^\d+\.\d{3}$/.test(rate))
    findings.push(found('hls.frame-rate', where, `FRAME-RATE is ${rate ?? 'missing'}.`));
  return findings;
}

function judgeGroups(url: string, playlist: HlsPlaylist, variant: HlsVariant): Finding[] {
  return (['AUDIO', 'VIDEO', 'SUBTITLES', 'CLOSED-CAPTIONS'] as const).flatMap((type) => {
    const group = variant.attributes.get(type);
    if (group === undefined || (type === 'CLOSED-CAPTIONS' && !group.quoted)) return [];
    const member = playlist.media.some(
      (media) => text(media, 'TYPE') === type && text(media, 'GROUP-ID') === group.value,
    );
    // bis 4.4.6.2: the value "MUST match the value of the GROUP-ID attribute of an EXT-X-MEDIA tag elsewhere in the Multivariant Playlist"
    return member
      ? []
      : [
          found(
            'hls.media-group',
            { url, line: variant.line },
            `There is no EXT-X-MEDIA of TYPE ${type} in group "${group.value}".`,
          ),
        ];
  });
}

function judgeCaptions(url: string, playlist: HlsPlaylist): Finding[] {
  const none = playlist.variants.filter(
    (variant) =>
      text(variant, 'CLOSED-CAPTIONS') === 'NONE' && variant.attributes.get('CLOSED-CAPTIONS')?.quoted === false,
  );
  // bis 4.4.6.2: "If the value is the enumerated-string value NONE, all EXT-X-STREAM-INF tags MUST have this attribute with a value of NONE"
  if (none.length > 0 && none.length < playlist.variants.length)
    return [
      found(
        'hls.closed-captions',
        { url },
        `CLOSED-CAPTIONS=NONE is on ${none.length} of ${playlist.variants.length} variants.`,
      ),
    ];
  const silent = playlist.variants.some((variant) => hasVideo(variant) && !variant.attributes.has('CLOSED-CAPTIONS'));
  return silent ? [found('hls.closed-captions-absent', { url }, 'No CLOSED-CAPTIONS on a video variant.')] : [];
}

function judgeMedia(url: string, media: HlsEntry): Finding[] {
  const where = { url, line: media.line };
  const findings: Finding[] = [];
  const wrong = (message: string): void => void findings.push(found('hls.media-attributes', where, message));
  const type = text(media, 'TYPE');
  for (const name of ['TYPE', 'GROUP-ID', 'NAME']) if (!text(media, name)) wrong(`EXT-X-MEDIA has no ${name}.`);
  if (type !== undefined && !/^(AUDIO|VIDEO|SUBTITLES|CLOSED-CAPTIONS)$/.test(type)) wrong(`TYPE is ${type}.`);
  if (type === 'CLOSED-CAPTIONS' && media.attributes.has('URI')) wrong('Closed captions must have no URI.');
  if (type === 'CLOSED-CAPTIONS' && !media.attributes.has('INSTREAM-ID')) wrong('Closed captions have no INSTREAM-ID.');
  if (type === 'SUBTITLES' && !media.attributes.has('URI')) wrong('Subtitles have no URI.');
  // bis 4.4.6.1: AUTOSELECT: "If it is present, its value MUST be YES if the value of the DEFAULT attribute is YES."
  if (text(media, 'DEFAULT') === 'YES' && text(media, 'AUTOSELECT') === 'NO') wrong('DEFAULT=YES with AUTOSELECT=NO.');
  if (type === 'AUDIO' && !text(media, 'LANGUAGE'))
    findings.push(found('hls.media-language', where, 'The audio rendition has no LANGUAGE.'));
  if (type === 'AUDIO' && !/^\d+/.test(text(media, 'CHANNELS') ?? ''))
    findings.push(found('hls.media-channels', where, 'The audio rendition has no CHANNELS.'));
  return findings;
}

function groupsOf(playlist: HlsPlaylist): ReadonlyMap<string, readonly HlsEntry[]> {
  const groups = new Map<string, HlsEntry[]>();
  for (const media of playlist.media) {
    const key = `${text(media, 'TYPE')} ${text(media, 'GROUP-ID')}`;
    groups.set(key, [...(groups.get(key) ?? []), media]);
  }
  return groups;
}

function judgeNames(url: string, playlist: HlsPlaylist): Finding[] {
  return [...groupsOf(playlist).values()].flatMap((members) => {
    const names = members.map((media) => text(media, 'NAME'));
    const repeated = members.find((media, index) => names.indexOf(text(media, 'NAME')) !== index);
    const defaults = members.filter((media) => text(media, 'DEFAULT') === 'YES');
    // bis 4.4.6.1.1: "All EXT-X-MEDIA tags in the same Group MUST have different NAME attributes" and at most one DEFAULT=YES
    if (repeated !== undefined)
      return [
        found(
          'hls.media-name',
          { url, line: repeated.line },
          `NAME "${text(repeated, 'NAME')}" appears twice in its group.`,
        ),
      ];
    return defaults.length > 1
      ? [found('hls.media-name', { url, line: defaults[1]?.line }, 'Two members of a group have DEFAULT=YES.')]
      : [];
  });
}

function judgeMembers(url: string, playlist: HlsPlaylist): Finding[] {
  const first = new Map<string, string>();
  return [...groupsOf(playlist)].flatMap(([key, members]) => {
    const type = key.split(' ')[0] ?? '';
    const names = members
      .map((media) => `${text(media, 'NAME')} (${text(media, 'LANGUAGE')})`)
      .sort()
      .join(', ');
    const expected = first.get(type) ?? names;
    first.set(type, expected);
    return expected === names
      ? []
      : [
          found(
            'hls.group-members',
            { url, line: members[0]?.line },
            `The group has ${names}; another of TYPE ${type} has ${expected}.`,
          ),
        ];
  });
}

const CONSTANT = ['BANDWIDTH', 'AVERAGE-BANDWIDTH', 'CODECS', 'RESOLUTION', 'FRAME-RATE'];

/** What was said of a variant stays so for as long as it is listed. */
export function judgeMultivariantUpdates(reads: readonly ReadSnapshot[]): readonly Finding[] {
  return pairs(reads).flatMap(([before, after]) =>
    after.playlist.variants.flatMap((variant) => {
      const same = before.playlist.variants.filter(
        (old) => old.uri === variant.uri && text(old, 'AUDIO') === text(variant, 'AUDIO'),
      );
      const old = same.length === 1 ? same[0] : undefined;
      return CONSTANT.filter((name) => old !== undefined && text(old, name) !== text(variant, name)).map((name) =>
        found(
          'hls.multivariant-constant',
          { url: after.snapshot.url, line: variant.line },
          `${name} went from ${old === undefined ? '' : text(old, name)} to ${text(variant, name)}.`,
        ),
      );
    }),
  );
}
