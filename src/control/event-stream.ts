/**
 * Server-sent events for the console and whoever else listens: what happens, as it happens, and figures once a second.
 * It never looks at anything while nobody listens. Invariant: at most 32 clients, each with at most 512 kB that it has not taken.
 */
import type { ServerResponse } from 'node:http';
import type { ChannelNotice } from '../channel/notices.ts';
import type { OperatedChannels } from '../channel/operation.ts';
import type { Clock } from '../system/clock.ts';
import { messageOf } from '../system/errors.ts';
import type { Logger } from '../system/log.ts';
import { EventRing } from './event-ring.ts';
import { type FigureMetrics, type FigureSample, figuresOf, takeSample } from './figures.ts';

export interface EventStreamParts {
  readonly directory: OperatedChannels;
  readonly metrics: FigureMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

const MAX_CLIENTS = 32;
/** Some fifty seconds of one channel; who has not taken that is gone or stuck. */
const MAX_BACKLOG_BYTES = 512 * 1024;
const EVERY_MS = 1000;
/** Also what keeps proxies from closing the stream. */
const UNCHANGED_MS = 5000;
/** What a browser waits for before it connects again. */
const RETRY_MS = 2000;

type Client = Pick<ServerResponse, 'write' | 'end' | 'destroy' | 'writableLength' | 'once'>;

export class EventStream {
  readonly #parts: EventStreamParts;
  readonly #ring: EventRing;
  readonly #clients = new Set<Client>();
  #sample: FigureSample | undefined;
  #shown = '';
  #shownMs = 0;
  #cancelTick: () => void = () => undefined;

  constructor(parts: EventStreamParts) {
    this.#parts = parts;
    this.#ring = new EventRing(parts.clock.nowMs());
  }

  /** Asked before a client's head is written. */
  get hasRoom(): boolean {
    return this.#clients.size < MAX_CLIENTS;
  }

  /** lastEventId is the header, where there is one. */
  add(client: Client, lastEventId: string | undefined): void {
    this.#clients.add(client);
    client.once('close', () => this.#remove(client));
    const { directory } = this.#parts;
    const nowMs = directory.nowMs();
    client.write(`retry: ${RETRY_MS}\n\n${block('channels', this.#channels(nowMs))}`);
    if (lastEventId !== undefined) this.#resume(client, lastEventId, nowMs);
    if (this.#clients.size === 1) this.#begin();
  }

  tell({ kind, ...notice }: ChannelNotice): void {
    const { id, name, data } = this.#ring.add(kind, JSON.stringify(notice));
    this.#send(block(name, data, id));
  }

  close(): void {
    this.#cancelTick();
    for (const client of this.#clients) client.end();
    this.#clients.clear();
  }

  #resume(client: Client, lastEventId: string, nowMs: number): void {
    const { isWhole, events } = this.#ring.since(lastEventId);
    if (!isWhole) client.write(block('reset', JSON.stringify({ nowMs })));
    for (const { name, data, id } of events) client.write(block(name, data, id));
  }

  #remove(client: Client): void {
    this.#clients.delete(client);
    if (this.#clients.size > 0) return;
    this.#cancelTick();
    this.#sample = undefined;
  }

  #begin(): void {
    this.#shownMs = 0;
    this.#cancelTick();
    this.#cancelTick = this.#parts.clock.after(EVERY_MS, () => this.#tick());
    void this.#measure();
  }

  #tick(): void {
    const { directory, clock } = this.#parts;
    if (this.#clients.size === 0) return;
    this.#cancelTick = clock.after(EVERY_MS, () => this.#tick());
    const nowMs = directory.nowMs();
    const shown = this.#statuses();
    if (shown !== this.#shown || nowMs - this.#shownMs >= UNCHANGED_MS) {
      this.#shown = shown;
      this.#shownMs = nowMs;
      this.#send(block('channels', `{"nowMs":${nowMs},"channels":${shown}}`));
    }
    void this.#measure();
  }

  async #measure(): Promise<void> {
    const { directory, metrics, log } = this.#parts;
    try {
      const now = await takeSample(metrics, directory.nowMs());
      const before = this.#sample;
      if (this.#clients.size === 0) return;
      this.#sample = now;
      if (before === undefined) return;
      const statuses = directory.all().map((channel) => channel.status());
      this.#send(block('figures', JSON.stringify(figuresOf(before, now, statuses))));
    } catch (thrown) {
      log.error({ problem: messageOf(thrown) }, 'figures could not be taken');
    }
  }

  #channels(nowMs: number): string {
    return `{"nowMs":${nowMs},"channels":${this.#statuses()}}`;
  }

  #statuses(): string {
    return JSON.stringify(this.#parts.directory.all().map((channel) => channel.status()));
  }

  #send(text: string): void {
    for (const client of this.#clients) {
      client.write(text);
      if (client.writableLength <= MAX_BACKLOG_BYTES) continue;
      this.#parts.log.warn({ backlogBytes: client.writableLength }, 'a reader of the event stream is too slow: closed');
      client.destroy();
      this.#remove(client);
    }
  }
}

/** HTML 9.2.6: fields of a line each, ended by an empty line. JSON has no line breaks. */
function block(name: string, data: string, id?: number): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${data}\n\n`;
}
