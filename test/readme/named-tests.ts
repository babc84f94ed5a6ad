/** Pages that name tests: `file` “name” “name”. Each of them is there, under that name. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';

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
  for (const [file, name] of tests) {
    expect(existsSync(join(ROOT, file)), `${file} is not there`).toBe(true);
    expect(readPage(file), file).toContain(name);
  }
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
