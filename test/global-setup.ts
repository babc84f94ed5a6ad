/** Tests of whole processes run what users run: dist/. It is built when a source is newer. */

import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

export default function setup(): void {
  const tsc = fileURLToPath(new URL('../node_modules/.bin/tsc', import.meta.url));
  if (!isStale()) return;
  try {
    execFileSync(tsc, ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
  } catch {
    // Type errors are for the type check; what was emitted all the same is what is tested here.
  }
}

function isStale(): boolean {
  const built = statSync(`${root}/dist/src/index.js`, { throwIfNoEntry: false });
  if (built === undefined) return true;
  return sources().some((file) => {
    const output = statSync(`${root}/dist/${file.replace(/ts$/, 'js')}`, { throwIfNoEntry: false });
    return output === undefined || output.mtimeMs < statSync(`${root}/${file}`).mtimeMs;
  });
}

function sources(): string[] {
  return ['src', 'adapters'].flatMap((folder) =>
    readdirSync(`${root}/${folder}`, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => `${folder}/${file}`),
  );
}
