// What every Journal must do, in memory or on a disk.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Journal } from '../../src/window/model.ts';

export function journalContract(name: string, open: () => Journal | Promise<Journal>): void {
  describe(`journal: ${name}`, () => {
    it('has an incarnation', async () => {
      expect((await open()).incarnation).not.toBe('');
    });

    it('begins a number once', async () => {
      const journal = await open();
      expect(journal.begin('g1', 900_000_000)).toBe(true);
      expect(journal.begin('g1', 900_000_000)).toBe(false);
    });

    it('never begins a number at or below the last one, also one that was passed over', async () => {
      const journal = await open();
      journal.begin('g1', 10);
      expect(journal.begin('g1', 13)).toBe(true);
      expect(journal.begin('g1', 12)).toBe(false);
      expect(journal.begin('g1', 10)).toBe(false);
      expect(journal.begin('g1', 14)).toBe(true);
    });

    it('tells the last number begun, by generation, and undefined when there is none', async () => {
      const journal = await open();
      expect(journal.lastBegun('g1')).toBeUndefined();
      journal.begin('g1', 10);
      journal.begin('g2', 3);
      journal.begin('g1', 4);
      expect(journal.lastBegun('g1')).toBe(10);
      expect(journal.lastBegun('g2')).toBe(3);
    });

    it('forgets a generation that is retired, and no other', async () => {
      const journal = await open();
      journal.begin('g1', 10);
      journal.begin('g2', 3);
      journal.retire('g1');
      expect(journal.lastBegun('g1')).toBeUndefined();
      expect(journal.lastBegun('g2')).toBe(3);
    });

    it('remembers a generation that is returned to', async () => {
      const journal = await open();
      journal.begin('g1', 10);
      for (let other = 0; other < 50; other += 1) journal.begin(`g-other-${other}`, other);
      expect(journal.begin('g1', 10)).toBe(false);
    });

    it('begins no (generation, number) twice under any sequence of calls', async () => {
      const call = fc.tuple(fc.constantFrom('g1', 'g2'), fc.integer({ min: 0, max: 30 }));
      await fc.assert(
        fc.asyncProperty(fc.array(call, { maxLength: 100 }), async (calls) => {
          const journal = await open();
          const begun = calls.filter(([gen, number]) => journal.begin(gen, number)).map((pair) => pair.join('/'));
          expect(new Set(begun).size).toBe(begun.length);
        }),
      );
    });
  });
}
