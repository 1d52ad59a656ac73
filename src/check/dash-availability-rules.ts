/**
 * Rules on promises: what the MPD says is there must answer, and so must its clock (DASH-IF TM 4.5, 4.6).
 * Pure; judges the answers that the client got at the promised instants.
 */
import { found } from './catalogue.ts';
import { utcMs } from './iso-time.ts';
import type { Evidence, Finding } from './model.ts';

export function judgeAvailability(evidence: Evidence): readonly Finding[] {
  if (evidence.mode !== 'dash') return [];
  const segments = evidence.media
    .filter((object) => object.role === 'segment' && object.status !== 200)
    .map((object) => {
      const { listed } = object;
      const late =
        listed.promisedMs === undefined
          ? ''
          : `, asked ${Math.round(object.sentMs - listed.promisedMs)} ms after it was promised`;
      return found(
        'dash.segment-available',
        { url: object.url, track: listed.track },
        `Segment ${listed.number} answered ${object.status}${late}.`,
      );
    });
  return [...segments, ...judgeClock(evidence)];
}

function judgeClock({ utcTiming }: Evidence): Finding[] {
  if (utcTiming === undefined) return [];
  const where = { url: utcTiming.url };
  if (utcTiming.status !== 200)
    return [found('dash.utc-timing', where, `The time source answered ${utcTiming.status}.`)];
  return utcMs(utcTiming.text.trim()) === undefined
    ? [
        found(
          'dash.utc-timing',
          where,
          `The time source answered "${utcTiming.text.slice(0, 40)}", not an ISO 8601 date.`,
        ),
      ]
    : [];
}
