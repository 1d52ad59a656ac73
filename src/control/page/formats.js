/**
 * Figures as people read them. Pure; the unit is always there. What is not known is a dash.
 */

export const UNKNOWN = '–';

/** @param {number} bitrateBps */
export function bitrateText(bitrateBps) {
  if (bitrateBps >= 1e9) return `${(bitrateBps / 1e9).toFixed(1)} Gbps`;
  return bitrateBps >= 1e6 ? `${(bitrateBps / 1e6).toFixed(1)} Mbps` : `${Math.round(bitrateBps / 1000)} kbps`;
}

/** @param {number} bytes */
export function bytesText(bytes) {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

/** In whole seconds, two units at most. @param {number} ms */
export function durationText(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

/** How old something is that should be fresh: a tenth of a second counts below ten. @param {number | undefined} ms */
export function ageText(ms) {
  if (ms === undefined) return UNKNOWN;
  return ms < 10_000 ? `${(Math.max(0, ms) / 1000).toFixed(1)} s` : durationText(ms);
}

/** Three figures that mean something. @param {number} value */
export function countText(value) {
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} M`;
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} k`;
  return value >= 10 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1);
}

/** Of an encoder: media seconds a second. @param {number | undefined} speed */
export function speedText(speed) {
  return speed === undefined ? UNKNOWN : `${speed.toFixed(2)}×`;
}

/** Local time of day. @param {number} atMs UTC */
export function clockText(atMs) {
  return new Date(atMs).toLocaleTimeString([], {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hour12: false,
  });
}
