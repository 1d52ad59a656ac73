/**
 * An MPD as the rules see it: MPD, Periods, AdaptationSets, Representations, with their SegmentTemplates inherited.
 * It never judges: what is missing stays undefined, what is not XML is a message.
 * Invariant: `template` of a Representation is the merge of Period, set and its own (ISO/IEC 23009-1 5.3.9.1).
 */
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { durationSeconds, utcMs } from './iso-time.ts';

export type Attributes = Readonly<Record<string, string>>;

interface TimelineEntry {
  /** Undefined when it follows the one before. */
  readonly t: number | undefined;
  readonly d: number;
  readonly r: number;
}

export interface SegmentTemplate {
  readonly attributes: Attributes;
  readonly timescale: number;
  readonly startNumber: number;
  readonly durationTicks: number | undefined;
  readonly presentationTimeOffset: number;
  readonly availabilityTimeOffsetS: number;
  readonly timeline: readonly TimelineEntry[] | undefined;
}

export interface Representation {
  readonly attributes: Attributes;
  readonly id: string;
  readonly template: SegmentTemplate | undefined;
  readonly baseUrl: string;
}

export interface UtcTiming {
  readonly scheme: string;
  readonly value: string;
}

interface ProducerReference {
  readonly attributes: Attributes;
  readonly utcTimings: readonly UtcTiming[];
}

export interface AdaptationSet {
  /** ProducerReferenceTime of the set and of its Representations. */
  readonly references: readonly ProducerReference[];
  readonly attributes: Attributes;
  readonly contentType: string | undefined;
  readonly representations: readonly Representation[];
}

export interface Period {
  readonly attributes: Attributes;
  readonly id: string | undefined;
  readonly startS: number | undefined;
  readonly durationS: number | undefined;
  readonly sets: readonly AdaptationSet[];
}

export interface Mpd {
  readonly attributes: Attributes;
  readonly dynamic: boolean;
  readonly availabilityStartMs: number | undefined;
  readonly minimumUpdateS: number | undefined;
  readonly timeShiftBufferS: number | undefined;
  readonly utcTimings: readonly UtcTiming[];
  readonly latencies: readonly Attributes[];
  readonly playbackRates: readonly Attributes[];
  readonly periods: readonly Period[];
}

export type MpdReading = { readonly mpd: Mpd } | { readonly problem: string };

interface Element {
  readonly name: string;
  readonly attributes: Attributes;
  readonly children: readonly Element[];
  readonly text: string;
}

/** Reads an MPD document; `url` is where it came from, for BaseURL. */
export function readMpd(text: string, url: string): MpdReading {
  const valid = XMLValidator.validate(text);
  if (valid !== true) return { problem: `line ${valid.err.line}: ${valid.err.msg}` };
  const parser = new XMLParser({
    preserveOrder: true,
    ignoreAttributes: false,
    attributeNamePrefix: '',
    parseTagValue: false,
    parseAttributeValue: false,
    trimValues: true,
    removeNSPrefix: true,
    processEntities: true,
  });
  const root = elementsOf(parser.parse(text)).find((element) => element.name === 'MPD');
  if (root === undefined) return { problem: 'the root element is not MPD' };
  return { mpd: mpdOf(root, url) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** fast-xml-parser's ordered form ({Name: [...children], ':@': {...}}) to plain elements. */
function elementsOf(nodes: unknown): Element[] {
  if (!Array.isArray(nodes)) return [];
  return nodes.filter(isRecord).flatMap((node) => {
    const name = Object.keys(node).find((key) => key !== ':@' && key !== '#text');
    if (name === undefined || name.startsWith('?')) return [];
    const content = node[name];
    const attributes = isRecord(node[':@'])
      ? Object.fromEntries(Object.entries(node[':@']).map(([key, value]) => [key, String(value)]))
      : {};
    const text = Array.isArray(content)
      ? content
          .filter(isRecord)
          .map((child) => (child['#text'] === undefined ? '' : String(child['#text'])))
          .join('')
      : '';
    return [{ name, attributes, children: elementsOf(content), text }];
  });
}

const named = (element: Element, name: string): readonly Element[] =>
  element.children.filter((child) => child.name === name);

function mpdOf(root: Element, url: string): Mpd {
  const base = baseOf(root, url);
  let clockS: number | undefined = 0;
  const periods = named(root, 'Period').map((element) => {
    const durationS = durationSeconds(element.attributes['duration']);
    const startS = durationSeconds(element.attributes['start']) ?? clockS;
    clockS = startS === undefined || durationS === undefined ? undefined : startS + durationS;
    return periodOf(element, baseOf(element, base), startS, durationS);
  });
  return {
    attributes: root.attributes,
    dynamic: root.attributes['type'] === 'dynamic',
    availabilityStartMs: utcMs(root.attributes['availabilityStartTime']),
    minimumUpdateS: durationSeconds(root.attributes['minimumUpdatePeriod']),
    timeShiftBufferS: durationSeconds(root.attributes['timeShiftBufferDepth']),
    utcTimings: utcTimingsOf(root),
    latencies: described(root, 'Latency'),
    playbackRates: described(root, 'PlaybackRate'),
    periods,
  };
}

function utcTimingsOf(element: Element): readonly UtcTiming[] {
  return named(element, 'UTCTiming').map(({ attributes }) => ({
    scheme: attributes['schemeIdUri'] ?? '',
    value: attributes['value'] ?? '',
  }));
}

function described(root: Element, name: string): readonly Attributes[] {
  return named(root, 'ServiceDescription').flatMap((service) =>
    named(service, name).map(({ attributes }) => attributes),
  );
}

function referencesOf(set: Element): readonly ProducerReference[] {
  return [set, ...named(set, 'Representation')]
    .flatMap((element) => named(element, 'ProducerReferenceTime'))
    .map((element) => ({ attributes: element.attributes, utcTimings: utcTimingsOf(element) }));
}

function baseOf(element: Element, parent: string): string {
  const own = named(element, 'BaseURL')[0]?.text;
  return own === undefined ? parent : resolve(own, parent);
}

function resolve(reference: string, base: string): string {
  return URL.canParse(reference, base) ? new URL(reference, base).href : reference;
}

function periodOf(element: Element, base: string, startS: number | undefined, durationS: number | undefined): Period {
  const own = named(element, 'SegmentTemplate')[0];
  const sets = named(element, 'AdaptationSet').map((set) =>
    setOf(set, baseOf(set, base), own === undefined ? [] : [own]),
  );
  return { attributes: element.attributes, id: element.attributes['id'], startS, durationS, sets };
}

function setOf(element: Element, base: string, templates: readonly Element[]): AdaptationSet {
  const inherited = [...templates, ...named(element, 'SegmentTemplate').slice(0, 1)];
  const representations = named(element, 'Representation').map((representation): Representation => {
    const merged = [...inherited, ...named(representation, 'SegmentTemplate').slice(0, 1)];
    return {
      // codecs, mimeType, width ... may stand on the set (5.3.7.2)
      attributes: { ...common(element.attributes), ...representation.attributes },
      id: representation.attributes['id'] ?? '',
      template: merged.length === 0 ? undefined : templateOf(merged),
      baseUrl: baseOf(representation, base),
    };
  });
  const mime = element.attributes['mimeType'] ?? representations[0]?.attributes['mimeType'];
  return {
    references: referencesOf(element),
    attributes: element.attributes,
    contentType: element.attributes['contentType'] ?? mime?.split('/')[0],
    representations,
  };
}

const COMMON = new Set([
  'mimeType',
  'codecs',
  'width',
  'height',
  'frameRate',
  'audioSamplingRate',
  'startWithSAP',
  'sar',
]);

function common(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => COMMON.has(name)));
}

function templateOf(elements: readonly Element[]): SegmentTemplate {
  const attributes = Object.assign({}, ...elements.map((element) => element.attributes)) as Attributes;
  const timeline = elements
    .map((element) => named(element, 'SegmentTimeline')[0])
    .findLast((element) => element !== undefined);
  const duration = attributes['duration'];
  const offset = attributes['availabilityTimeOffset'];
  return {
    attributes,
    timescale: Number(attributes['timescale'] ?? 1),
    startNumber: Number(attributes['startNumber'] ?? 1),
    durationTicks: duration === undefined ? undefined : Number(duration),
    presentationTimeOffset: Number(attributes['presentationTimeOffset'] ?? 0),
    availabilityTimeOffsetS: offset === undefined ? 0 : offset === 'INF' ? Number.POSITIVE_INFINITY : Number(offset),
    timeline: timeline === undefined ? undefined : named(timeline, 'S').map(entryOf),
  };
}

function entryOf({ attributes }: Element): TimelineEntry {
  return {
    t: attributes['t'] === undefined ? undefined : Number(attributes['t']),
    d: Number(attributes['d'] ?? 0),
    r: Number(attributes['r'] ?? 0),
  };
}
