/** Pages that name tests: `file` “name” “name”. Each of them is there, under that name. */

import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';

import { expect } from 'vitest';

import { ROOT, readPage } from './markdown.ts';

/** A page's lines between `<!-- name: … -->` and `<!-- /name -->`. */
export function marked(page: string, name: string): string[] {
  const pattern = new RegExp(`^<!-- ${name}: .* -->\\n([^]*)^<!-- /${name} -->$`, 'm');
  const found = pattern.exec(readPage(page));
  if (found === null) throw new Error(`${page} has no part that is marked ${name}`);
  return found[1]!.split('\n');
}

/** Fails unless a text names tests, at least one, and each of them is there. */
export function expectTests(text: string): void {
  const tests = testsIn(text);
  expect(tests).not.toEqual([]);
  // What is in quotes is the name of a test; nothing of it was misunderstood.
  expect(tests).toHaveLength(text.split('“').length - 1);
  for (const [file, name] of tests) expect(readTest(file), file).toContain(name);
}

/** Files and names of tests. */
export function testsIn(text: string): [file: string, name: string][] {
  return [...text.matchAll(/`([^`]+)`((?:\s+“[^”]+”)+)/g)].flatMap(([, file, names]) =>
    [...names!.matchAll(/“([^”]+)”/g)].map(([, name]): [string, string] => [
      file!,
      name!.replaceAll(/\s+/g, ' '),
    ]),
  );
}

const TESTS = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' });

/** The text of a test file, found by its base name: pages may be ahead of a move between folders. */
function readTest(file: string): string {
  const sameName = TESTS.filter((each) => basename(each) === basename(file));
  const path = sameName.find((each) => `test/${each}` === file) ?? sameName[0];
  expect(path, `${file} is not there`).toBeDefined();
  return readPage(`test/${path}`);
}
