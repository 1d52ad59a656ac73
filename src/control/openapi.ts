/**
 * The OpenAPI 3.1 document of the API, made of the table of routes and of the schemas that answers are typed by.
 * It never reads anything else. Invariant: the same table gives the same document.
 */
import { z } from 'zod';
import { components, errorSchema, eventSchemas, webhookSchemas } from './api-model.ts';
import { API_ROUTES, type ApiRoute } from './api-routes.ts';

type Json = Readonly<Record<string, unknown>>;

/** Of one version of the program. */
export function openApiDocument(version: string): Json {
  const routes = Object.entries<ApiRoute>(API_ROUTES);
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [operation, route] of routes) {
    const path = paths[route.path] ?? {};
    paths[route.path] = path;
    path[route.method] = operationOf(operation, route);
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Pitchside control API',
      version,
      description: 'No token is needed on the machine of the service itself; from elsewhere it is a bearer token.',
    },
    paths,
    webhooks: Object.fromEntries(Object.entries(webhookSchemas).map(([event, schema]) => [event, webhook(schema)])),
    components: { schemas: componentSchemas(), securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
  };
}

function componentSchemas(): Json {
  const { schemas } = z.toJSONSchema(components, {
    target: 'draft-2020-12',
    uri: (id) => `#/components/schemas/${id}`,
    // A list is read-only for who makes it here; in the document the word has another meaning.
    override: ({ jsonSchema }) => {
      delete jsonSchema.readOnly;
    },
  });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema: _dialect, $id: _own, ...schema }]) => [id, schema]),
  );
}

function reference(schema: z.ZodType): Json {
  const id = components.get(schema)?.id;
  if (id === undefined) throw new TypeError('a schema of the API has no name');
  return { $ref: `#/components/schemas/${id}` };
}

function operationOf(operation: string, route: ApiRoute): Json {
  const refusals = { ...accessRefusals(route), ...route.refusals };
  return {
    operationId: operation,
    summary: route.summary,
    ...(route.path.includes('{id}') && {
      parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
    }),
    ...(route.body && { requestBody: { required: true, content: json(route.body) } }),
    responses: {
      200: { description: 'Done or found.', content: contentOf(route.answer) },
      ...Object.fromEntries(
        Object.entries(refusals).map(([status, description]) => [status, { description, content: json(errorSchema) }]),
      ),
    },
    security: route.access === 'token' ? [{}, { token: [] }] : [],
  };
}

function accessRefusals({ access, method }: ApiRoute): Readonly<Record<number, string>> {
  return {
    ...(method === 'post' && {
      400: 'The body is not what is asked for.',
      413: 'The body is longer than 4096 bytes.',
      415: 'The body is not application/json.',
    }),
    ...(access === 'token' && {
      401: 'The token is missing or wrong.',
      403: 'No token is set, and you are not on this machine.',
    }),
    ...(access === 'machine' && { 403: 'You are not on this machine.' }),
  };
}

function contentOf(answer: ApiRoute['answer']): Json {
  if (answer === 'openapi') return { 'application/json': { schema: { type: 'object' } } };
  if (answer === 'image/jpeg') return { 'image/jpeg': {} };
  if (answer !== 'text/event-stream') return json(answer);
  return { [answer]: { schema: { type: 'string' }, 'x-events': mapped(eventSchemas, reference) } };
}

function json(schema: z.ZodType): Json {
  return { 'application/json': { schema: reference(schema) } };
}

function webhook(schema: z.ZodType): Json {
  return {
    post: {
      requestBody: { required: true, content: json(schema) },
      responses: { '2XX': { description: 'Taken. Anything else is tried again.' } },
    },
  };
}

function mapped<T>(values: Readonly<Record<string, T>>, by: (value: T) => Json): Json {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, by(value)]));
}
