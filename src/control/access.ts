/**
 * Who may use the API: this machine, or who has the token. Pure.
 * It never says how near a guess was: tokens are compared by their hashes, in constant time.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { ErrorCode } from '../system/errors.ts';
import { isLocalRequest, type RequestOrigin } from './trust.ts';

export interface AccessRequest extends RequestOrigin {
  /** The Authorization header. */
  readonly authorization: string | undefined;
}

export type AccessVerdict =
  | { readonly kind: 'granted'; readonly by: 'machine' | 'token' }
  | {
      readonly kind: 'refused';
      readonly status: 401 | 403;
      readonly code: ErrorCode;
      readonly message: string;
      /** WWW-Authenticate (RFC 9110 15.5.2: a 401 has one). */
      readonly challenge?: string;
    };

const CHALLENGE = 'Bearer realm="pitchside"';

/** token: the one of the settings; undefined: none is set. */
export function judgeAccess(request: AccessRequest, token: string | undefined): AccessVerdict {
  if (isLocalRequest(request)) return { kind: 'granted', by: 'machine' };
  if (token === undefined) {
    const message =
      'Only the machine of the service may do this while no token is set: set control.token or PITCHSIDE_CONTROL_TOKEN (16 characters or more), or ask on the machine itself.';
    return { kind: 'refused', status: 403, code: 'HTTP_FORBIDDEN', message };
  }
  const given = bearerOf(request.authorization);
  if (given === undefined) {
    const message = 'A token is needed: Authorization: Bearer TOKEN.';
    return { kind: 'refused', status: 401, code: 'HTTP_UNAUTHORIZED', message, challenge: CHALLENGE };
  }
  if (timingSafeEqual(digest(given), digest(token))) return { kind: 'granted', by: 'token' };
  // RFC 6750 3.1: a token was given and is not the right one.
  const challenge = `${CHALLENGE}, error="invalid_token"`;
  return { kind: 'refused', status: 401, code: 'HTTP_UNAUTHORIZED', message: 'The token is wrong.', challenge };
}

/** RFC 6750 2.1; the scheme is case-insensitive (RFC 9110 11.1). */
function bearerOf(authorization: string | undefined): string | undefined {
  return /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
