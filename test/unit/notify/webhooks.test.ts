import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { ChannelNotice } from '../../../src/channel/notices.ts';
import type { WebhookSettings } from '../../../src/config/model.ts';
import type { PostOutcome, PostRequest } from '../../../src/notify/post.ts';
import { Webhooks } from '../../../src/notify/webhooks.ts';
import { openMetrics } from '../../../src/system/metrics.ts';
import { ManualClock } from '../../fakes/manual-clock.ts';
import { MemoryLog } from '../../fakes/memory-log.ts';

const SECRET = 'a-webhook-secret-of-some-length';
const URL_WITH_SECRET = 'https://hooks.example/T0KEN/in?key=QUERY';
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

function hook(changes: Partial<WebhookSettings> = {}): WebhookSettings {
  return { url: URL_WITH_SECRET, events: ['publish', 'unpublish', 'fault'], secret: undefined, ...changes };
}

interface Attempt extends PostRequest {
  answer(outcome: PostOutcome): Promise<void>;
}

/** Webhooks whose receivers answer when the test says so. */
function world(...hooks: readonly WebhookSettings[]) {
  const [clock, log, metrics] = [new ManualClock(1_795_291_200_900), new MemoryLog(), openMetrics()];
  const attempts: Attempt[] = [];
  let ids = 0;
  const webhooks = new Webhooks({
    ...{ hooks, version: '0.1.0', clock, log, metrics, random: () => 0.5, newId: () => `id-${++ids}` },
    post: (request) =>
      new Promise((resolve) => {
        const answer = (outcome: PostOutcome) => {
          resolve(outcome);
          return settled();
        };
        attempts.push({ ...request, answer });
      }),
  });
  const counted = async () =>
    Object.fromEntries(
      (await metrics.webhooks.get()).values
        .filter(({ labels }) => labels.hook === '1')
        .map(({ labels, value }) => [labels.outcome, value]),
    );
  return { clock, log, metrics, attempts, webhooks, counted };
}

const PUBLISH: ChannelNotice = { kind: 'publish', channel: 'match', atMs: 5, address: '192.0.2.7:1', source: 'h264' };
const FAULT: ChannelNotice = { kind: 'fault', channel: 'match', atMs: 6, code: 'X', message: 'broke', hint: 'mend' };
const TAKEN: PostOutcome = { kind: 'taken' };
const FAILED: PostOutcome = { kind: 'failed', reason: 'status 500' };

describe('webhooks', () => {
  test('post what happened, with the id in body and header', () => {
    const { webhooks, attempts } = world(hook());
    webhooks.tell(PUBLISH);
    const [attempt] = attempts;
    expect(JSON.parse(attempt!.body)).toEqual({
      ...{ id: 'id-1', event: 'publish', atMs: 5, channel: 'match', address: '192.0.2.7:1', source: 'h264' },
    });
    expect(attempt!.url).toBe(URL_WITH_SECRET);
    expect(attempt!.headers).toEqual({
      'Content-Type': 'application/json',
      'User-Agent': 'Pitchside/0.1.0',
      'Pitchside-Event-Id': 'id-1',
      'Pitchside-Timestamp': '1795291200',
    });
  });

  test('are signed where there is a secret: HMAC-SHA-256 of timestamp, a dot and the body; anew for each attempt', async () => {
    const { webhooks, attempts, clock } = world(hook({ secret: SECRET }));
    webhooks.tell(FAULT);
    await attempts[0]!.answer(FAILED);
    clock.advance(1000);
    expect(attempts).toHaveLength(2);
    for (const [n, timestamp] of [1795291200, 1795291201].entries()) {
      const { body, headers } = attempts[n]!;
      const expected = createHmac('sha256', SECRET).update(`${timestamp}.${body}`).digest('hex');
      expect(headers['Pitchside-Signature']).toBe(`sha256=${expected}`);
    }
    expect([attempts[0]!.body, attempts[0]!.headers['Pitchside-Event-Id']]).toEqual([
      attempts[1]!.body,
      attempts[1]!.headers['Pitchside-Event-Id'],
    ]);
  });

  test('of one receiver that hangs do not hold up another, and both get the same id', async () => {
    const { webhooks, attempts } = world(hook({ url: 'http://a.example/' }), hook({ url: 'http://b.example/' }));
    webhooks.tell(PUBLISH);
    webhooks.tell(FAULT);
    await attempts[1]!.answer(TAKEN);
    expect(attempts.map(({ url, body }) => [url, JSON.parse(body).id])).toEqual([
      ['http://a.example/', 'id-1'],
      ['http://b.example/', 'id-1'],
      ['http://b.example/', 'id-2'],
    ]);
  });

  test('are only of the events that a hook wants, and never of a step of the state', () => {
    const { webhooks, attempts } = world(hook({ events: ['unpublish'] }));
    webhooks.tell(PUBLISH);
    webhooks.tell(FAULT);
    webhooks.tell({ kind: 'state', channel: 'match', atMs: 1, from: 'slate', to: 'live', event: 'e', why: 'w' });
    expect(attempts).toEqual([]);
    webhooks.tell({ kind: 'unpublish', channel: 'match', atMs: 1, why: 'gone' });
    expect(attempts.map(({ body }) => JSON.parse(body).why)).toEqual(['gone']);
  });

  test('are counted by hook and outcome, from 0 on', async () => {
    const { webhooks, attempts, clock, counted, metrics } = world(hook());
    expect(await counted()).toEqual({ delivered: 0, retried: 0, 'given-up': 0, dropped: 0 });
    webhooks.tell(PUBLISH);
    webhooks.tell(FAULT);
    expect((await metrics.webhooksWaiting.get()).values).toEqual([{ labels: { hook: '1' }, value: 2 }]);
    for (const delayMs of [1000, 5000, 30_000, 120_000, 600_000]) {
      await attempts.at(-1)!.answer(FAILED);
      clock.advance(delayMs);
    }
    await attempts.at(-1)!.answer(FAILED);
    await attempts.at(-1)!.answer(TAKEN);
    expect(await counted()).toEqual({ delivered: 1, retried: 5, 'given-up': 1, dropped: 0 });
    expect((await metrics.webhooksWaiting.get()).values).toEqual([{ labels: { hook: '1' }, value: 0 }]);
  });

  test('say in the log what failed and never the secrets: neither the key nor path and query', async () => {
    const { webhooks, attempts, log } = world(hook({ secret: SECRET }));
    webhooks.tell(PUBLISH);
    await attempts[0]!.answer(FAILED);
    const text = JSON.stringify(log.lines);
    expect(log.saying('webhook failed')).toEqual([
      { hook: '1', host: 'hooks.example', id: 'id-1', event: 'publish', attempt: 1, reason: 'status 500' },
    ]);
    expect(text).not.toMatch(/T0KEN|QUERY|a-webhook-secret/);
  });
});

describe('closing', () => {
  test('waits for what is being sent and what is behind it', async () => {
    const { webhooks, attempts, counted } = world(hook());
    webhooks.tell(PUBLISH);
    webhooks.tell(FAULT);
    let isClosed = false;
    const closed = webhooks.close().then(() => {
      isClosed = true;
    });
    await attempts[0]!.answer(TAKEN);
    expect([isClosed, attempts.length]).toEqual([false, 2]);
    await attempts[1]!.answer(TAKEN);
    await closed;
    expect(await counted()).toMatchObject({ delivered: 2, dropped: 0 });
  });

  test('takes a second at most; what is lost is counted and said, attempts are aborted, nothing is told any more', async () => {
    const { webhooks, attempts, counted, clock, log } = world(hook());
    webhooks.tell(PUBLISH);
    webhooks.tell(FAULT);
    const closed = webhooks.close();
    clock.advance(1000);
    await closed;
    expect(attempts[0]!.signal.aborted).toBe(true);
    expect(await counted()).toMatchObject({ delivered: 0, dropped: 2 });
    expect(log.saying('webhooks are lost: the service stops')).toEqual([{ hook: '1', host: 'hooks.example', lost: 2 }]);
    // An attempt that was aborted is no failure of the receiver.
    await attempts[0]!.answer(FAILED);
    webhooks.tell(PUBLISH);
    expect([attempts.length, clock.waiting, log.saying('webhook failed')]).toEqual([1, 0, []]);
  });

  test('does not wait for another attempt', async () => {
    const { webhooks, attempts, counted, clock } = world(hook());
    webhooks.tell(PUBLISH);
    await attempts[0]!.answer(FAILED);
    await webhooks.close();
    expect([await counted(), clock.waiting]).toMatchObject([{ retried: 1, dropped: 1 }, 0]);
  });
});
