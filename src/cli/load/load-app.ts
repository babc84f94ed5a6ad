/** Loads the application of `path[:export]`, whatever its file name, module system and shape. */

import { existsSync, realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';

import {
  adaptApplication,
  countServers,
  looksLikeApplication,
  ownServerMessage,
} from '../../apps/interface.ts';
import type { Interface } from '../../apps/interface.ts';
import { UsageError } from '../../errors.ts';
import type { Application } from '../../types.ts';
import { loadModule } from './load-module.ts';

/** Names of exports that are tried in this order when none is given. */
const EXPORT_NAMES = ['default', 'application', 'app'] as const;

/** A module and one of its exports. */
export interface ApplicationName {
  /** Absolute path. */
  path: string;
  /** The name that was given. Undefined: {@link EXPORT_NAMES} are tried. */
  exportName: string | undefined;
}

/** Errors of loading, with a stack whose first frame is the place in the application. */
const traces = new WeakMap<object, string>();

/** The stack of an error of loading. Its first frame is the place in the application. Undefined if that is not known. */
export function traceOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null ? traces.get(error) : undefined;
}

/** Paths whose content the kernel makes when they are read: it may be the input of a process. */
const KERNEL_FILES = /^\/(?:dev|proc|sys)\//;

/**
 * Parses `path[:export]`. The name of a file may have a colon: if the whole text is an existing path, there is no export.
 *
 * @throws {UsageError} when there is no such file, or it is not a regular one
 */
export function resolveApplication(spec: string, folder = process.cwd()): ApplicationName {
  const match = /^(.+):([\p{ID_Start}$_][\p{ID_Continue}$]*)$/u.exec(spec);
  for (const [path, exportName] of match ? [[spec], [match[1]!, match[2]!]] : [[spec]]) {
    const found = resolve(folder, path!);
    if (!existsSync(found)) continue;
    checkRegular(path!, found);
    return { path: found, exportName };
  }
  throw new UsageError(`no such application: ${match ? match[1] : spec}`);
}

/** @param found the absolute path. It may be a link to anywhere */
function checkRegular(path: string, found: string): void {
  const stats = statSync(found);
  if (stats.isDirectory()) throw new UsageError(`${path} is a folder, not a module`);
  if (!stats.isFile()) throw new UsageError(`${path} is not a regular file`);
  if (KERNEL_FILES.test(found) || KERNEL_FILES.test(realpathSync(found)))
    throw new UsageError(`${path} is below /dev, /proc or /sys: no module is loaded from there`);
}

/**
 * Loads an application.
 *
 * @param onFile called with each file that Node's hooks do not see, because Node does not load it itself
 * @throws {UsageError} in one line, for the author of the application. Its `cause` has the stack
 */
export async function loadApplication(
  { path, exportName }: ApplicationName,
  shape: Interface = 'auto',
  onFile?: (path: string) => void,
): Promise<Application> {
  const servers = countServers();
  let exports: unknown;
  try {
    exports = await loadModule(path, onFile);
    await setImmediate(); // listen() with a host name takes another turn: see countServers()
  } catch (error) {
    const { explainFailure } = await import('./explain.ts');
    const { text, stack } = await explainFailure(error, path);
    const failure = new UsageError(`cannot load ${path}: ${text}`, { cause: error });
    if (stack !== undefined) traces.set(failure, stack);
    throw failure;
  }
  const exported =
    exportName === undefined ? findExport(exports) : namedExport(exports, exportName);
  if (countServers() > servers) {
    if (exported === undefined) throw new UsageError(ownServerMessage(path));
    // A warning only: the server may be for metrics or a debugger.
    process.emitWarning(ownServerMessage(path));
  }
  if (exported === undefined) {
    const wanted =
      exportName ?? `${EXPORT_NAMES.slice(0, -1).join(', ')} or ${EXPORT_NAMES.at(-1)}`;
    throw new UsageError(`${path} has no export ${wanted}`);
  }
  return adaptApplication(exported, shape);
}

// ---- exports

type Exports = Readonly<Record<string, unknown>>;

function namedExport(exports: unknown, name: string): unknown {
  const direct = (exports as Exports)[name];
  // With import(), the exports of a CommonJS module may all be below `default`.
  return direct ?? (exports as { default?: Exports }).default?.[name];
}

function findExport(exports: unknown, depth = 0): unknown {
  if (looksLikeApplication(exports)) return exports;
  if (exports === null || typeof exports !== 'object') return undefined;
  let found: unknown;
  for (const name of EXPORT_NAMES) {
    const value = (exports as Exports)[name];
    if (value === undefined) continue;
    if (looksLikeApplication(value)) return value;
    // An object that has the application (CommonJS with import()), or a value for the error message.
    found ??= (depth === 0 ? findExport(value, 1) : undefined) ?? value;
  }
  return found;
}
