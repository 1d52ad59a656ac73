/**
 * Everything that is not a manifest or media: the clock, preflights, unknown paths, refused methods, faults.
 * It never touches media: express costs several times node:http per request. Invariant: express writes nothing itself;
 * each answer goes through Reply and so has a policy and the cross-origin fields.
 */
import express, { type ErrorRequestHandler, type Express } from 'express';
import type { ChannelDirectory } from '../channel/view.ts';
import { messageOf } from '../system/errors.ts';
import type { Logger } from '../system/log.ts';
import type { Reply } from './reply.ts';

export interface AppOptions {
  readonly directory: ChannelDirectory;
  readonly log: Logger;
  readonly reply: Reply;
}

export function createApp({ directory, log, reply }: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', false);
  app.enable('strict routing');
  app.enable('case sensitive routing');

  app.use((request, response, next) => {
    if (request.method === 'OPTIONS') {
      reply.preflight({ request, response });
      return;
    }
    if (request.method === 'GET' || request.method === 'HEAD') {
      next();
      return;
    }
    reply.problem({ request, response }, 'other', 'method');
  });
  // ISO/IEC 23009-1 5.8.5.7, urn:mpeg:dash:utc:http-xsdate:2014 and http-iso:2014: the body is one xs:dateTime.
  app.get('/time', (request, response) => {
    reply.plain({ request, response }, 'time', new Date(directory.nowMs()).toISOString());
  });
  app.use((request, response) => {
    reply.problem({ request, response }, 'other', 'unknown');
  });

  const onError: ErrorRequestHandler = (thrown, request, response, _next) => {
    if (thrown instanceof URIError) {
      reply.problem({ request, response }, 'other', 'bad-request');
      return;
    }
    log.error({ error: messageOf(thrown) }, 'request failed');
    reply.problem({ request, response }, 'other', 'internal');
  };
  app.use(onError);
  return app;
}
