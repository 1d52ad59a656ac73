/**
 * Who may see a stream key: only a person at this machine.
 * It never trusts one sign alone: a page elsewhere may make this machine's browser ask (DNS rebinding: the address is loopback,
 * the Host is not), and a proxy on this machine may ask for somebody else (the address is loopback, a forwarding header is there).
 */

export interface RequestOrigin {
  /** Address of the peer of the socket. */
  readonly remoteAddress: string | undefined;
  /** The Host header. */
  readonly host: string | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
}

const FORWARDING_HEADERS = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'];

function isLoopbackAddress(address: string): boolean {
  const plain = address.toLowerCase().replace(/^::ffff:/, '');
  return plain === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(plain);
}

/** `localhost`, `127.0.0.1:8081`, `[::1]:8081`: the name part of a Host header, lower case. */
function hostName(host: string): string {
  const name = host.startsWith('[') ? host.slice(1, host.indexOf(']')) : host.replace(/:\d*$/, '');
  return name.toLowerCase();
}

/** True when socket, Host and absence of forwarding headers all say that the request was made on this machine for itself. */
export function isLocalRequest(request: RequestOrigin): boolean {
  if (request.remoteAddress === undefined || !isLoopbackAddress(request.remoteAddress)) return false;
  if (FORWARDING_HEADERS.some((name) => request.headers[name] !== undefined)) return false;
  // Fetch Metadata: a script of another site cannot read the answer, and has no reason to get it.
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  const name = hostName(request.host ?? '');
  return name === 'localhost' || name.endsWith('.localhost') || isLoopbackAddress(name);
}
