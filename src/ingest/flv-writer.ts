/**
 * The bytes of an FLV file (FLV 10.1, E.2 to E.4): header, tags, and the onMetaData that workers are given.
 * Pure. Bodies are copied into fresh memory: the ring and other workers share them.
 */
import { framesPerSecond } from '../system/frame-rate.ts';
import { SCRIPT } from './flv-tags.ts';
import type { SourceDescription } from './model.ts';

/** The 13 bytes before the first tag. ffmpeg waits for seconds for a track that is announced and does not come. */
export function flvFileHeader(has: { readonly audio: boolean; readonly video: boolean }): Buffer {
  const header = Buffer.from('464c5601000000000900000000', 'hex');
  header[4] = (has.audio ? 4 : 0) | (has.video ? 1 : 0);
  return header;
}

/** One tag with its PreviousTagSize; `timeMs` is taken modulo 2^32 (E.4.1: 24 bits, then the upper 8). */
export function flvTag(tagType: number, timeMs: number, body: Buffer): Buffer {
  const tag = Buffer.allocUnsafe(11 + body.length + 4);
  const time = timeMs >>> 0;
  tag[0] = tagType;
  tag.writeUIntBE(body.length, 1, 3);
  tag.writeUIntBE(time & 0xffffff, 4, 3);
  tag[7] = time >>> 24;
  tag.writeUIntBE(0, 8, 3);
  body.copy(tag, 11);
  tag.writeUInt32BE(11 + body.length, 11 + body.length);
  return tag;
}

/** onMetaData of what is really there; the publisher's own never reaches ffmpeg. */
export function metadataTag(source: SourceDescription): Buffer {
  const fields: [string, number][] = [['duration', 0]];
  if (source.video !== undefined) {
    fields.push(['videocodecid', 7]);
    fields.push(['framerate', framesPerSecond(source.video.frameRate)]);
  }
  if (source.audio !== undefined) fields.push(['audiocodecid', source.audio.codec === 'aac' ? 10 : 2]);
  const parts = [amfString(0x02, 'onMetaData'), Buffer.from([0x08, 0, 0, 0, fields.length])];
  for (const [name, value] of fields) {
    const number = Buffer.alloc(9);
    number.writeDoubleBE(value, 1);
    parts.push(amfString(undefined, name), number);
  }
  parts.push(Buffer.from([0, 0, 9]));
  return flvTag(SCRIPT, 0, Buffer.concat(parts));
}

function amfString(marker: number | undefined, text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  const head = marker === undefined ? [] : [marker];
  return Buffer.concat([Buffer.from([...head, bytes.length >> 8, bytes.length & 0xff]), bytes]);
}
