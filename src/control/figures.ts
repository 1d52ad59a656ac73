/**
 * What the service does in a second, from the counters of its metrics: two samples in, rates out.
 * Reading a sample is the only effect. Invariant: a rate is never below 0, and kinds without a request in between are not listed.
 */
import type { ChannelStatus } from '../channel/view.ts';
import type { Metrics } from '../system/metrics.ts';
import type { Figures } from './api-model.ts';

export type FigureMetrics = Pick<Metrics, 'responses' | 'responseBytes' | 'waiting' | 'shed' | 'sourceBitrate'>;

export interface FigureSample {
  readonly atMs: number;
  /** By kind and cache class. */
  readonly requests: ReadonlyMap<string, { readonly kind: string; readonly cache: string; readonly count: number }>;
  readonly bytes: number;
  readonly waiters: number;
  readonly shed: number;
  /** By channel. */
  readonly inputBps: ReadonlyMap<string, number>;
}

export async function takeSample(metrics: FigureMetrics, atMs: number): Promise<FigureSample> {
  const [responses, bytes, waiting, shed, input] = await Promise.all([
    metrics.responses.get(),
    metrics.responseBytes.get(),
    metrics.waiting.get(),
    metrics.shed.get(),
    metrics.sourceBitrate.get(),
  ]);
  const requests = new Map<string, { kind: string; cache: string; count: number }>();
  for (const { labels, value } of responses.values) {
    const [kind, cache] = [String(labels.kind), String(labels.cache)];
    const key = `${kind} ${cache}`;
    requests.set(key, { kind, cache, count: (requests.get(key)?.count ?? 0) + value });
  }
  return {
    atMs,
    requests,
    bytes: sum(bytes.values),
    waiters: sum(waiting.values),
    shed: sum(shed.values),
    inputBps: new Map(input.values.map(({ labels, value }) => [String(labels.channel), value])),
  };
}

export function figuresOf(before: FigureSample, now: FigureSample, statuses: readonly ChannelStatus[]): Figures {
  const seconds = Math.max(0.001, (now.atMs - before.atMs) / 1000);
  const perSecond = (later: number, earlier: number) =>
    Math.round((Math.max(0, later - earlier) / seconds) * 100) / 100;
  const requests = [...now.requests].flatMap(([key, { kind, cache, count }]) => {
    const rate = perSecond(count, before.requests.get(key)?.count ?? 0);
    return rate === 0 ? [] : [{ kind, cache, perSecond: rate }];
  });
  return {
    nowMs: now.atMs,
    requests,
    bytesPerSecond: perSecond(now.bytes, before.bytes),
    waiters: now.waiters,
    shedPerSecond: perSecond(now.shed, before.shed),
    channels: statuses.map(({ id, encoder, publisher }) => ({
      id,
      encoderSpeed: encoder?.speed,
      encoderFps: encoder?.fps,
      inputBitrateBps: publisher === undefined ? undefined : now.inputBps.get(id),
    })),
  };
}

function sum(values: readonly { readonly value: number }[]): number {
  return values.reduce((total, { value }) => total + value, 0);
}
