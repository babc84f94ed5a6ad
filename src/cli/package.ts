/** Finds the package itself. */

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The nearest package.json above this file: `src` and `dist` are not equally deep. */
export function packageFile(): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (existsSync(file)) return file;
  }
}
