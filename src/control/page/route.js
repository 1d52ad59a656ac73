/**
 * Which view an address means. Pure. Links of before, `#CHANNEL`, mean what they always meant.
 */

/** @typedef {{ view: 'overview' } | { view: 'channel', id: string }} Route */

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @param {string} hash as in `location.hash` @returns {Route} */
export function routeOf(hash) {
  const id = decoded(hash.replace(/^#?\/?/, '').replace(/\/$/, ''));
  return id === '' ? { view: 'overview' } : { view: 'channel', id };
}

/** @param {Route} route */
export function hashOf(route) {
  return route.view === 'overview' ? '#/' : `#/${encodeURIComponent(route.id)}`;
}
