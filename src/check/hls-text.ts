/**
 * A playlist as the rules see it: variants and renditions, or segments and parts, each with its line.
 * It never judges beyond the grammar and never throws; what is missing stays undefined.
 * Invariant: every segment carries the state in force at its line (MAP, MSN, DSN).
 */
import {
  checkForms,
  decimal,
  decimalInteger,
  type HlsAttributes,
  type HlsProblem,
  type HlsTag,
  readAttributes,
  readLines,
} from './hls-lines.ts';

export interface HlsEntry {
  readonly line: number;
  readonly attributes: HlsAttributes;
}

export interface HlsVariant extends HlsEntry {
  readonly uri: string | undefined;
}

export interface HlsPart extends HlsEntry {
  readonly uri: string | undefined;
  readonly durationS: number | undefined;
  readonly independent: boolean;
  readonly gap: boolean;
}

export interface HlsMap {
  readonly uri: string | undefined;
  readonly byteRange: string | undefined;
  readonly line: number;
}

export interface HlsSegment {
  readonly uri: string;
  readonly line: number;
  readonly msn: number;
  /** Discontinuity sequence number of the segment: the playlist's plus the tags up to and before it. */
  readonly dsn: number;
  /** As written; undefined where EXTINF is missing or malformed. */
  readonly durationText: string | undefined;
  readonly durationS: number | undefined;
  readonly discontinuity: boolean;
  readonly gap: boolean;
  readonly map: HlsMap | undefined;
  readonly byteRange: string | undefined;
  readonly pdtText: string | undefined;
  readonly parts: readonly HlsPart[];
}

export interface HlsPlaylist {
  readonly kind: 'multivariant' | 'media';
  readonly mixed: boolean;
  readonly problems: readonly HlsProblem[];
  readonly tags: readonly HlsTag[];
  /** All EXT-X-VERSION tags. */
  readonly versions: readonly { readonly line: number; readonly version: number | undefined }[];
  readonly independentSegments: boolean;
  readonly variants: readonly HlsVariant[];
  readonly media: readonly HlsEntry[];
  readonly targetDurations: readonly { readonly line: number; readonly value: number | undefined }[];
  readonly mediaSequence: { readonly line: number; readonly value: number } | undefined;
  readonly discontinuitySequence: { readonly line: number; readonly value: number } | undefined;
  readonly playlistType: { readonly line: number; readonly value: string } | undefined;
  readonly endList: boolean;
  readonly segments: readonly HlsSegment[];
  /** Parts of the segment that is not complete yet. */
  readonly openParts: readonly HlsPart[];
  readonly openPdtText: string | undefined;
  readonly openDiscontinuity: boolean;
  /** EXT-X-MAP in force at the end of the playlist. */
  readonly openMap: HlsMap | undefined;
  readonly partInf: HlsEntry | undefined;
  readonly serverControl: HlsEntry | undefined;
  readonly preloadHints: readonly HlsEntry[];
  readonly renditionReports: readonly HlsEntry[];
  readonly skip: HlsEntry | undefined;
}

const MULTIVARIANT_TAGS = new Set([
  'EXT-X-STREAM-INF',
  'EXT-X-MEDIA',
  'EXT-X-I-FRAME-STREAM-INF',
  'EXT-X-SESSION-DATA',
  'EXT-X-SESSION-KEY',
  'EXT-X-CONTENT-STEERING',
]);
const MEDIA_TAGS = new Set([
  'EXTINF',
  'EXT-X-TARGETDURATION',
  'EXT-X-MEDIA-SEQUENCE',
  'EXT-X-DISCONTINUITY-SEQUENCE',
  'EXT-X-ENDLIST',
  'EXT-X-PLAYLIST-TYPE',
  'EXT-X-PART',
  'EXT-X-PART-INF',
  'EXT-X-SERVER-CONTROL',
  'EXT-X-MAP',
  'EXT-X-DISCONTINUITY',
  'EXT-X-GAP',
  'EXT-X-PROGRAM-DATE-TIME',
  'EXT-X-SKIP',
]);

type Writable<T> = { -readonly [K in keyof T]: T[K] };

interface Draft {
  readonly out: Omit<Writable<HlsPlaylist>, 'kind' | 'mixed' | 'segments' | 'variants'>;
  readonly problems: HlsProblem[];
  readonly segments: HlsSegment[];
  readonly variants: HlsVariant[];
  stream: HlsEntry | undefined;
  map: HlsMap | undefined;
  dsn: number;
  msn: number;
  extinf: HlsTag | undefined;
  pdtText: string | undefined;
  discontinuity: boolean;
  gap: boolean;
  byteRange: string | undefined;
  parts: HlsPart[];
}

function emptyDraft(tags: readonly HlsTag[], problems: HlsProblem[]): Draft {
  return {
    out: {
      problems,
      tags,
      versions: [],
      independentSegments: false,
      media: [],
      targetDurations: [],
      mediaSequence: undefined,
      discontinuitySequence: undefined,
      playlistType: undefined,
      endList: false,
      openParts: [],
      openPdtText: undefined,
      openDiscontinuity: false,
      openMap: undefined,
      partInf: undefined,
      serverControl: undefined,
      preloadHints: [],
      renditionReports: [],
      skip: undefined,
    },
    problems,
    segments: [],
    variants: [],
    stream: undefined,
    map: undefined,
    dsn: 0,
    msn: 0,
    extinf: undefined,
    pdtText: undefined,
    discontinuity: false,
    gap: false,
    byteRange: undefined,
    parts: [],
  };
}

/** Reads a whole playlist. A text without tags of either kind counts as a media playlist. */
export function readPlaylist(text: string): HlsPlaylist {
  const { lines, problems: lineProblems } = readLines(text);
  const tags = lines.flatMap((line) => (line.kind === 'tag' ? [line.tag] : []));
  const draft = emptyDraft(tags, [...lineProblems]);
  for (const line of lines) {
    if (line.kind === 'uri') takeUri(draft, line.uri.uri, line.uri.line);
    else takeTag(draft, line.tag);
  }
  if (draft.stream !== undefined) endStream(draft);
  const multivariant = tags.some((tag) => MULTIVARIANT_TAGS.has(tag.name));
  return {
    ...draft.out,
    kind: multivariant ? 'multivariant' : 'media',
    mixed: multivariant && tags.some((tag) => MEDIA_TAGS.has(tag.name)),
    segments: draft.segments,
    variants: draft.variants,
    openParts: draft.parts,
    openPdtText: draft.pdtText,
    openDiscontinuity: draft.discontinuity,
    openMap: draft.map,
  };
}

function endStream(draft: Draft): void {
  const line = draft.stream?.line ?? 0;
  draft.problems.push({ rule: 'hls.stream-inf-uri', line, message: 'EXT-X-STREAM-INF is not followed by a URI line.' });
  if (draft.stream !== undefined) draft.variants.push({ ...draft.stream, uri: undefined });
  draft.stream = undefined;
}

function takeUri(draft: Draft, uri: string, line: number): void {
  if (draft.stream !== undefined) {
    draft.variants.push({ ...draft.stream, uri });
    draft.stream = undefined;
    return;
  }
  const durationText = extinfText(draft, line);
  if (draft.discontinuity) draft.dsn += 1;
  draft.segments.push({
    uri,
    line,
    msn: draft.msn,
    dsn: draft.dsn,
    durationText,
    durationS: decimal(durationText),
    discontinuity: draft.discontinuity,
    gap: draft.gap,
    map: draft.map,
    byteRange: draft.byteRange,
    pdtText: draft.pdtText,
    parts: draft.parts,
  });
  draft.msn += 1;
  draft.extinf = undefined;
  draft.pdtText = undefined;
  draft.discontinuity = false;
  draft.gap = false;
  draft.byteRange = undefined;
  draft.parts = [];
}

function extinfText(draft: Draft, uriLine: number): string | undefined {
  const value = draft.extinf?.value;
  if (value === undefined) {
    draft.problems.push({ rule: 'hls.extinf', line: uriLine, message: 'The segment has no EXTINF.' });
    return undefined;
  }
  const comma = value.indexOf(',');
  const text = comma < 0 ? value : value.slice(0, comma);
  // bis 4.4.4.1: #EXTINF:<duration>,[<title>]
  if (comma < 0)
    draft.problems.push({
      rule: 'hls.extinf',
      line: draft.extinf?.line ?? uriLine,
      message: 'EXTINF has no comma after the duration.',
    });
  if (decimal(text) === undefined)
    draft.problems.push({
      rule: 'hls.extinf',
      line: draft.extinf?.line ?? uriLine,
      message: `EXTINF "${text}" is not a decimal number.`,
    });
  return text;
}

function takeTag(draft: Draft, tag: HlsTag): void {
  if (draft.stream !== undefined && tag.name !== 'EXT-X-STREAM-INF') endStream(draft);
  takeSegmentTag(draft, tag);
  takeHeadTag(draft, tag);
  takeListTag(draft, tag);
}

function takeSegmentTag(draft: Draft, tag: HlsTag): void {
  switch (tag.name) {
    case 'EXTINF':
      if (draft.extinf !== undefined)
        draft.problems.push({ rule: 'hls.extinf', line: tag.line, message: 'Two EXTINF for one segment.' });
      draft.extinf = tag;
      break;
    case 'EXT-X-DISCONTINUITY':
      draft.discontinuity = true;
      break;
    case 'EXT-X-GAP':
      draft.gap = true;
      break;
    case 'EXT-X-BYTERANGE':
      draft.byteRange = tag.value;
      break;
    case 'EXT-X-PROGRAM-DATE-TIME':
      draft.pdtText = tag.value ?? '';
      break;
    case 'EXT-X-MAP': {
      const { attributes } = entryOf(draft, tag);
      draft.map = { uri: attributes.get('URI')?.value, byteRange: attributes.get('BYTERANGE')?.value, line: tag.line };
      break;
    }
    case 'EXT-X-PART':
      draft.parts = [...draft.parts, partOf(entryOf(draft, tag))];
      break;
  }
}

function takeHeadTag(draft: Draft, tag: HlsTag): void {
  const { out } = draft;
  switch (tag.name) {
    case 'EXT-X-VERSION':
      out.versions = [...out.versions, { line: tag.line, version: decimalInteger(tag.value) }];
      break;
    case 'EXT-X-INDEPENDENT-SEGMENTS':
      out.independentSegments = true;
      break;
    case 'EXT-X-TARGETDURATION':
      out.targetDurations = [...out.targetDurations, { line: tag.line, value: decimalInteger(tag.value) }];
      break;
    case 'EXT-X-MEDIA-SEQUENCE':
      out.mediaSequence = sequence(draft, tag) ?? out.mediaSequence;
      draft.msn = out.mediaSequence?.value ?? draft.msn;
      break;
    case 'EXT-X-DISCONTINUITY-SEQUENCE':
      out.discontinuitySequence = sequence(draft, tag) ?? out.discontinuitySequence;
      draft.dsn = out.discontinuitySequence?.value ?? draft.dsn;
      break;
    case 'EXT-X-PLAYLIST-TYPE':
      out.playlistType = { line: tag.line, value: tag.value ?? '' };
      break;
    case 'EXT-X-ENDLIST':
      out.endList = true;
      break;
  }
}

function takeListTag(draft: Draft, tag: HlsTag): void {
  const { out } = draft;
  switch (tag.name) {
    case 'EXT-X-STREAM-INF':
      if (draft.stream !== undefined) endStream(draft);
      draft.stream = entryOf(draft, tag);
      break;
    case 'EXT-X-MEDIA':
      out.media = [...out.media, entryOf(draft, tag)];
      break;
    case 'EXT-X-PART-INF':
      out.partInf = entryOf(draft, tag);
      break;
    case 'EXT-X-SERVER-CONTROL':
      out.serverControl = entryOf(draft, tag);
      break;
    case 'EXT-X-PRELOAD-HINT':
      out.preloadHints = [...out.preloadHints, entryOf(draft, tag)];
      break;
    case 'EXT-X-RENDITION-REPORT':
      out.renditionReports = [...out.renditionReports, entryOf(draft, tag)];
      break;
    case 'EXT-X-SKIP':
      out.skip = entryOf(draft, tag);
      draft.msn += decimalInteger(out.skip.attributes.get('SKIPPED-SEGMENTS')?.value) ?? 0;
      break;
  }
}

function sequence(draft: Draft, tag: HlsTag): { line: number; value: number } | undefined {
  const value = decimalInteger(tag.value);
  if (value !== undefined) return { line: tag.line, value };
  draft.problems.push({
    rule: 'hls.media-sequence',
    line: tag.line,
    message: `${tag.name} "${tag.value ?? ''}" is not a whole number.`,
  });
  return undefined;
}

function entryOf(draft: Draft, tag: HlsTag): HlsEntry {
  const attributes = readAttributes(tag, draft.problems);
  checkForms(tag, attributes, draft.problems);
  return { line: tag.line, attributes };
}

function partOf(entry: HlsEntry): HlsPart {
  return {
    ...entry,
    uri: entry.attributes.get('URI')?.value,
    durationS: decimal(entry.attributes.get('DURATION')?.value),
    independent: entry.attributes.get('INDEPENDENT')?.value === 'YES',
    gap: entry.attributes.get('GAP')?.value === 'YES',
  };
}

/** UTC ms of an EXT-X-PROGRAM-DATE-TIME, or undefined when it is not ISO 8601 with a zone. */
export function dateTimeMs(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)$/.test(text)) return undefined;
  const ms = Date.parse(text.replace(/([+-]\d\d)(\d\d)$/, '$1:$2'));
  return Number.isNaN(ms) ? undefined : ms;
}

/** UTC ms of each segment's first sample: stated, else carried on from the one before by EXTINF within one discontinuity. */
export function segmentDates(playlist: HlsPlaylist): readonly (number | undefined)[] {
  let next: number | undefined;
  return playlist.segments.map((segment) => {
    const stated = dateTimeMs(segment.pdtText);
    const date = stated ?? (segment.discontinuity ? undefined : next);
    next = date === undefined || segment.durationS === undefined ? undefined : date + segment.durationS * 1000;
    return date;
  });
}
