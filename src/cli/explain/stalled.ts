/** Finds the module whose top-level `await` keeps an application from being loaded. Node tells it only of the entry point. */

import { setImmediate } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

import { importsOf } from './syntax-error.ts';

/**
 * Finds the module that waits, among a module and those that it imports by a path: of those that are not loaded yet the
 * one whose own imports all are. No module is run for that: to import one again is to wait for its first run.
 *
 * @param path of a module whose import is pending
 * @returns its place as `file:line`, or its path if the line is not found; undefined when none waits
 */
export async function findStalled(path: string): Promise<string | undefined> {
  const sources = importsOf(path, 'static');
  const pending = new Set(sources.keys());
  for (const file of sources.keys())
    void import(pathToFileURL(file).href).then(
      () => pending.delete(file),
      () => pending.delete(file),
    );
  // An import of what is loaded is settled after some turns.
  for (let turn = 0; turn < 5; turn++) await setImmediate();
  for (const file of pending) {
    const [, ...imported] = importsOf(file, 'static').keys();
    if (imported.some((other) => pending.has(other))) continue;
    const line = lineOfAwait(sources.get(file)!);
    return line === undefined ? file : `${file}:${line}`;
  }
  return undefined;
}

/** The first line with an `await` that is not indented, and so hardly in a function. */
function lineOfAwait(source: string): number | undefined {
  const lines = source.split('\n');
  const index = lines.findIndex((line) => /^[^\s/*].*\bawait\b|^await\b/.test(line));
  return index === -1 ? undefined : index + 1;
}
