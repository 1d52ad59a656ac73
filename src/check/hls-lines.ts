/**
 * Playlist text to tags and URIs with line numbers, by the grammar of RFC 8216bis 4.1 and 4.2.
 * Written for judging: it is no player's forgiving parser, and says what it had to overlook.
 * It never throws: whatever is wrong becomes a problem with its line.
 */

type HlsProblemRule =
  | 'hls.extm3u'
  | 'hls.encoding'
  | 'hls.attribute-list'
  | 'hls.extinf'
  | 'hls.target-duration'
  | 'hls.media-sequence'
  | 'hls.stream-inf-uri';

export interface HlsProblem {
  readonly rule: HlsProblemRule;
  readonly line: number;
  readonly message: string;
}

interface HlsAttribute {
  readonly name: string;
  /** Without the quotes. */
  readonly value: string;
  readonly quoted: boolean;
}

export interface HlsTag {
  /** Without `#`: `EXT-X-MAP`. */
  readonly name: string;
  readonly value: string | undefined;
  readonly line: number;
}

interface HlsUri {
  readonly uri: string;
  readonly line: number;
}

export type HlsLine = { readonly kind: 'tag'; readonly tag: HlsTag } | { readonly kind: 'uri'; readonly uri: HlsUri };

/** Splits text into tags and URIs; comments and blank lines are dropped. */
export function readLines(text: string): {
  readonly lines: readonly HlsLine[];
  readonly problems: readonly HlsProblem[];
} {
  const problems: HlsProblem[] = [];
  const lines: HlsLine[] = [];
  // bis 4.1: "Playlist files ... MUST NOT contain any Byte Order Mark"
  if (text.startsWith('\uFEFF'))
    problems.push({ rule: 'hls.encoding', line: 1, message: 'The playlist begins with a byte order mark.' });
  if (text.includes('\uFFFD')) problems.push({ rule: 'hls.encoding', line: 1, message: 'The playlist is not UTF-8.' });
  const raw = text.replace(/^\uFEFF/, '').split('\n');
  raw.forEach((withReturn, index) => {
    const line = index + 1;
    const content = withReturn.endsWith('\r') ? withReturn.slice(0, -1) : withReturn;
    if (/\p{Cc}/u.test(content))
      problems.push({ rule: 'hls.encoding', line, message: 'The line contains a control character.' });
    if (content.startsWith('#EXT')) lines.push({ kind: 'tag', tag: tagOf(content, line) });
    else if (content !== '' && !content.startsWith('#')) lines.push({ kind: 'uri', uri: { uri: content, line } });
  });
  // bis 4.4.1.1: "It MUST be the first line of every Media Playlist and every Multivariant Playlist."
  if (raw[0]?.replace(/\r$/, '') !== '#EXTM3U')
    problems.push({ rule: 'hls.extm3u', line: 1, message: 'The first line is not #EXTM3U.' });
  return { lines, problems };
}

function tagOf(content: string, line: number): HlsTag {
  const colon = content.indexOf(':');
  if (colon < 0) return { name: content.slice(1), value: undefined, line };
  return { name: content.slice(1, colon), value: content.slice(colon + 1), line };
}

export type HlsAttributes = ReadonlyMap<string, HlsAttribute>;

// bis 4.2: quoted-string without " CR LF; anything else runs to the next comma and holds no whitespace or quotes.
const ATTRIBUTE = /^([A-Z0-9-]+)=(?:"([^"\r\n]*)"|([^",\s]+))(,|$)/;

/** Reads an attribute list; what follows a breach of the grammar is left out and reported. */
export function readAttributes(tag: HlsTag, problems: HlsProblem[]): HlsAttributes {
  const attributes = new Map<string, HlsAttribute>();
  let rest = tag.value ?? '';
  while (rest !== '') {
    const match = ATTRIBUTE.exec(rest);
    const name = match?.[1];
    if (match === null || name === undefined) {
      problems.push({
        rule: 'hls.attribute-list',
        line: tag.line,
        message: `${tag.name}: not an attribute list from "${rest.slice(0, 40)}" on.`,
      });
      return attributes;
    }
    // bis 4.2: "A given AttributeName MUST NOT appear more than once in a given attribute-list."
    if (attributes.has(name))
      problems.push({ rule: 'hls.attribute-list', line: tag.line, message: `${tag.name}: ${name} appears twice.` });
    const quotedValue = match[2];
    attributes.set(name, { name, value: quotedValue ?? match[3] ?? '', quoted: quotedValue !== undefined });
    rest = rest.slice(match[0].length);
    if (match[4] === ',' && rest === '')
      problems.push({ rule: 'hls.attribute-list', line: tag.line, message: `${tag.name}: ends with a comma.` });
  }
  return attributes;
}

/** The names that bis 4.4.4 to 4.4.6 write as quoted-string; all others are enumerated, numbers or resolutions. */
const QUOTED = new Set([
  'URI',
  'CODECS',
  'SUPPLEMENTAL-CODECS',
  'AUDIO',
  'VIDEO',
  'SUBTITLES',
  'GROUP-ID',
  'NAME',
  'LANGUAGE',
  'ASSOC-LANGUAGE',
  'CHANNELS',
  'INSTREAM-ID',
  'CHARACTERISTICS',
  'STABLE-VARIANT-ID',
  'STABLE-RENDITION-ID',
  'PATHWAY-ID',
  'ID',
  'CLASS',
  'START-DATE',
  'END-DATE',
  'KEYFORMAT',
]);
const UNQUOTED = new Set([
  'BANDWIDTH',
  'AVERAGE-BANDWIDTH',
  'RESOLUTION',
  'FRAME-RATE',
  'TYPE',
  'DEFAULT',
  'AUTOSELECT',
  'FORCED',
  'DURATION',
  'PART-TARGET',
  'INDEPENDENT',
  'GAP',
  'CAN-BLOCK-RELOAD',
  'CAN-SKIP-UNTIL',
  'HOLD-BACK',
  'PART-HOLD-BACK',
  'LAST-MSN',
  'LAST-PART',
  'SCORE',
]);

/** Reports values whose form is not the one their attribute is defined with. */
export function checkForms(tag: HlsTag, attributes: HlsAttributes, problems: HlsProblem[]): void {
  for (const { name, quoted } of attributes.values()) {
    if (!quoted && QUOTED.has(name))
      problems.push({
        rule: 'hls.attribute-list',
        line: tag.line,
        message: `${tag.name}: ${name} must be a quoted string.`,
      });
    if (quoted && UNQUOTED.has(name))
      problems.push({
        rule: 'hls.attribute-list',
        line: tag.line,
        message: `${tag.name}: ${name} must not be quoted.`,
      });
  }
}

/** A decimal-integer or decimal-floating-point (bis 4.2), else undefined. */
export function decimal(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
}

export function decimalInteger(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,20}$/.test(text) ? Number(text) : undefined;
}
