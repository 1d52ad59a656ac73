/**
 * Bit rates and durations as people write them: `2800k`, `2.8M`, `90s`.
 * It never guesses a unit: a duration without one is not a duration.
 */

const BITS = /^(\d{1,12}(?:\.\d{1,6})?)\s?([kKM]?)$/;
const BIT_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1000,
  K: 1000,
  M: 1_000_000,
};
const DURATION = /^(\d{1,9}(?:\.\d{1,3})?)\s?(ms|s|m|h)$/;
const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Bits (or bits per second), k = 1000; undefined when the text is none. */
export function parseBits(value: number | string): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? Math.round(value) : undefined;
  const [, figure, unit] = BITS.exec(value.trim()) ?? [];
  const factor = unit === undefined ? undefined : BIT_UNITS[unit];
  return figure === undefined || factor === undefined ? undefined : Math.round(Number(figure) * factor);
}

export function parseDurationMs(text: string): number | undefined {
  const [, figure, unit] = DURATION.exec(text.trim()) ?? [];
  const factor = unit === undefined ? undefined : DURATION_UNITS_MS[unit];
  return figure === undefined || factor === undefined ? undefined : Math.round(Number(figure) * factor);
}

const BYTES = /^(\d{1,9}(?:\.\d{1,3})?)\s?([MGT])B?$/;
const BYTE_UNITS: Readonly<Record<string, number>> = { M: 1e6, G: 1e9, T: 1e12 };

/** `500M`, `20G`, `1.5T`: powers of 1000, as disks are sold; undefined when the text is none. */
export function parseBytes(text: string): number | undefined {
  const [, figure, unit] = BYTES.exec(text.trim()) ?? [];
  const factor = unit === undefined ? undefined : BYTE_UNITS[unit];
  return figure === undefined || factor === undefined ? undefined : Math.round(Number(figure) * factor);
}

export function formatBytes(bytes: number): string {
  const unit = ['T', 'G', 'M'].find((name) => bytes >= (BYTE_UNITS[name] ?? 1)) ?? 'M';
  return `${Math.round((bytes / (BYTE_UNITS[unit] ?? 1)) * 10) / 10}${unit}`;
}

/** `999`, `2800k`, `100M`: the way ladders write them. */
export function formatBits(bits: number): string {
  if (bits >= 10_000_000) return `${Math.round(bits / 100_000) / 10}M`;
  return bits >= 1000 ? `${Math.round(bits / 100) / 10}k` : String(bits);
}

export function formatDurationMs(durationMs: number): string {
  const unit = ['h', 'm', 's'].find((name) => durationMs > 0 && durationMs % (DURATION_UNITS_MS[name] ?? 1) === 0);
  return unit === undefined ? `${durationMs}ms` : `${durationMs / (DURATION_UNITS_MS[unit] ?? 1)}${unit}`;
}
