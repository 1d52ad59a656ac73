/**
 * What the page keeps in the browser. Where the browser refuses (cookies are blocked) it is kept until the page is left.
 * It never throws.
 */

/** @param {() => Storage} open `localStorage` or `sessionStorage`: already to name them may throw */
export function keeperOf(open) {
  /** @type {Map<string, string>} */
  const here = new Map();
  return {
    /** @param {string} key @returns {string | undefined} */
    get(key) {
      try {
        return open().getItem(key) ?? undefined;
      } catch {
        return here.get(key);
      }
    },
    /** @param {string} key @param {string | undefined} value undefined: kept no more */
    set(key, value) {
      if (value === undefined) here.delete(key);
      else here.set(key, value);
      try {
        if (value === undefined) open().removeItem(key);
        else open().setItem(key, value);
      } catch {
        // It is kept here.
      }
    },
  };
}

/** For all pages of this browser, for ever. */
export const browserKeeper = keeperOf(() => localStorage);
/** For this tab alone. */
export const tabKeeper = keeperOf(() => sessionStorage);
