/** From `path[:export]` to an application, whatever the file is called and however it is written. */

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

/** Names under which an application is looked for when none is given, in this order. */
const EXPORT_NAMES = ['default', 'application', 'app'] as const;

/** A module and an export of it. */
export interface ApplicationName {
  /** Absolute. */
  path: string;
  /** As given, or undefined: then {@link EXPORT_NAMES}. */
  exportName: string | undefined;
}

/** Of errors while loading, where that is known: a stack whose first frame is the place in the application. */
const traces = new WeakMap<object, string>();

/** A stack that leads to the place in the application at which loading it failed, where that is known. */
export function traceOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null ? traces.get(error) : undefined;
}

/** What the kernel makes up when it is read, by processes and their input: no file of a program's author. */
const NO_FILES = /^\/(?:dev|proc|sys)\//;

/**
 * Reads `path[:export]`. A file may have a colon in its name: what exists is a path.
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

/** @param found its absolute path: links may lead it anywhere */
function checkRegular(path: string, found: string): void {
  const stats = statSync(found);
  if (stats.isDirectory()) throw new UsageError(`${path} is a folder, not a module`);
  if (!stats.isFile()) throw new UsageError(`${path} is not a regular file`);
  if (NO_FILES.test(found) || NO_FILES.test(realpathSync(found)))
    throw new UsageError(`${path} is below /dev, /proc or /sys: no module is loaded from there`);
}

/**
 * Loads an application.
 *
 * @param onFile is told of files that Node's own hooks do not see, because Node does not load them itself
 * @throws {UsageError} in one line, for the one who wrote the application; its `cause` has the stack
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
    await setImmediate(); // a server that listens on a named address does so a little later
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
    // It may be a server for something else: metrics, a debugger.
    process.emitWarning(ownServerMessage(path));
  }
  if (exported === undefined) {
    const wanted =
      exportName ?? `${EXPORT_NAMES.slice(0, -1).join(', ')} or ${EXPORT_NAMES.at(-1)}`;
    throw new UsageError(`${path} has no export ${wanted}`);
  }
  return adaptApplication(exported, shape);
}

// ---- its export

type Exports = Readonly<Record<string, unknown>>;

function namedExport(exports: unknown, name: string): unknown {
  const direct = (exports as Exports)[name];
  // CommonJS seen through import(): all its exports may be found below `default` only.
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
    // An object that holds the application (CommonJS seen through import()), or something to complain of.
    found ??= (depth === 0 ? findExport(value, 1) : undefined) ?? value;
  }
  return found;
}
