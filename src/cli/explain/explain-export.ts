/** Explains that a module has no such export: which it has, and what may have been meant. */

import { readFileSync } from 'node:fs';
import { basename, extname } from 'node:path';

import { describe } from '../../response/chunk.ts';
import { didYouMean, similarTo } from '../../similar.ts';

/** More names are not listed. */
const MOST_NAMES = 10;

/**
 * @param wanted the name that was given
 * @param usual the names that are tried when none is given
 * @param names those that there are
 */
export function noExport(
  path: string,
  wanted: string | undefined,
  usual: readonly string[],
  names: readonly string[],
): string {
  if (extname(path) === '.json') return `${path} is no module: ${MODULES}`;
  const text = `${path} has no export ${wanted ?? `${usual.slice(0, -1).join(', ')} or ${usual.at(-1)}`}`;
  const others = names.filter((name) => !HIDDEN.has(name) && IS_NAME.test(name));
  if (others.length === 0) return `${text}; it exports nothing${remedyFor(path)}`;
  const more = others.length > MOST_NAMES ? ', …' : '';
  const list = others.slice(0, MOST_NAMES).join(', ') + more;
  const meant = wanted === undefined ? only(others) : similarTo(wanted, others);
  const spec = meant === 'default' ? basename(path) : meant && `${basename(path)}:${meant}`;
  return `${text}; it exports ${list}${didYouMean(spec)}`;
}

/** What a module is, for those who have named another file. */
export const MODULES = 'an application is a module of JavaScript or TypeScript, such as app.mjs';

/** Says what an export is that is no application, and what to export instead. */
export function notApplication(path: string, exported: unknown): string {
  return `${path}: the application is ${describe(exported)}, and ${remedyForValue(exported)}`;
}

function remedyForValue(exported: unknown): string {
  const isObject = typeof exported === 'object' && exported !== null;
  if (!isObject) return `not a function: ${EXAMPLE}`;
  const own = Object.keys(exported);
  if (own.length === 0 && Object.getPrototypeOf(exported) === Object.prototype)
    return `empty: ${EXAMPLE}`;
  const methods = methodsOf(exported);
  const meant = similarTo('fetch', methods) ?? similarTo('handle', methods) ?? methods[0];
  const bound =
    meant === undefined
      ? EXAMPLE
      : `if ${meant}() is to be called for each request, export default (...args) => object.${meant}(...args)`;
  return `has neither fetch() nor call(), nor is it the application of a framework: ${bound}`;
}

const EXAMPLE = 'export default function (environ, startResponse) { … }, or an object with fetch()';

function methodsOf(object: object): string[] {
  const names = new Set(Object.keys(object));
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype !== null && prototype !== Object.prototype && prototype !== Array.prototype)
    for (const name of Object.getOwnPropertyNames(prototype)) names.add(name);
  names.delete('constructor');
  return [...names].filter((name) => {
    const { value } =
      Object.getOwnPropertyDescriptor(object, name) ??
      Object.getOwnPropertyDescriptor(prototype, name) ??
      {};
    return typeof value === 'function';
  });
}

/** What Node and compilers add to the exports of CommonJS. */
const HIDDEN: ReadonlySet<string> = new Set(['module.exports', '__esModule']);

/** The names that `path:NAME` can have. */
const IS_NAME = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

function only(names: readonly string[]): string | undefined {
  return names.length === 1 ? names[0] : undefined;
}

function remedyFor(path: string): string {
  const text = readFileSync(path, 'utf8');
  if (text.trim() === '') return ': the file is empty';
  if (path.endsWith('.cjs')) return ': write module.exports = app';
  return /\bmodule\.exports\b/.test(text) ? '' : ': write export default app';
}
