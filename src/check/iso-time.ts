/**
 * xs:duration and xs:dateTime as MPDs write them, to seconds and UTC milliseconds.
 * It never guesses: what is not in the lexical form is undefined.
 */

const DURATION = /^PT?(?=.)(?:(\d+)D)?(?:T?(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;

/** Seconds of an xs:duration without years and months (their length is not fixed). */
export function durationSeconds(text: string | undefined): number | undefined {
  const match = text === undefined ? null : DURATION.exec(text);
  if (match === null || !match.slice(1).some((part) => part !== undefined)) return undefined;
  const [days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0));
  return (days ?? 0) * 86400 + (hours ?? 0) * 3600 + (minutes ?? 0) * 60 + (seconds ?? 0);
}

/** UTC ms of an xs:dateTime; without a zone it is UTC (ISO/IEC 23009-1 5.3.1.2). */
export function utcMs(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?$/.test(text)) return undefined;
  const ms = Date.parse(/(Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`);
  return Number.isNaN(ms) ? undefined : ms;
}
