/** Loads the application of `path[:export]`, whatever its file name, module system and shape. */

import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';

import { installLightRequest } from '../../apps/fetch/light-request.ts';
import {
  adaptApplication,
  countServers,
  looksLikeApplication,
  ownServerMessage,
} from '../../apps/interface.ts';
import type { Interface } from '../../apps/interface.ts';
import { UsageError } from '../../errors.ts';
import { isPromise } from '../../response/chunk.ts';
import type { Application } from '../../types.ts';
import { loadModule } from './load-module.ts';

/** Names of exports that are tried in this order when none is given. The last three are those of Astro and Nitro. */
const EXPORT_NAMES = [
  'default',
  'application',
  'app',
  'handler',
  'listener',
  'middleware',
] as const;

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
  if (shape === 'fetch' || (shape === 'auto' && namesFetch(path))) installLightRequest();
  let found: { exported: unknown } | undefined;
  try {
    found = await withUncaught(findApplication(path, exportName, onFile));
  } catch (error) {
    const { explainFailure } = await import('./explain.ts');
    const { text, stack } = await explainFailure(error, path);
    const failure = new UsageError(`cannot load ${path}: ${text}`, { cause: error });
    if (stack !== undefined) traces.set(failure, stack);
    throw failure;
  }
  if (found === undefined) {
    throw new UsageError(`${path} exports a promise that nothing is left to settle`);
  }
  const isListening = countServers() > servers;
  const { exported } = found;
  if (exported === undefined) {
    if (isListening || (exportName === undefined && callsListen(path)))
      throw new UsageError(ownServerMessage(path));
    const wanted =
      exportName ?? `${EXPORT_NAMES.slice(0, -1).join(', ')} or ${EXPORT_NAMES.at(-1)}`;
    throw new UsageError(`${path} has no export ${wanted}`);
  }
  // A warning only: the server may be for metrics or a debugger.
  if (isListening) process.emitWarning(ownServerMessage(path));
  return adaptApplication(exported, shape);
}

/**
 * Loads a module and finds what it exports as an application. A promise is waited for: CommonJS has no await outside of
 * functions.
 *
 * @returns in an object, because Fastify's application has a method then(); undefined for a promise that cannot be settled
 */
async function findApplication(
  path: string,
  exportName: string | undefined,
  onFile?: (path: string) => void,
): Promise<{ exported: unknown } | undefined> {
  const exports = await loadModule(path, onFile);
  let exported = exportName === undefined ? findExport(exports) : namedExport(exports, exportName);
  if (isPromise(exported) && !looksLikeApplication(exported)) {
    const settled = await settle(exported, path);
    if (settled === undefined) return undefined;
    exported = findExport(settled.value) ?? settled.value;
  }
  await setImmediate(); // listen() with a host name takes another turn: see countServers()
  return { exported };
}

/** Milliseconds until it is said that a promise is waited for. */
const PATIENCE = 10_000;

/** Waits for a promise. Undefined when nothing is left that could settle it: node would end without a word. */
async function settle(
  promise: PromiseLike<unknown>,
  path: string,
): Promise<{ value: unknown } | undefined> {
  const pending = `${path} exports a promise, which is not settled yet`;
  const timer = setTimeout(() => process.emitWarning(pending), PATIENCE).unref();
  let onEmpty!: () => void;
  const empty = new Promise<undefined>((resolve) => {
    onEmpty = () => resolve(undefined);
  });
  process.on('beforeExit', onEmpty);
  try {
    const settled = Promise.resolve(promise).then((value) => ({ value }));
    return await Promise.race([settled, empty]);
  } finally {
    process.off('beforeExit', onEmpty);
    clearTimeout(timer);
  }
}

/**
 * Waits for what is loaded. An error that nobody catches meanwhile, such as EADDRINUSE of a server that the module has
 * started, is an error of loading: otherwise it would end the process without an answer to the visitor.
 */
async function withUncaught<T>(loading: Promise<T>): Promise<T> {
  let onUncaught!: (error: unknown) => void;
  const uncaught = new Promise<never>((_, reject) => {
    // A listener of the application decides for itself.
    onUncaught = (error) => {
      if (process.listenerCount('uncaughtException') === 1) reject(error);
    };
  });
  process.on('uncaughtException', onUncaught);
  try {
    return await Promise.race([loading, uncaught]);
  } finally {
    process.off('uncaughtException', onUncaught);
  }
}

/**
 * Whether a module names what belongs to Fetch: then the global `Request` is replaced before it is loaded, because the
 * module or what it imports may extend or keep the class. For all others Node does not load Fetch, which takes 50 ms.
 */
function namesFetch(path: string): boolean {
  return /\b(?:fetch|Request|Response|Hono)\b/.test(readFileSync(path, 'utf8'));
}

/** Whether a module calls `listen`, perhaps later: NestJS's `main.ts` does, and exports nothing. */
function callsListen(path: string): boolean {
  return /\.listen\s*\(/.test(readFileSync(path, 'utf8'));
}

// ---- exports

type Exports = Readonly<Record<string, unknown>>;

function namedExport(exports: unknown, name: string): unknown {
  const direct = (exports as Exports)[name];
  // With import(), the exports of a CommonJS module may all be below `default`.
  return direct ?? (exports as { default?: Exports }).default?.[name];
}

/** Whether a value is an application, or a promise that may be fulfilled with one. */
function isCandidate(value: unknown): boolean {
  return looksLikeApplication(value) || isPromise(value);
}

function findExport(exports: unknown, depth = 0): unknown {
  if (isCandidate(exports)) return exports;
  if (exports === null || typeof exports !== 'object') return undefined;
  let found: unknown;
  for (const name of EXPORT_NAMES) {
    const value = (exports as Exports)[name];
    if (value === undefined) continue;
    if (isCandidate(value)) return value;
    // An object that has the application (CommonJS with import()), or a value for the error message.
    found ??= (depth === 0 ? findExport(value, 1) : undefined) ?? value;
  }
  return found;
}
