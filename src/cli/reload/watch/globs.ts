/** Globs of `--reload-include` and `--reload-exclude`. */

import { statSync } from 'node:fs';
import { relative, resolve } from 'node:path';

import picomatch from 'picomatch';

/** Some globs, and the folder to which they are relative. */
export class Globs {
  /** Folders in which there may be files that match. */
  readonly bases: readonly string[];
  readonly #matchers: readonly ((path: string) => boolean)[];
  readonly #folder: string;

  /**
   * @param globs `*.html` is a file of this name in any folder, `views/*.html` one in that folder, `views` all that is in it
   */
  constructor(globs: readonly string[], folder = process.cwd()) {
    this.#folder = folder;
    const all = globs.map((glob) => {
      const plain = glob.replace(/^\.\//, '').replace(/\/$/, '');
      const isFolder = statSync(resolve(folder, plain), { throwIfNoEntry: false })?.isDirectory();
      return isFolder === true ? `${plain === '.' ? '' : `${plain}/`}**` : plain;
    });
    this.bases = [...new Set(all.map((glob) => resolve(folder, picomatch.scan(glob).base)))];
    this.#matchers = all.map((glob) => {
      const isAbsolute = glob.startsWith('/');
      const matches = picomatch(glob, { dot: true, basename: !glob.includes('/') });
      return (path) => matches(isAbsolute ? path : relative(folder, path));
    });
  }

  /** @param path absolute */
  matches(path: string): boolean {
    return this.#matchers.some((matches) => matches(path));
  }

  /** Whether everything in a folder matches. */
  matchesAllIn(folder: string): boolean {
    return folder !== this.#folder && (this.matches(folder) || this.matches(`${folder}/\0`));
  }
}
