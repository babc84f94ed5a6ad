import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { RequestMap } from '../../adapters/fastcgi/request-map.ts';

test('does what a map does', () => {
  const step = fc.tuple(fc.constantFrom('add', 'delete', 'delete another'), fc.nat(4));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const model = new Map<number, { id: number }>();
      const table = new RequestMap<{ id: number }>();
      for (const [call, id] of steps) {
        const known = model.get(id);
        if (call === 'add' && known === undefined) {
          const item = { id };
          model.set(id, item);
          table.add(item);
        } else if (call === 'delete' && known !== undefined) {
          expect(table.delete(known)).toBe(model.delete(id));
          expect(table.delete(known)).toBe(false);
        } else {
          // One that had this id before is not the one that has it now.
          expect(table.delete({ id })).toBe(false);
        }
        expect(table.size).toBe(model.size);
        expect(new Set(table)).toEqual(new Set(model.values()));
        for (let i = 0; i <= 4; i++) expect(table.get(i)).toBe(model.get(i));
      }
    }),
    { seed: 5, numRuns: 500 },
  );
});

test('may be emptied while it is gone through', () => {
  const table = new RequestMap<{ id: number }>();
  for (const id of [1, 2, 3]) table.add({ id });
  for (const item of table) table.delete(item);
  expect(table.size).toBe(0);
});
