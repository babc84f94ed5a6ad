/** Finds the file that may be meant by the path of one that does not exist. */

import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';

import { typingErrors } from '../../similar.ts';

/** Endings of modules, in the order in which they are tried. */
const ENDINGS = ['.mjs', '.js', '.cjs', '.ts', '.mts', '.cts', '.tsx', '.jsx', '.json'];

/**
 * A file in the same folder whose name differs from the missing one only in its ending, in case, or in a letter or two; or
 * the `index.js` of a folder with that name.
 *
 * @param except a file that is not meant
 */
export function similarFile(missing: string, except?: string): string | undefined {
  const index = ENDINGS.map((ending) => join(missing, `index${ending}`)).find(isFile);
  if (index !== undefined) return index;
  const folder = dirname(missing);
  const wanted = basename(missing).toLowerCase();
  const stem = stemOf(wanted);
  const found = filesIn(folder)
    .map((name) => ({ name, lower: name.toLowerCase() }))
    .filter(({ name }) => join(folder, name) !== except)
    .map(({ name, lower }) => ({
      name,
      // The same name with another ending, or without one, comes before a typing error.
      errors: lower === wanted ? 0 : stemOf(lower) === stem ? 0.5 : typingErrors(lower, wanted),
    }))
    .filter(({ errors }) => errors < 1 || errors <= Math.min(2, wanted.length / 4))
    .toSorted((a, b) => a.errors - b.errors || endingOf(a.name) - endingOf(b.name))[0];
  return found && join(folder, found.name);
}

function stemOf(name: string): string {
  const extension = extname(name);
  return ENDINGS.includes(extension) ? basename(name, extension) : name;
}

function endingOf(name: string): number {
  const place = ENDINGS.indexOf(extname(name));
  return place === -1 ? ENDINGS.length : place;
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => isFile(join(folder, name)));
  } catch {
    return []; // the folder does not exist
  }
}

/** Whether there is such a file. */
export function isFile(path: string): boolean {
  return existsSync(path) && statSync(path).isFile();
}
