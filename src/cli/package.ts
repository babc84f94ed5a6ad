/** Where the package itself is. */

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The nearest package.json above this file: it is not at the same height for `src` and `dist`. */
export function packageFile(): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (existsSync(file)) return file;
  }
}
