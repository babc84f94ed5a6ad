/** The table of SECURITY.md names tests: each of them is there, under that name. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { ROOT, readPage } from './markdown.ts';

/** Cells of the table, row by row. */
const ROWS = readPage('SECURITY.md')
  .match(/^<!-- tests: .* -->\n([^]*)^<!-- \/tests -->$/m)![1]!
  .split('\n')
  .filter((line) => /^\| \d/.test(line))
  .map((line) => line.slice(2, -2).split(' | '));

/** Files and names of tests: `file` “name” “name”. */
function testsIn(cell: string): [file: string, name: string][] {
  return [...cell.matchAll(/`([^`]+)`((?: “[^”]+”)+)/g)].flatMap(([, file, names]) =>
    [...names!.matchAll(/“([^”]+)”/g)].map(([, name]): [string, string] => [file!, name!]),
  );
}

test('the rows are numbered from 1 on, and whole', () => {
  expect(ROWS.map(([number]) => Number(number))).toEqual(ROWS.map((_, i) => i + 1));
  for (const row of ROWS) expect(row).toHaveLength(5);
});

test.each(ROWS)('row %s', (...cells) => {
  const text = cells[4]!;
  const tests = testsIn(text);
  expect(tests).not.toEqual([]);
  // What is in quotes is the name of a test; nothing of it was misunderstood.
  expect(tests).toHaveLength(text.split('“').length - 1);
  for (const [file, name] of tests) {
    expect(existsSync(join(ROOT, file)), file).toBe(true);
    expect(readPage(file), file).toContain(name);
  }
});
