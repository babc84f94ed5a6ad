/** The table of SECURITY.md names tests: each of them is there, under that name. */
import { expect, test } from 'vitest';

import { expectTests, marked } from './named-tests.ts';

/** Cells of the table, row by row. */
const ROWS = marked('SECURITY.md', 'tests')
  .filter((line) => /^\| \d/.test(line))
  .map((line) => line.slice(2, -2).split(' | '));

test('the rows are numbered from 1 on, and whole', () => {
  expect(ROWS.map(([number]) => Number(number))).toEqual(ROWS.map((_, i) => i + 1));
  for (const row of ROWS) expect(row).toHaveLength(5);
});

test.each(ROWS)('row %s', (...cells) => expectTests(cells[4]!));
