/** The application of a folder: what its package.json names, or the usual file. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { isFile } from './similar-file.ts';

const USUAL = ['app.mjs', 'app.js', 'app.ts', 'app.cjs'] as const;

/** Where it is looked for, for messages. */
export const PLACES = `neither package.json names one ("main", "exports"), nor is there ${USUAL.slice(0, -1).join(', ')} or ${USUAL.at(-1)}`;

/**
 * Finds the application of a folder.
 *
 * @param folder absolute
 * @returns the absolute path of its module; undefined when there is none
 */
export function defaultApplication(folder: string): string | undefined {
  return (
    namedInPackage(folder) ?? USUAL.map((name) => join(folder, name)).find((path) => isFile(path))
  );
}

/** `npm init` writes a "main" that need not exist. Then it names nothing. */
function namedInPackage(folder: string): string | undefined {
  const file = join(folder, 'package.json');
  if (!isFile(file)) return undefined; // nor a pipe, for which reading would wait
  const { exports, main } = parse(file);
  const target = exports === undefined ? main : targetOf(rootOf(exports));
  if (typeof target !== 'string' || target === '') return undefined;
  const path = join(folder, target);
  if (exports !== undefined) return isFile(path) ? path : undefined;
  try {
    const { createRequire } = process.getBuiltinModule('node:module');
    // "main" may leave out its ending, or be a folder.
    return createRequire(file).resolve(path);
  } catch {
    return undefined;
  }
}

/** A package.json that cannot be read names nothing. Where it matters, who reads the configuration says so. */
function parse(file: string): { readonly exports?: unknown; readonly main?: unknown } {
  try {
    const content: unknown = JSON.parse(readFileSync(file, 'utf8').replace(/^\uFEFF/, ''));
    return content !== null && typeof content === 'object' ? content : {};
  } catch {
    return {};
  }
}

/** The part of "exports" for the package itself: `{ ".": … }`, or all of it. */
function rootOf(exports: unknown): unknown {
  const isObject = typeof exports === 'object' && exports !== null && !Array.isArray(exports);
  return isObject && Object.keys(exports).some((key) => key.startsWith('.'))
    ? (exports as Record<string, unknown>)['.']
    : exports;
}

const CONDITIONS: ReadonlySet<string> = new Set([
  'node',
  'import',
  'module-sync',
  'require',
  'default',
]);

/** Takes the first condition that holds, as Node does. */
function targetOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (value === null || typeof value !== 'object') return undefined;
  const choices = Array.isArray(value)
    ? value
    : Object.entries(value).flatMap(([name, each]) => (CONDITIONS.has(name) ? [each] : []));
  for (const choice of choices) {
    const target = targetOf(choice);
    if (target !== undefined) return target;
  }
  return undefined;
}
