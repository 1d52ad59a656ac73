/**
 * What an LL-HLS client must know of a live media playlist to ask for what comes next (RFC 8216bis). Pure; a client, no validator.
 * Invariant: every unit has its end in UTC, by EXT-X-PROGRAM-DATE-TIME and the durations after it.
 */

/** A Segment or a part: where it is and when its last frame ends. */
export interface MediaUnit {
  readonly uri: string;
  /** UTC ms; NaN without a date in the list. */
  readonly endMs: number;
}

export interface LivePlaylist {
  readonly targetSeconds: number;
  readonly canBlock: boolean;
  readonly segments: readonly MediaUnit[];
  readonly parts: readonly MediaUnit[];
  /** The newest EXT-X-MAP. */
  readonly header: string | undefined;
  /** EXT-X-PRELOAD-HINT of a part. */
  readonly hint: string | undefined;
  /** What a blocking reload asks for. */
  readonly next: { readonly msn: number; readonly part: number };
}

export interface Variant {
  readonly video: string;
  readonly audio: string | undefined;
}

const attribute = (line: string, name: string): string | undefined =>
  new RegExp(`[:,]${name}=(?:"([^"]*)"|([^,]*))`).exec(line)?.slice(1).find(Boolean);

/** The first variant of a multivariant playlist and its audio rendition; undefined when the text is no such playlist. */
export function firstVariant(text: string): Variant | undefined {
  const lines = text.split('\n');
  const video = lines[lines.findIndex((line) => line.startsWith('#EXT-X-STREAM-INF')) + 1];
  if (!text.includes('#EXT-X-STREAM-INF') || video === undefined) return undefined;
  const audio = lines.find((line) => line.startsWith('#EXT-X-MEDIA:') && line.includes('TYPE=AUDIO'));
  return { video, audio: audio === undefined ? undefined : attribute(audio, 'URI') };
}

export function readPlaylist(text: string): LivePlaylist {
  let targetSeconds = 2;
  let canBlock = false;
  let hint: string | undefined;
  let header: string | undefined;
  let sequence = 0;
  let startMs = Number.NaN;
  let duration = 0;
  /** Of the open Segment, its parts so far. */
  let open = { count: 0, endMs: Number.NaN };
  const segments: MediaUnit[] = [];
  const parts: MediaUnit[] = [];
  for (const line of text.split('\n').map((one) => one.trim())) {
    if (line.startsWith('#EXT-X-TARGETDURATION:')) targetSeconds = Number(line.slice(22));
    else if (line.startsWith('#EXT-X-SERVER-CONTROL:')) canBlock = attribute(line, 'CAN-BLOCK-RELOAD') === 'YES';
    else if (line.startsWith('#EXT-X-MEDIA-SEQUENCE:')) sequence = Number(line.slice(22));
    else if (line.startsWith('#EXT-X-PROGRAM-DATE-TIME:')) startMs = Date.parse(line.slice(25));
    else if (line.startsWith('#EXT-X-MAP:')) header = attribute(line, 'URI');
    else if (line.startsWith('#EXTINF:')) duration = Number.parseFloat(line.slice(8));
    else if (line.startsWith('#EXT-X-PART:')) {
      const fromMs = open.count === 0 ? startMs : open.endMs;
      open = { count: open.count + 1, endMs: fromMs + Number(attribute(line, 'DURATION')) * 1000 };
      parts.push({ uri: attribute(line, 'URI') ?? '', endMs: open.endMs });
    } else if (line.startsWith('#EXT-X-PRELOAD-HINT:') && attribute(line, 'TYPE') === 'PART')
      hint = attribute(line, 'URI');
    else if (line !== '' && !line.startsWith('#')) {
      startMs += duration * 1000;
      segments.push({ uri: line, endMs: startMs });
      open = { count: 0, endMs: Number.NaN };
    }
  }
  return {
    targetSeconds,
    canBlock,
    segments,
    parts,
    header,
    hint,
    next: { msn: sequence + segments.length, part: open.count },
  };
}
