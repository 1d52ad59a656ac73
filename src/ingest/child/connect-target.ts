/**
 * Which application a `connect` names, and the query of its URL (RTMP 7.2.1.1: app, tcUrl).
 * Pure; a peer may send anything. Invariant: an answer has a string for both, whatever was said.
 */

export interface ConnectTarget {
  readonly application: string;
  /** With its question mark, or empty. */
  readonly query: string;
}

/** undefined where the command object has no tcUrl, or no app and a tcUrl that is no URL. */
export function readConnectTarget(command: object): ConnectTarget | undefined {
  const { app, tcUrl } = command as { app?: unknown; tcUrl?: unknown };
  if (typeof tcUrl !== 'string') return undefined;
  const named = typeof app === 'string' ? app : pathOf(tcUrl);
  if (named === undefined) return undefined;
  const [path = '', query] = splitOnce(named, '?');
  const inUrl = query ?? splitOnce(tcUrl, '?')[1];
  // librtmp sends `live/` when the server field ends with a slash.
  return { application: path.replace(/^\/+|\/+$/g, ''), query: inUrl === undefined ? '' : `?${inUrl}` };
}

/** Hardware encoders send tcUrl alone; its path is the application. */
function pathOf(tcUrl: string): string | undefined {
  return URL.canParse(tcUrl) ? `${new URL(tcUrl).pathname}${new URL(tcUrl).search}` : undefined;
}

function splitOnce(text: string, at: string): [string, string | undefined] {
  const index = text.indexOf(at);
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)];
}
