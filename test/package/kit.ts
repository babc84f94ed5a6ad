/** The packed package, and projects into which it is installed. */

import { execFile, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { blocks, readPage, ROOT } from '../readme/markdown.ts';
import { temporaryFolder } from '../servers/launch.ts';
import type { Registry } from './registry.ts';

/** What became of a command. */
export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a clone does not have: what git ignores. */
const NOT_IN_A_CLONE = new Set(['.git', 'node_modules', 'dist', 'coverage']);

/** Copies what a clone of the project has. @returns its folder */
export function clone(): string {
  const folder = join(temporaryFolder('clone'), 'postern');
  mkdirSync(folder);
  for (const name of readdirSync(ROOT)) {
    if (NOT_IN_A_CLONE.has(name) || /\.(?:tgz|log)$/.test(name)) continue;
    cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  }
  return folder;
}

/** The name that `npm pack` gives to the file. */
export const TARBALL = `postern-${manifest().version}.tgz`;

/** package.json of the project. */
export function manifest(): { readonly version: string; readonly engines: { node: string } } {
  return JSON.parse(readPage('package.json')) as ReturnType<typeof manifest>;
}

/** Runs `npm pack` in a clone with its packages installed: it builds first. @returns the path of the file */
export async function pack(): Promise<string> {
  const folder = clone();
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  await npm(['pack'], folder);
  return join(folder, TARBALL);
}

/** Runs npm as on a machine of which only this registry is known. @throws {Error} when npm fails */
export async function npm(
  args: readonly string[],
  cwd: string,
  registry?: Registry,
): Promise<string> {
  const { stdout } = await promisify(execFile)('npm', args, { cwd, env: npmEnvironment(registry) });
  return stdout;
}

/** Where npm keeps what it has fetched, for all tests of a file. */
let home: string | undefined;

/** The environment for npm: nothing of the npm that may have started the tests. */
export function npmEnvironment(registry?: Registry): NodeJS.ProcessEnv {
  home ??= temporaryFolder('npm');
  return {
    // The node of this test, whichever is first in the path.
    PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
    HOME: home,
    npm_config_cache: join(home, 'cache'),
    npm_config_registry: registry?.url ?? 'http://127.0.0.1:9/', // nothing answers there
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_update_notifier: 'false',
  };
}

/** Makes an empty project. @param files by their names */
export function project(files: Readonly<Record<string, string>> = {}): string {
  const folder = temporaryFolder('project');
  const all = { 'package.json': '{ "name": "project", "version": "1.0.0" }', ...files };
  for (const [name, content] of Object.entries(all)) writeFileSync(join(folder, name), content);
  return folder;
}

/** Runs a program to its end, with the node of this test in its path. */
export function run(
  command: readonly [string, ...string[]],
  cwd: string,
  more: NodeJS.ProcessEnv = {},
): Outcome {
  const [file, ...args] = command;
  const env = { PATH: `${dirname(process.execPath)}:/usr/bin:/bin`, ...more };
  const { status, stdout, stderr, error } = spawnSync(file, args, { cwd, env, encoding: 'utf8' });
  if (error !== undefined) throw error;
  return { status, stdout, stderr };
}

/** The first block of code of the README that has these words in it. */
export function sample(words: string): string {
  const found = blocks(readPage('README.md'), 'js').find((block) => block.includes(words));
  if (found === undefined) throw new Error(`no sample of the README has ${words}`);
  return found;
}
