/**
 * Whom a swarm may load: this machine, and a host that its user has named as his own to load. Pure.
 * It never trusts a link: what a playlist names on another host is not asked for.
 */

/** True for loopback addresses and `localhost`; a name that merely resolves to loopback is not. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  return bare === 'localhost' || bare === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(bare);
}

/** `consented`: the host that was named, as it stands in its URL. */
export function mayLoad(host: string, consented: string | undefined): boolean {
  return isLoopback(host) || (consented !== undefined && host.toLowerCase() === consented.toLowerCase());
}
