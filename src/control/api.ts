/**
 * The API's express routes: each of the table, with who may ask it, what it takes and what it answers.
 * It never decides what is done to a Channel. Invariants: nothing is done before access and body are right, and each POST that is let in
 * leaves one line in the log with the address it came from.
 */
import express, { type Express, type Request, type Response } from 'express';
import type { OperatedChannel, OperatedChannels, OperationRefusal } from '../channel/operation.ts';
import type { ErrorCode } from '../system/errors.ts';
import type { Logger } from '../system/log.ts';
import { type AccessVerdict, judgeAccess } from './access.ts';
import type { ServiceAnswer } from './api-model.ts';
import { API_ROUTES, type ApiAnswer, type ApiBody, type ApiOperation, type ApiRoute } from './api-routes.ts';
import type { EventStream } from './event-stream.ts';
import { openApiDocument } from './openapi.ts';
import type { Operator } from './operator.ts';
import { isLocalRequest } from './trust.ts';

/** What a client needs to know of the service and its other ports. */
export interface PageInfo {
  readonly httpPort: number;
  readonly rtmpPort: number;
  readonly version: string;
  /** UTC ms. */
  readonly startedMs: number;
  /** What goes into OBS' "Stream Key" for a Channel (`match?key=SECRET`), or undefined when it has none. */
  streamKey(channel: string): string | undefined;
}

export interface ApiParts {
  readonly directory: OperatedChannels;
  readonly log: Logger;
  readonly pageInfo: PageInfo;
  readonly events: EventStream;
  readonly operator: Operator;
  /** Of who is not on this machine; undefined: nobody else may ask. */
  readonly token: string | undefined;
}

interface Call<O extends ApiOperation> {
  readonly request: Request;
  readonly response: Response;
  /** Of a path with `{id}`; else the Channel is never looked at. */
  readonly channel: OperatedChannel;
  readonly body: ApiBody<O>;
}

interface Refusal extends OperationRefusal {
  readonly status: number;
  readonly problems?: readonly string[];
}

/** What is to be sent: JSON by the schema of the operation, a refusal, or nothing more since the handler has done it. */
type Outcome<O extends ApiOperation> = { readonly json: ApiAnswer<O> } | { readonly refusal: Refusal } | 'sent';
type Handlers = { readonly [O in ApiOperation]: (call: Call<O>) => Outcome<O> | Promise<Outcome<O>> };

export function addApi(app: Express, parts: ApiParts): void {
  const handlers = handlersOf(parts);
  for (const [operation, route] of Object.entries<ApiRoute>(API_ROUTES) as [ApiOperation, ApiRoute][]) {
    const handler = handlers[operation] as (call: Call<ApiOperation>) => Outcome<ApiOperation>;
    const path = route.path.replace('{id}', ':id');
    app[route.method](path, access(route, parts), ...takenBody(route), async (request, response) => {
      const outcome = await answer(handler, { operation, route, request, response }, parts);
      if (outcome === 'sent') return;
      if ('refusal' in outcome) sendRefusal(response, outcome.refusal);
      else response.json(outcome.json);
    });
  }
}

function sendRefusal(response: Response, { status, code, message, problems }: Refusal): void {
  response.status(status).json({ code, message, ...(problems && { problems }) });
}

function refuse(status: number, code: ErrorCode, message: string): { readonly refusal: Refusal } {
  return { refusal: { status, code, message } };
}

interface Asked {
  readonly operation: ApiOperation;
  readonly route: ApiRoute;
  readonly request: Request;
  readonly response: Response;
}

async function answer(
  handler: (call: Call<ApiOperation>) => Outcome<ApiOperation> | Promise<Outcome<ApiOperation>>,
  { operation, route, request, response }: Asked,
  { directory, log }: ApiParts,
): Promise<Outcome<ApiOperation>> {
  const id = request.params['id'];
  const channel = typeof id === 'string' ? directory.get(id) : undefined;
  if (id !== undefined && channel === undefined) return refuse(404, 'HTTP_NOT_FOUND', 'No channel has this id.');
  const taken = route.body?.safeParse(request.body);
  if (taken?.success === false) {
    const [issue] = taken.error.issues;
    return refuse(
      400,
      'HTTP_BAD_REQUEST',
      `The body is not what is asked for: ${issue?.path.join('.')} ${issue?.message}.`,
    );
  }
  const outcome = await handler({ request, response, channel: channel as OperatedChannel, body: taken?.data as never });
  if (route.method === 'post') {
    const refused = typeof outcome === 'object' && 'refusal' in outcome ? outcome.refusal.code : undefined;
    log.info({ operation, channel: id, address: addressOf(request), refused }, 'operator');
  }
  return outcome;
}

function addressOf(request: Request): string {
  return `${request.socket.remoteAddress}:${request.socket.remotePort}`;
}

function originOf(request: Request) {
  const { headers, socket } = request;
  return { remoteAddress: socket.remoteAddress, host: headers.host, headers };
}

function verdictOf(request: Request, token: string | undefined): AccessVerdict {
  return judgeAccess({ ...originOf(request), authorization: request.headers.authorization }, token);
}

function access(route: ApiRoute, { token, log }: ApiParts) {
  return (request: Request, response: Response, next: () => void): void => {
    if (route.access === 'machine' && !isLocalRequest(originOf(request))) {
      const message = 'Stream keys are shown on the machine of the service only.';
      sendRefusal(response, { status: 403, code: 'HTTP_FORBIDDEN', message });
      return;
    }
    const verdict = route.access === 'token' ? verdictOf(request, token) : undefined;
    if (verdict?.kind !== 'refused') {
      next();
      return;
    }
    log.debug({ path: route.path, address: addressOf(request), status: verdict.status }, 'control request refused');
    if (verdict.challenge !== undefined) response.set('WWW-Authenticate', verdict.challenge);
    sendRefusal(response, verdict);
  };
}

/** application/json alone: a form of another site cannot send it without asking first (Fetch, CORS-safelisted request headers). */
function takenBody({ body }: ApiRoute) {
  if (body === undefined) return [];
  const isJson = (request: Request, response: Response, next: () => void): void => {
    if (request.is('application/json') !== false && request.headers['content-type'] !== undefined) {
      next();
      return;
    }
    const message = 'Send the body as JSON with Content-Type: application/json; {} is enough.';
    sendRefusal(response, { status: 415, code: 'HTTP_MEDIA_TYPE', message });
  };
  return [isJson, express.json({ limit: 4096, strict: true, type: 'application/json' })];
}

/** 409: nothing was done. */
function done(refusal: OperationRefusal | undefined) {
  return refusal === undefined ? { json: { done: true as const } } : { refusal: { ...refusal, status: 409 } };
}

function handlersOf(parts: ApiParts): Handlers {
  const { directory, pageInfo, operator } = parts;
  const document = openApiDocument(pageInfo.version);
  return {
    openapi: ({ response }) => {
      response.json(document);
      return 'sent';
    },
    service: ({ request }) => ({ json: serviceAnswer(parts, request) }),
    drain: () => done(operator.drain()),
    undrain: () => done(operator.undrain()),
    channels: () => ({
      json: { nowMs: directory.nowMs(), channels: directory.all().map((channel) => channel.status()) },
    }),
    channel: ({ channel }) => ({ json: channel.status() }),
    streamKey: ({ channel }) => {
      const streamKey = pageInfo.streamKey(channel.id);
      if (streamKey === undefined) return refuse(404, 'HTTP_NOT_FOUND', 'No stream key for this channel id.');
      return { json: { streamKey } };
    },
    ladder: ({ channel }) => ({ json: channel.operation.ladder() }),
    encoderLog: ({ channel }) => ({ json: { lines: channel.operation.encoderLog() } }),
    thumbnail: ({ channel, response }) => sendThumbnail(channel, response, operator),
    stopPublisher: ({ channel }) => done(channel.operation.stopPublisher()),
    restartEncoder: ({ channel }) => done(channel.operation.restartEncoder()),
    reloadLadder: async ({ channel, body }) => {
      const { refusal, ...outcome } = await operator.reloadLadder(channel, body.applyNow === true);
      return refusal === undefined
        ? { json: { applies: outcome.applies, problems: [] } }
        : { refusal: { ...refusal, status: 409 } };
    },
    events: ({ request, response }) => openEvents(request, response, parts),
  };
}

function serviceAnswer({ directory, pageInfo, operator, token }: ApiParts, request: Request): ServiceAnswer {
  const { version, startedMs, httpPort, rtmpPort } = pageInfo;
  return {
    version,
    startedMs,
    nowMs: directory.nowMs(),
    httpPort,
    rtmpPort,
    isDraining: operator.isDraining,
    tokenNeeded: verdictOf(request, token).kind === 'refused',
    streamKeysShown: isLocalRequest(originOf(request)),
  };
}

async function sendThumbnail(channel: OperatedChannel, response: Response, operator: Operator) {
  const picture = await operator.thumbnail(channel);
  if (picture.kind === 'none') return refuse(404, 'HTTP_NOT_FOUND', 'There is no picture on air.');
  if (picture.kind === 'failed')
    return refuse(503, 'HTTP_INTERNAL', 'The picture could not be made; the log says why.');
  response.set('Content-Type', 'image/jpeg').send(picture.jpeg);
  return 'sent' as const;
}

function openEvents(request: Request, response: Response, { events }: ApiParts): Outcome<'events'> {
  if (!events.hasRoom) {
    response.set({ 'Retry-After': '10' });
    return refuse(503, 'HTTP_OVERLOADED', 'There are as many event streams as the service has room for.');
  }
  // The stream ends only when one side goes: its connection is of no use for anything else.
  response.set({
    'Content-Type': 'text/event-stream; charset=utf-8',
    'X-Accel-Buffering': 'no',
    Connection: 'close',
  });
  if (request.method === 'HEAD') {
    response.end();
    return 'sent';
  }
  response.flushHeaders();
  const lastEventId = request.headers['last-event-id'];
  events.add(response, typeof lastEventId === 'string' ? lastEventId : undefined);
  return 'sent';
}
