/** A client of a Channel with parts: what its playlist hints, and when that is to end. */

export interface HintedPart {
  readonly gen: string;
  readonly number: number;
  readonly part: number;
  /** Media time at which the hinted part ends, UTC ms. */
  readonly endMs: number;
}

/** What the 180p playlist of a Channel with parts of 0.4 s hints, answered when `after` has come. */
export async function hintedPart(base: string, after?: { number: number; part: number }): Promise<HintedPart> {
  const query = after === undefined ? '' : `?_HLS_msn=${after.number}&_HLS_part=${after.part}`;
  const text = await (await fetch(`${base}/180p/media.m3u8${query}`)).text();
  const [, gen = '', number, part] = /PRELOAD-HINT:TYPE=PART,URI="(\w+)\/(\d+)\.(\d+)\.m4s"/.exec(text) ?? [];
  const dates = [...text.matchAll(/PROGRAM-DATE-TIME:(\S+)/g)].map((match) => Date.parse(match[1] ?? ''));
  const first = Number(/MEDIA-SEQUENCE:(\d+)/.exec(text)?.[1]);
  const startMs = (dates[0] ?? 0) + (Number(number) - first) * 2000;
  return { gen, number: Number(number), part: Number(part), endMs: startMs + (Number(part) + 1) * 400 };
}
