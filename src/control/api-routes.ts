/**
 * Every route of the API: how it is asked, by whom, and what it answers. The express routes and the OpenAPI document are both made of it.
 * It never handles a request. Invariant: a route that is not in this table does not exist.
 */
import type { z } from 'zod';
import {
  channelSchema,
  channelsSchema,
  doneSchema,
  encoderLogSchema,
  ladderSchema,
  nothingSchema,
  reloadedSchema,
  reloadSchema,
  serviceSchema,
  streamKeySchema,
} from './api-model.ts';

/** open: anybody. token: this machine, or who has the token. machine: this machine alone. */
type Access = 'open' | 'token' | 'machine';

export interface ApiRoute {
  readonly method: 'get' | 'post';
  /** As OpenAPI writes it; `{id}` is a channel's. */
  readonly path: string;
  readonly access: Access;
  readonly summary: string;
  /** JSON of this schema, or what is not JSON by its type. */
  readonly answer: z.ZodType | 'text/event-stream' | 'image/jpeg' | 'openapi';
  /** Of a POST. */
  readonly body?: z.ZodType;
  /** Statuses beyond 200 and those of access and body, with when. */
  readonly refusals?: Readonly<Record<number, string>>;
}

const NO_CHANNEL = { 404: 'No channel has this id.' };

export const API_ROUTES = {
  openapi: {
    method: 'get',
    path: '/api/v1/openapi.json',
    access: 'open',
    summary: 'This document.',
    answer: 'openapi',
  },
  service: {
    method: 'get',
    path: '/api/v1/service',
    access: 'open',
    summary: 'The service itself: ports, version, whether it drains, whether you need a token.',
    answer: serviceSchema,
  },
  drain: {
    method: 'post',
    path: '/api/v1/service/drain',
    access: 'token',
    summary: 'Not ready any more (/readyz), so that load balancers send viewers elsewhere. The service goes on.',
    answer: doneSchema,
    body: nothingSchema,
  },
  undrain: {
    method: 'post',
    path: '/api/v1/service/undrain',
    access: 'token',
    summary: 'Ready again.',
    answer: doneSchema,
    body: nothingSchema,
    refusals: { 409: 'The service stops.' },
  },
  channels: {
    method: 'get',
    path: '/api/v1/channels',
    access: 'token',
    summary: 'All channels.',
    answer: channelsSchema,
  },
  channel: {
    method: 'get',
    path: '/api/v1/channels/{id}',
    access: 'token',
    summary: 'One channel.',
    answer: channelSchema,
    refusals: NO_CHANNEL,
  },
  streamKey: {
    method: 'get',
    path: '/api/v1/channels/{id}/stream-key',
    access: 'machine',
    summary: 'What goes into the encoder as stream key; on the machine of the service only.',
    answer: streamKeySchema,
    refusals: { 404: 'No channel has this id, or it takes no RTMP.' },
  },
  ladder: {
    method: 'get',
    path: '/api/v1/channels/{id}/ladder',
    access: 'token',
    summary: 'The ladder as it runs, and the arguments of the ffmpeg at work.',
    answer: ladderSchema,
    refusals: NO_CHANNEL,
  },
  encoderLog: {
    method: 'get',
    path: '/api/v1/channels/{id}/encoder-log',
    access: 'token',
    summary: 'The last 200 lines that the encoders said, over all runs.',
    answer: encoderLogSchema,
    refusals: NO_CHANNEL,
  },
  thumbnail: {
    method: 'get',
    path: '/api/v1/channels/{id}/thumbnail.jpg',
    access: 'token',
    summary: 'What is on air, 320 pixels on its longer side, at most about 10 s old; made when asked for.',
    answer: 'image/jpeg',
    refusals: { 404: 'No channel has this id, or there is no picture.', 503: 'It could not be made.' },
  },
  stopPublisher: {
    method: 'post',
    path: '/api/v1/channels/{id}/stop-publisher',
    access: 'token',
    summary:
      'Ends the publish. An encoder that connects again by itself is let in again: change its key to keep it out.',
    answer: doneSchema,
    body: nothingSchema,
    refusals: { ...NO_CHANNEL, 409: 'PUBLISH_NONE: nobody publishes. PUBLISH_PUSHED: the channel is pushed to.' },
  },
  restartEncoder: {
    method: 'post',
    path: '/api/v1/channels/{id}/restart-encoder',
    access: 'token',
    summary: 'Another encoder in place of the one at work. No number is left out; what is late is slate.',
    answer: doneSchema,
    body: nothingSchema,
    refusals: { ...NO_CHANNEL, 409: 'ENCODER_NONE: none is at work, or one is starting. PUBLISH_PUSHED.' },
  },
  reloadLadder: {
    method: 'post',
    path: '/api/v1/channels/{id}/reload-ladder',
    access: 'token',
    summary:
      'Reads the ladder file now. With applyNow the publish that is on is encoded by it at once (a declared change).',
    answer: reloadedSchema,
    body: reloadSchema,
    refusals: { ...NO_CHANNEL, 409: 'LADDER_INVALID, with all problems; the ladder in force stays. PUBLISH_PUSHED.' },
  },
  events: {
    method: 'get',
    path: '/api/v1/events',
    access: 'token',
    summary:
      'Server-sent events: channels, figures, state, publish, unpublish, fault, reset; the data of each is its schema. ' +
      'Those of state, publish, unpublish and fault have ids that rise; Last-Event-ID gives what was missed, out of the last 256; ' +
      'a reset and all that is kept where that is not enough.',
    answer: 'text/event-stream',
    refusals: { 503: 'There are 32 streams already.' },
  },
} as const satisfies Readonly<Record<string, ApiRoute>>;

export type ApiOperation = keyof typeof API_ROUTES;

/** What an operation answers with 200, where that is JSON. */
export type ApiAnswer<O extends ApiOperation> = (typeof API_ROUTES)[O]['answer'] extends z.ZodType
  ? z.input<(typeof API_ROUTES)[O]['answer']>
  : never;

export type ApiBody<O extends ApiOperation> = (typeof API_ROUTES)[O] extends {
  readonly body: infer B extends z.ZodType;
}
  ? z.output<B>
  : undefined;
