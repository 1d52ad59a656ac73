/**
 * The control port's answers: health, readiness, metrics, API, page. One express application, no sockets.
 * It never shows a stream key to anybody but this machine, and never a stack; what changes anything is a POST of the API.
 */
import express, { type ErrorRequestHandler, type Express, type Request, type Response } from 'express';
import { type ErrorCode, messageOf } from '../system/errors.ts';
import type { Logger } from '../system/log.ts';
import type { Metrics } from '../system/metrics.ts';
import { type ApiParts, addApi } from './api.ts';
import { API_ROUTES, type ApiRoute } from './api-routes.ts';
import type { PageAsset } from './page-assets.ts';
import { DRAINED, diskFaultsOf, readinessOf, STOPPING } from './readiness.ts';

export interface ControlRoutes extends ApiParts {
  readonly metrics: Pick<Metrics, 'registry'>;
  readonly isStopping: () => boolean;
  readonly assets: ReadonlyMap<string, PageAsset>;
}

/** Media and manifests come from the origin's port of whatever host the page was opened on; hls.js runs its worker from a blob. */
function contentSecurityPolicy(httpPort: number): string {
  const origin = `http://*:${httpPort}`;
  return [
    "default-src 'none'",
    "script-src 'self'",
    "worker-src 'self' blob:",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    `media-src 'self' blob: ${origin}`,
    `connect-src 'self' ${origin}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

function sendError(response: Response, status: number, code: ErrorCode, message: string): void {
  response.status(status).json({ code, message });
}

/** RFC 9110 13.1.2: a list of tags, compared weakly; whatever Cache-Control the request carries, which express would heed. */
function holds(ifNoneMatch: string | undefined, etag: string): boolean {
  const tags = ifNoneMatch?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? [];
  return tags.some((tag) => tag === etag || tag === '*');
}

function sendAsset(request: Request, response: Response, asset: PageAsset): void {
  response.set({
    'Content-Type': asset.contentType,
    'Cache-Control': asset.cacheControl,
    ETag: asset.etag,
  });
  if (holds(request.headers['if-none-match'], asset.etag)) response.status(304).end();
  else response.send(asset.bytes);
}

function addHealth(app: Express, { directory, metrics, operator, isStopping }: ControlRoutes): void {
  app.get('/healthz', (_request, response) => {
    const uptimeSeconds = Math.round(process.uptime());
    const disks = diskFaultsOf(directory.all().map((channel) => channel.status()));
    // Degraded is alive: what would be started anew loses what it has in memory.
    response.json({
      status: disks.length === 0 ? 'ok' : 'degraded',
      uptimeSeconds,
      ...(disks.length > 0 && { disks }),
    });
  });
  app.get('/readyz', (_request, response) => {
    const statuses = directory.all().map((channel) => channel.status());
    const refused = isStopping() ? STOPPING : operator.isDraining ? DRAINED : undefined;
    const readiness = refused ?? readinessOf(statuses, directory.nowMs());
    response.status(readiness.ready ? 200 : 503).json(readiness);
  });
  app.get('/metrics', async (_request, response) => {
    const text = await metrics.registry.metrics();
    response.set('Content-Type', metrics.registry.contentType).send(text);
  });
}

/** RFC 9110 15.5.6: 405 comes with Allow; the rest of what nobody answered is 404. */
function addRefusals(app: Express, log: Logger): void {
  for (const { method, path } of Object.values<ApiRoute>(API_ROUTES)) {
    if (method !== 'post') continue;
    app.all(path.replace('{id}', ':id'), (_request, response) => {
      response.set('Allow', 'POST');
      sendError(response, 405, 'HTTP_METHOD', 'Only POST is answered here.');
    });
  }
  app.use((request, response) => {
    if (request.method === 'GET' || request.method === 'HEAD') {
      sendError(response, 404, 'HTTP_NOT_FOUND', 'There is nothing at this path.');
      return;
    }
    response.set('Allow', 'GET, HEAD');
    sendError(response, 405, 'HTTP_METHOD', 'Only GET and HEAD are answered here.');
  });
  const onError: ErrorRequestHandler = (error, _request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    // express throws URIError for a path that is not valid percent-encoding.
    if (error instanceof URIError) {
      sendError(response, 400, 'HTTP_BAD_REQUEST', 'The path is not valid percent-encoding.');
      return;
    }
    // Of the body's parser: what is wrong is the client's.
    const status = Number(error.status);
    if (status >= 400 && status < 500) {
      sendError(response, status, 'HTTP_BAD_REQUEST', `The body cannot be read: ${messageOf(error)}.`);
      return;
    }
    log.error({ error: messageOf(error) }, 'control request failed');
    sendError(response, 500, 'HTTP_INTERNAL', 'The request failed; the log has the reason.');
  };
  app.use(onError);
}

export function controlRoutes(routes: ControlRoutes): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.set('query parser', false);
  const policy = contentSecurityPolicy(routes.pageInfo.httpPort);
  app.use((_request, response, next) => {
    response.set({
      'Cache-Control': 'no-store',
      'Content-Security-Policy': policy,
      'X-Content-Type-Options': 'nosniff',
      'X-Frame-Options': 'DENY',
      'Referrer-Policy': 'no-referrer',
      'Cross-Origin-Resource-Policy': 'same-origin',
    });
    next();
  });
  addHealth(app, routes);
  addApi(app, routes);
  for (const [path, asset] of routes.assets) {
    app.get(path, (request, response) => sendAsset(request, response, asset));
  }
  addRefusals(app, routes.log);
  return app;
}
