/** Finds the place of a syntax error in an ES module. Node prints it only when the error ends the process. */

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** Most modules of an application that are searched. */
const MAX_FILES = 500;

/**
 * Runs in another process: only with a flag Node can parse a module without running it, and only for an uncaught error it
 * prints the place.
 */
const CHECK = `
  const { message, files } = JSON.parse(require('fs').readFileSync(0, 'utf8'));
  for (const { path, source } of files) {
    try { new (require('vm').SourceTextModule)(source, { identifier: path }); }
    catch (error) { if (error.message === message) throw error; }
  }
`;

/**
 * Looks for a syntax error in a module and in the modules that it imports by a path.
 *
 * @returns its place as `file:line`; undefined when it was not found
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

/** The paths of imports, with or without those in calls of `import()`. */
const IMPORTS = {
  all: /\b(?:from|import)\s*(?:\(\s*)?["'](\.[^"']+)["']/g,
  static: /\b(?:from|import)\s*["'](\.[^"']+)["']/g,
};

/** A module and all modules that it imports by a path, with their source. */
export function importsOf(
  path: string,
  kind: keyof typeof IMPORTS = 'all',
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const waiting = [path];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (found.has(next) || found.size >= MAX_FILES || !existsSync(next)) continue;
    const source = readFileSync(next, 'utf8');
    found.set(next, source);
    for (const [, name] of source.matchAll(IMPORTS[kind]))
      waiting.push(resolve(dirname(next), name!));
  }
  return found;
}
