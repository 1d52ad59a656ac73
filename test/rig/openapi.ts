/**
 * Reads an OpenAPI document as a client would: which operations there are, and whether an answer is what its schema says.
 * It knows nothing of the service's own schemas: what it judges by is the document alone.
 */
import { z } from 'zod';

interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, { readonly content: Content }>>;
  readonly security: readonly object[];
}
type Content = Readonly<
  Record<string, { readonly schema?: object; readonly 'x-events'?: Readonly<Record<string, object>> }>
>;

export interface OpenApi {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly webhooks: Readonly<
    Record<string, { readonly post: { readonly requestBody: { readonly content: Content } } }>
  >;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

/** `GET /path` of each. */
export function operationsOf({ paths }: OpenApi): [string, Operation][] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => [
      `${method.toUpperCase()} ${path}`,
      operation,
    ]),
  );
}

/** What is wrong with a value by a schema of the document; empty: nothing. */
export function schemaProblems({ components }: OpenApi, schema: object, value: unknown): string[] {
  const local = (part: object) =>
    JSON.parse(JSON.stringify(part).replaceAll('#/components/schemas/', '#/$defs/')) as object;
  const whole = { ...local(schema), $defs: local(components.schemas) };
  const { error } = z.fromJSONSchema(whole as never).safeParse(value);
  return error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];
}

/** What is wrong with an answer by its operation. */
export function answerProblems(
  document: OpenApi,
  name: string,
  answer: { readonly status: number; readonly type: string; readonly json: unknown },
): string[] {
  const operation = operationsOf(document).find(([one]) => one === name)?.[1];
  const content = operation?.responses[answer.status]?.content[answer.type];
  if (content === undefined) return [`${name}: ${answer.status} ${answer.type} is not in the document`];
  if (content.schema === undefined) return [];
  return schemaProblems(document, content.schema, answer.json).map((problem) => `${name} ${answer.status}: ${problem}`);
}

/** What is wrong with the data of an event of the stream. */
export function eventProblems(document: OpenApi, event: string, data: unknown): string[] {
  const events =
    document.paths['/api/v1/events']?.['get']?.responses['200']?.content['text/event-stream']?.['x-events'];
  const schema = events?.[event];
  return schema === undefined ? [`no event ${event}`] : schemaProblems(document, schema, data);
}
