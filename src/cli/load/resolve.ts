/** Finds the module of `path[:export]`. */

import { existsSync, lstatSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';

import { UsageError } from '../../errors.ts';
import { didYouMean } from '../../similar.ts';
import { PLACES, defaultApplication } from './default-application.ts';
import { similarFile } from './similar-file.ts';

/** A module and one of its exports. */
export interface ApplicationName {
  /** Absolute path. */
  path: string;
  /** The name that was given. Undefined: the usual ones are tried. */
  exportName: string | undefined;
}

/** Paths whose content the kernel makes when they are read: it may be the input of a process. */
const KERNEL_FILES = /^\/(?:dev|proc|sys)\//;

/**
 * Parses `path[:export]`. The name of a file may have a colon: if the whole text is an existing path, there is no export.
 *
 * @throws {UsageError} when there is no such file, or it is not a regular one
 */
export function resolveApplication(spec: string, folder = process.cwd()): ApplicationName {
  return find(spec, folder, (path) => {
    throw new UsageError(`${path} is a folder, not a module`);
  });
}

/** The same, where the path may be a folder: then its application is meant. */
export function resolveModuleOrFolder(spec: string, folder = process.cwd()): ApplicationName {
  return find(spec, folder, (path, found) => {
    const application = defaultApplication(found);
    if (application !== undefined) return application;
    throw new UsageError(`there is no application in ${path}: ${PLACES}`);
  });
}

function find(
  spec: string,
  folder: string,
  findIn: (path: string, found: string) => string,
): ApplicationName {
  const match = /^(.+):([\p{ID_Start}$_][\p{ID_Continue}$]*)$/u.exec(spec);
  for (const [path, exportName] of match ? [[spec], [match[1]!, match[2]!]] : [[spec]]) {
    let found = resolve(folder, path!);
    if (!existsSync(found)) continue;
    if (statSync(found).isDirectory()) found = findIn(path!, found);
    checkRegular(path!, found);
    return { path: found, exportName };
  }
  const [path, suffix] = match ? [match[1]!, `:${match[2]!}`] : [spec, ''];
  if (isDanglingLink(resolve(folder, path)))
    throw new UsageError(`no such application: ${path} is a link to a file that does not exist`);
  const meant = meantBy(path, folder);
  throw new UsageError(`no such application: ${path}${didYouMean(meant && meant + suffix)}`);
}

/** @param path of something that does not exist, where links lead */
function isDanglingLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    return false;
  }
}

/** `ok` as `ok.mjs`, and Python's `package.module` as `package/module.mjs`; as it would be typed. */
function meantBy(path: string, folder: string): string | undefined {
  const names = [path, ...(/^[\w.]+$/.test(path) ? [path.replaceAll('.', '/')] : [])];
  for (const name of names) {
    const found = similarFile(resolve(folder, name));
    if (found === undefined || !MODULE.test(extname(found))) continue;
    // The index.js of a folder with this name is below it.
    const isBelow = dirname(found) === resolve(folder, name);
    return join(isBelow ? name : dirname(name), basename(found));
  }
  return undefined;
}

const MODULE = /^(?:|\.[cm]?[jt]sx?|\.f?cgi)$/;

/** @param found the absolute path. It may be a link to anywhere */
function checkRegular(path: string, found: string): void {
  if (!statSync(found).isFile()) throw new UsageError(`${path} is not a regular file`);
  if (KERNEL_FILES.test(found) || KERNEL_FILES.test(realpathSync(found)))
    throw new UsageError(`${path} is below /dev, /proc or /sys: no module is loaded from there`);
}
