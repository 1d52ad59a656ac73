/**
 * Asks what players and caches ask besides playing: conditional, HEAD and range requests, missing and early URLs.
 * It never judges, and asks each question once per kind of object.
 */
import { type Collector, digestOf, type Fetched } from './collector.ts';
import type { Evidence, Probe, ResourceKind } from './model.ts';

type Answer = Probe['answer'];

function answerOf({ body, ...exchange }: Fetched): Answer {
  return { ...exchange, byteLength: body.length, digest: digestOf(body) };
}

/** Probes one object of each kind that the evidence has. */
export async function probeAll(collector: Collector, evidence: Evidence): Promise<void> {
  const texts: readonly (readonly [ResourceKind, string | undefined])[] = [
    ['multivariant', evidence.multivariant[0]?.url],
    ['playlist', evidence.renditions[0]?.url],
    ['mpd', evidence.mpds[0]?.url],
  ];
  for (const [kind, url] of texts) if (url !== undefined) await probeText(collector, kind, url);
  const answered = evidence.media.filter((object) => object.status === 200);
  const init = answered.find((object) => object.role === 'init');
  const segments = answered.filter((object) => object.role === 'segment' && object.listed.track === init?.listed.track);
  const newest = segments.at(-1) ?? answered.find((object) => object.role === 'segment');
  if (init !== undefined) await probeMedia(collector, 'init', init.url);
  if (newest === undefined) return;
  await probeMedia(collector, 'segment', newest.url);
  await ask(collector, 'missing', 'missing', new URL('pitchside-check-missing.m4s', newest.url).href);
  const early = nextUrl(newest.url, newest.listed.number);
  if (early !== undefined) await ask(collector, 'early', 'segment', early);
}

async function ask(collector: Collector, purpose: Probe['purpose'], kind: ResourceKind, url: string): Promise<void> {
  const fetched = await collector.ask('GET', url);
  if (fetched !== undefined) collector.probes.push({ purpose, kind, answer: answerOf(fetched) });
}

/** The URL of the segment after `number`, where the name shows how it is counted. */
export function nextUrl(url: string, number: number): string | undefined {
  const file = url.lastIndexOf('/') + 1;
  const name = url.slice(file);
  const digits = [...name.matchAll(/\d+/g)];
  const counted =
    digits.findLast((match) => Number(match[0]) === number) ??
    digits.filter((match) => !/^\.(m4s|mp4)/.test(name.slice(match.index - 2))).at(0);
  if (counted === undefined) return undefined;
  const next = String(Number(counted[0]) + 1).padStart(counted[0].length, '0');
  return `${url.slice(0, file)}${name.slice(0, counted.index)}${next}${name.slice(counted.index + counted[0].length)}`;
}

async function probeText(collector: Collector, kind: ResourceKind, url: string): Promise<void> {
  const plain = await collector.ask('GET', url, { 'accept-encoding': 'identity' });
  if (plain === undefined || plain.status !== 200) return;
  await compare(collector, kind, plain, 'revalidate', 'GET', {
    'accept-encoding': 'identity',
    'if-none-match': plain.headers['etag'] ?? '"none"',
  });
  await compare(collector, kind, plain, 'head', 'HEAD', { 'accept-encoding': 'identity' });
  await compare(collector, kind, plain, 'gzip', 'GET', { 'accept-encoding': 'gzip' });
}

async function probeMedia(collector: Collector, kind: ResourceKind, url: string): Promise<void> {
  const plain = await collector.ask('GET', url);
  if (plain === undefined) return;
  collector.probes.push({ purpose: 'repeat', kind, answer: answerOf(plain) });
  if (plain.status !== 200) return;
  await compare(collector, kind, plain, 'revalidate', 'GET', { 'if-none-match': plain.headers['etag'] ?? '"none"' });
  await compare(collector, kind, plain, 'head', 'HEAD', {});
  await compare(collector, kind, plain, 'range', 'GET', { range: 'bytes=0-99' });
  await compare(collector, kind, plain, 'range-beyond', 'GET', { range: `bytes=${plain.body.length + 1000}-` });
}

async function compare(
  collector: Collector,
  kind: ResourceKind,
  plain: Fetched,
  purpose: Probe['purpose'],
  method: 'GET' | 'HEAD',
  headers: Record<string, string>,
): Promise<void> {
  const fetched = await collector.ask(method, plain.url, headers);
  if (fetched === undefined) return;
  collector.probes.push({
    purpose,
    kind,
    answer: answerOf(fetched),
    plain: answerOf(plain),
    headDigest: digestOf(plain.body.subarray(0, 100)),
  });
}
