/**
 * A copy of the package that other accounts can run. Web servers start CGI programs as www-data,
 * and a checkout is often in a home folder that www-data may not enter.
 */
import {
  chmodSync,
  constants,
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

import { temporaryFolder } from './launch.ts';

/** Where the copy is. */
export interface StagedPackage {
  /** The package: `dist`, `conf`, `package.json` and the dependencies it runs with. */
  readonly root: string;
  /** `conf/apps` of the copy: the sample applications, executable. */
  readonly apps: string;
  /** The `postern` command. */
  readonly postern: string;
  /** The node it runs on. */
  readonly node: string;
  /** A PATH in which `#!/usr/bin/env postern` finds both, and the system's programs. */
  readonly path: string;
}

const PACKAGE_ROOT = resolve(import.meta.dirname, '../..');

/** Applications tell visitors when a file was changed. */
const AS_THEY_ARE = { recursive: true, preserveTimestamps: true } as const;

let staged: StagedPackage | undefined;

/** Makes the copy, once in each test process; it disappears with the process. */
export function stagePackage(): StagedPackage {
  return (staged ??= stage());
}

/** Adds packages to the copy, with all that they need: what a sample application imports. */
export function stageModules(names: readonly string[]): void {
  const { root } = stagePackage();
  for (const path of closureOf(names)) {
    if (!existsSync(join(root, path))) {
      cpSync(join(PACKAGE_ROOT, path), join(root, path), AS_THEY_ARE);
    }
  }
}

/** A program of its own that other accounts can run. @param command of the shell @returns its path */
export function stageProgram(command: string): string {
  const program = join(temporaryFolder('program'), 'program');
  writeFileSync(program, `#!/bin/sh\n${command}\n`);
  chmodSync(program, 0o755);
  return program;
}

function stage(): StagedPackage {
  if (!existsSync(join(PACKAGE_ROOT, 'dist'))) throw new Error('no dist/: run `npm run build`');
  const folder = temporaryFolder('package');
  const root = join(folder, 'postern');
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  for (const path of ['package.json', 'dist', 'conf', ...closureOf(dependenciesOf(PACKAGE_ROOT))]) {
    cpSync(join(PACKAGE_ROOT, path), join(root, path), AS_THEY_ARE);
  }
  const node = join(bin, 'node');
  provideNode(node);
  const postern = join(bin, 'postern');
  const main = join(root, packageJson(PACKAGE_ROOT).bin.postern);
  chmodSync(main, 0o755); // as npm does
  // Absolute paths, because servers start programs without a PATH.
  writeFileSync(postern, `#!/bin/sh\nexec '${node}' '${main}' "$@"\n`);
  chmodSync(postern, 0o755);
  return { root, apps: join(root, 'conf/apps'), postern, node, path: `${bin}:/usr/bin:/bin` };
}

interface PackageJson {
  readonly bin: { readonly postern: string };
  readonly dependencies?: Readonly<Record<string, string>>;
}

function packageJson(folder: string): PackageJson {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as PackageJson;
}

function dependenciesOf(folder: string): string[] {
  return Object.keys(packageJson(folder).dependencies ?? {});
}

/** The folders under `node_modules` that packages need to run, and their own, found as Node would find them. */
function closureOf(names: readonly string[]): Iterable<string> {
  const found = new Set<string>();
  const visit = (wanted: readonly string[], folder: string): void => {
    for (const name of wanted) {
      const dependency = findModule(name, folder);
      if (found.has(dependency)) continue;
      found.add(dependency);
      visit(dependenciesOf(join(PACKAGE_ROOT, dependency)), join(PACKAGE_ROOT, dependency));
    }
  };
  visit(names, PACKAGE_ROOT);
  return found;
}

function findModule(name: string, from: string): string {
  for (let folder = from; folder.startsWith(PACKAGE_ROOT); folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(candidate)) return relative(PACKAGE_ROOT, candidate);
  }
  throw new Error(`${name} is not installed: run \`npm ci\``);
}

/** This node under a path that every account can reach: by a link where possible, else a copy. */
function provideNode(target: string): void {
  if (reachableByOthers(process.execPath)) {
    symlinkSync(process.execPath, target);
    return;
  }
  try {
    linkSync(process.execPath, target);
  } catch {
    copyFileSync(process.execPath, target, constants.COPYFILE_FICLONE);
  }
}

function reachableByOthers(path: string): boolean {
  for (let part = path; ; part = dirname(part)) {
    if ((statSync(part).mode & constants.S_IXOTH) === 0) return false;
    if (part === dirname(part)) return true;
  }
}
