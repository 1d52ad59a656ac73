/**
 * The journal in memory: which numbers were begun in this life of the process. It never forgets a generation by itself,
 * for a generation that is returned to must not begin its numbers again; retire() says that it never will be.
 * Invariant: numbers of a generation are begun in rising order, so the last one stands for all: one at or below it was
 * begun, or was passed over and stays unmade. Held: one number per generation that is not retired.
 */
import type { Journal } from './model.ts';

/** incarnation: random per start, because nothing of an earlier life can be known (src/README.md: Generation). */
export function openMemoryJournal(incarnation: string): Journal {
  const last = new Map<string, number>();
  return {
    incarnation,
    begin(gen, number) {
      const before = last.get(gen);
      if (before !== undefined && number <= before) return false;
      last.set(gen, number);
      return true;
    },
    lastBegun: (gen) => last.get(gen),
    retire(gen) {
      last.delete(gen);
    },
    note: () => undefined,
  };
}
