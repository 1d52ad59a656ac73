/**
 * Where to connect to on this machine for what listens on a host of the settings.
 * It never looks a name up. Invariant: what it answers can stand in a URL.
 */

/** Wildcard addresses are for listening; whoever connects needs one that can be connected to. */
export function reachableHost(host: string): string {
  if (host === '0.0.0.0' || host === '') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
