/**
 * The answers that are not an object: one JSON body `{"code","message"}` for each outcome, made once.
 * It never repeats anything the client sent and never shows a stack. Invariant: every refusal has a body, a policy and
 * the cross-origin fields, also when it is written to a socket that never sent a readable request.
 */
import { STATUS_CODES } from 'node:http';
import type { ErrorCode } from '../system/errors.ts';
import { cachePolicy, type ObjectKind, type Outcome } from './cache-policy.ts';
import { CROSS_ORIGIN, cacheFields, type HeaderList, surrogateKey } from './representation.ts';

export type Refusal = Exclude<Outcome, 'ok' | 'preflight' | 'partial' | 'not-modified'>;

export const ALLOWED_METHODS = 'GET, HEAD, OPTIONS';

const WORDS: Readonly<Record<Refusal, readonly [ErrorCode, string]>> = {
  'bad-request': ['HTTP_BAD_REQUEST', 'The request is not well-formed HTTP.'],
  'bad-directive': ['HTTP_BAD_REQUEST', 'The delivery directives of this playlist request are not valid.'],
  unauthorized: ['HTTP_FORBIDDEN', 'This needs a token.'],
  forbidden: ['HTTP_FORBIDDEN', 'The token does not allow this.'],
  locked: ['HTTP_FORBIDDEN', 'Only the CDN of this origin may ask here.'],
  'not-yet': ['HTTP_NOT_YET', 'This does not exist yet. Ask again in a second.'],
  unknown: ['HTTP_NOT_FOUND', 'There is no such object.'],
  'unknown-channel': ['HTTP_NOT_FOUND', 'There is no such channel.'],
  method: ['HTTP_METHOD', `Only ${ALLOWED_METHODS} are answered here.`],
  timeout: ['HTTP_BAD_REQUEST', 'The request did not arrive in time.'],
  gone: ['HTTP_GONE', 'This has left the window.'],
  withdrawn: ['HTTP_GONE', 'This rendition is withdrawn for now.'],
  precondition: ['HTTP_BAD_REQUEST', 'The precondition of the request does not hold.'],
  'too-long': ['HTTP_URI_TOO_LONG', 'The URL is too long.'],
  range: ['HTTP_RANGE', 'The range lies beyond the object.'],
  'headers-too-large': ['HTTP_BAD_REQUEST', 'The header fields are too large.'],
  'not-implemented': ['HTTP_METHOD', `There is no such method. Only ${ALLOWED_METHODS} are answered here.`],
  internal: ['HTTP_INTERNAL', 'The origin failed. Its log says why.'],
  overloaded: ['HTTP_OVERLOADED', 'Too much is waiting. Ask again in a second.'],
  expired: ['HTTP_NOT_YET', 'What this request waited for is late. Ask again in a second.'],
};

export interface Problem {
  readonly status: number;
  readonly fields: HeaderList;
  readonly body: Buffer;
}

const made = new Map<string, Problem>();

/**
 * The same answer for the same kind and outcome each time; their number is that of the table, once for each Channel.
 * @param channel one that there is, never a name that a client made up: it becomes the Surrogate-Key.
 */
export function problemOf(kind: ObjectKind, outcome: Refusal, channel?: string): Problem {
  const name = `${kind} ${outcome} ${channel ?? ''}`;
  const known = made.get(name);
  if (known !== undefined) return known;
  const plain = makeProblem(kind, outcome, WORDS[outcome][1]);
  const tags = channel === undefined ? [] : surrogateKey({ channel, track: undefined });
  const problem = { ...plain, fields: [...plain.fields, ...tags] };
  made.set(name, problem);
  return problem;
}

/** `why` names the rule in our own words, never the client's; such answers are not kept. */
export function explainedProblem(kind: ObjectKind, outcome: Refusal, why: string): Problem {
  return makeProblem(kind, outcome, `${WORDS[outcome][1].slice(0, -1)}: ${why}.`);
}

function makeProblem(kind: ObjectKind, outcome: Refusal, message: string): Problem {
  const policy = cachePolicy(kind, outcome);
  const [code] = WORDS[outcome];
  const body = Buffer.from(`${JSON.stringify({ code, message })}\n`);
  const fields = [
    ...cacheFields(policy),
    ...CROSS_ORIGIN,
    'Content-Type',
    'application/json; charset=utf-8',
    'Content-Length',
    String(body.length),
  ];
  if (policy.retryAfterSeconds !== undefined) fields.push('Retry-After', String(policy.retryAfterSeconds));
  // RFC 9110 15.5.6: "The origin server MUST generate an Allow header field in a 405 response".
  if (outcome === 'method' || outcome === 'not-implemented') fields.push('Allow', ALLOWED_METHODS);
  return { status: policy.status, fields, body };
}

/** The same as bytes, for a socket whose request could not be read. */
export function rawProblem(outcome: Refusal, date: Date): Buffer {
  const { status, fields, body } = problemOf('other', outcome);
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nDate: ${date.toUTCString()}\r\nConnection: close\r\n`;
  fields.forEach((field, index) => {
    head += index % 2 === 0 ? `${field}: ` : `${field}\r\n`;
  });
  return Buffer.concat([Buffer.from(`${head}\r\n`, 'latin1'), body]);
}
