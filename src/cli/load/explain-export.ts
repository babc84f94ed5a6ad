/** Explains that a module has no such export: which it has, and what may have been meant. */

import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

import { didYouMean, similarTo } from '../usage/similar.ts';

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
  const text = `${path} has no export ${wanted ?? `${usual.slice(0, -1).join(', ')} or ${usual.at(-1)}`}`;
  const others = names.filter((name) => !HIDDEN.has(name) && IS_NAME.test(name));
  if (others.length === 0) return `${text}; it exports nothing${remedyFor(path)}`;
  const more = others.length > MOST_NAMES ? ', …' : '';
  const list = others.slice(0, MOST_NAMES).join(', ') + more;
  const meant = wanted === undefined ? only(others) : similarTo(wanted, others);
  const spec = meant === 'default' ? basename(path) : meant && `${basename(path)}:${meant}`;
  return `${text}; it exports ${list}${didYouMean(spec)}`;
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
