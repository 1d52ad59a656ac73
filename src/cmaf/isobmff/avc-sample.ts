/**
 * H.264 samples as CMAF wants them: the NAL units that belong into an `avc1` sample, out of what a publisher sent.
 * It never parses a picture. Invariant: what it gives is whole NAL units with the lengths they came with.
 */

export interface AvcParameterSets {
  /** Bytes of the length before each NAL unit. */
  readonly lengthBytes: number;
  /** SPS, PPS and SPS extensions of the avcC record. */
  readonly sets: readonly Buffer[];
}

export type AvcSample =
  | { readonly kind: 'ok'; readonly data: readonly Buffer[]; readonly hasIdr: boolean }
  /** Lengths that do not fit, or nothing in it. */
  | { readonly kind: 'malformed' }
  /** It carries parameter sets that are not those of the header. */
  | { readonly kind: 'other-sets' };

const IDR = 5;
const SPS = 7;
const PPS = 8;
const FILLER = 12;
const SPS_EXTENSION = 13;

/** ISO/IEC 14496-15 5.3.3.1. undefined: no such record. */
export function readAvcParameterSets(avcC: Buffer): AvcParameterSets | undefined {
  if (avcC.length < 7 || avcC[0] !== 1) return undefined;
  const sets: Buffer[] = [];
  let at = 5;
  for (const mask of [0x1f, 0xff]) {
    let count = (avcC[at] ?? 0) & mask;
    at += 1;
    for (; count > 0; count--) {
      if (at + 2 > avcC.length) return undefined;
      const length = avcC.readUInt16BE(at);
      const set = avcC.subarray(at + 2, at + 2 + length);
      if (length === 0 || set.length < length) return undefined;
      sets.push(set);
      at += 2 + length;
    }
    if (at >= avcC.length && mask === 0x1f) return undefined;
  }
  return { lengthBytes: ((avcC[4] ?? 3) & 3) + 1, sets };
}

/**
 * The sample of one access unit. Parameter sets leave it: `avc1` has them in the sample entry alone (14496-15 5.4.2.1), as do
 * filler units, which encoders at a forced constant rate send and nobody needs.
 */
export function avcSample(units: Buffer, { lengthBytes, sets }: AvcParameterSets): AvcSample {
  const data: Buffer[] = [];
  let hasIdr = false;
  for (let at = 0; at < units.length; ) {
    const start = at + lengthBytes;
    if (start >= units.length) return { kind: 'malformed' };
    const end = start + units.readUIntBE(at, lengthBytes);
    if (end > units.length) return { kind: 'malformed' };
    const unit = units.subarray(start, end);
    const type = (unit[0] ?? 0) & 0x1f;
    if (type === SPS || type === PPS || type === SPS_EXTENSION) {
      if (!sets.some((set) => set.equals(unit))) return { kind: 'other-sets' };
    } else if (type !== FILLER && unit.length > 0) data.push(units.subarray(at, end));
    hasIdr ||= type === IDR;
    at = end;
  }
  return data.length === 0 ? { kind: 'malformed' } : { kind: 'ok', data, hasIdr };
}
