/** The place of a syntax error in an ES module. Node tells it only when the error ends the process. */

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** More modules of one application are not looked at. */
const MAX_FILES = 500;

/**
 * Run by a process of its own: what can parse a module without running it needs a flag, and the place is told
 * of an error that nobody catches.
 */
const CHECK = `
  const { message, files } = JSON.parse(require('fs').readFileSync(0, 'utf8'));
  for (const { path, source } of files) {
    try { new (require('vm').SourceTextModule)(source, { identifier: path }); }
    catch (error) { if (error.message === message) throw error; }
  }
`;

/**
 * Looks for a syntax error in a module and those that it imports, as far as they belong to the application.
 *
 * @returns its place as `file:line`, if there is such an error
 */
export function findSyntaxError(path: string, { message }: SyntaxError): string | undefined {
  const files = [...importsOf(path)].map(([path, source]) => ({ path, source }));
  const { stderr } = spawnSync(
    process.execPath,
    ['--experimental-vm-modules', '--no-warnings', '--eval', CHECK],
    { input: JSON.stringify({ message, files }), encoding: 'utf8' },
  );
  const place = /^(.+:\d+)$/m.exec(stderr)?.[1];
  return files.some(({ path }) => place?.startsWith(`${path}:`)) ? place : undefined;
}

/** A module and all that it imports by a path, with their source. */
function importsOf(path: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const waiting = [path];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (found.has(next) || found.size >= MAX_FILES || !existsSync(next)) continue;
    const source = readFileSync(next, 'utf8');
    found.set(next, source);
    for (const [, name] of source.matchAll(/\b(?:from|import)\s*(?:\(\s*)?["'](\.[^"']+)["']/g))
      waiting.push(resolve(dirname(next), name!));
  }
  return found;
}
