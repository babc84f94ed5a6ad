/** Tests of whole processes run what users run: dist/. It is built when a source is newer. */

import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

export default function setup(): void {
  if (!isStale()) return;
  const tsc = fileURLToPath(new URL('../node_modules/.bin/tsc', import.meta.url));
  try {
    execFileSync(tsc, ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
  } catch {
    // Type errors are for the type check; what was emitted all the same is what is tested here.
  }
  execFileSync(process.execPath, ['.ci/bundle.mjs'], { cwd: root, stdio: 'inherit' });
}

/** Whether a source is newer than the last file that is made. */
function isStale(): boolean {
  const built = statSync(`${root}/dist/src/cli/cgi/cgi.cjs`, { throwIfNoEntry: false });
  if (built === undefined) return true;
  return sources().some((file) => built.mtimeMs < statSync(`${root}/${file}`).mtimeMs);
}

function sources(): string[] {
  const modules = ['src', 'adapters'].flatMap((folder) =>
    readdirSync(`${root}/${folder}`, { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.c?ts$/.test(file))
      .map((file) => `${folder}/${file}`),
  );
  return [...modules, '.ci/bundle.mjs'];
}
