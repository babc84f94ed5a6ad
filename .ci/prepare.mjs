/**
 * Makes `dist/`. npm runs this after it has installed the packages of a clone, before it packs one, and for
 * `npm install --global .`; it does not run it for the packed package, which has no sources.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'));

if (isInstalled('@typescript/native')) {
  const { status } = spawnSync('npm', ['run', 'build'], { stdio: 'inherit', shell: true });
  process.exitCode = status ?? 1;
} else if (existsSync('dist/src/cli/main.cjs') && Object.keys(dependencies).every(isInstalled)) {
  console.error('postern: no compiler is installed here, so dist/ stays as it is');
} else {
  console.error(
    'postern: this folder has not been built, and the packages for that are not installed.\n' +
      'postern: run "npm ci" in it (without --omit=dev), and then this command again',
  );
  process.exitCode = 1;
}

/** @param {string} name */
function isInstalled(name) {
  return existsSync(`node_modules/${name}/package.json`);
}
