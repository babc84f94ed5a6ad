/** What the tsconfig.json of an application says to its compiler. */

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import type { JSXOptions } from 'jiti';

/** What matters of a tsconfig.json. */
export interface Tsconfig {
  /** Its path; undefined where there is none. */
  readonly file: string | undefined;
  /** Whether it gives names to paths. */
  readonly hasPaths: boolean;
  readonly jsx: JSXOptions;
}

/**
 * Reads the nearest tsconfig.json above a file. It may have comments and commas that JSON has not, so only a few of its
 * lines are looked for. Its names for paths are the compiler's business.
 */
export function readTsconfig(path: string): Tsconfig {
  const file = findAbove(path);
  const text =
    file === undefined ? '' : readFileSync(file, 'utf8').replaceAll(/^[\t ]*\/\/.*$/gm, '');
  const values = new Map(
    [...text.matchAll(/"(jsx\w*)"\s*:\s*"([^"]+)"/g)].map(([, key, value]) => [key, value]),
  );
  // With "jsx": "react" there is a function instead of a module.
  const isClassic = values.get('jsx') === 'react';
  const pragma = values.get('jsxFactory');
  const importSource = values.get('jsxImportSource');
  return {
    file,
    hasPaths: /"(?:paths|baseUrl|extends)"/.test(text),
    jsx: isClassic
      ? { runtime: 'classic', ...(pragma && { pragma }) }
      : { runtime: 'automatic', ...(importSource && { importSource }) },
  };
}

function findAbove(path: string): string | undefined {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const file = join(folder, 'tsconfig.json');
    if (existsSync(file)) return file;
    if (folder === dirname(folder)) return undefined;
  }
}
