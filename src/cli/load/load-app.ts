/** Loads the application of `path[:export]`, whatever its file name, module system and shape. */

import { readFileSync } from 'node:fs';

import {
  adaptApplication,
  countServers,
  looksLikeApplication,
  ownServerMessage,
} from '../../apps/interface.ts';
import type { Interface } from '../../apps/shapes.ts';
import { UsageError, isInstance } from '../../errors.ts';
import { isPromise } from '../../response/chunk.ts';
import type { Application } from '../../types.ts';
import { NOTHING_LEFT, guardLoading } from './guard-loading.ts';
import { loadModule } from './load-module.ts';
import type { ApplicationName } from './resolve.ts';

/** Names of exports that are tried in this order when none is given. The last three are those of Astro and Nitro. */
const EXPORT_NAMES = [
  'default',
  'application',
  'app',
  'handler',
  'listener',
  'middleware',
] as const;

/** Errors of loading, with a stack whose first frame is the place in the application. */
const traces = new WeakMap<object, string>();

/** The stack of an error of loading. Its first frame is the place in the application. Undefined if that is not known. */
export function traceOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null ? traces.get(error) : undefined;
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
  if (shape === 'fetch' || (shape === 'auto' && namesFetch(path))) {
    const { installLightRequest } = await import('../../apps/fetch/light-request.ts');
    installLightRequest();
  }
  let found: Found | typeof NOTHING_LEFT;
  try {
    const onPatience = (): void => void tellWaiting(path);
    found = await guardLoading(() => findApplication(path, exportName, onFile), onPatience);
    if (found === NOTHING_LEFT) throw new UsageError(await nothingLeft(path));
  } catch (error) {
    if (isInstance(error, UsageError)) throw error;
    const { explainFailure } = await import('../explain/explain.ts');
    const { text, stack } = await explainFailure(error, path);
    const failure = new UsageError(`cannot load ${path}: ${text}`, { cause: error });
    if (stack !== undefined) traces.set(failure, stack);
    throw failure;
  }
  const isListening = countServers() > servers;
  const { exported } = found;
  if (exported === undefined) {
    if (isListening || (exportName === undefined && callsListen(path)))
      throw new UsageError(ownServerMessage(path));
    const { noExport } = await import('../explain/explain-export.ts');
    throw new UsageError(noExport(path, exportName, EXPORT_NAMES, found.names));
  }
  // A warning only: the server may be for metrics or a debugger.
  if (isListening) process.emitWarning(ownServerMessage(path));
  if (shape === 'auto' && !looksLikeApplication(exported)) {
    const { notApplication } = await import('../explain/explain-export.ts');
    throw new UsageError(notApplication(path, exported));
  }
  return adaptApplication(exported, shape);
}

/** In an object, because Fastify's application has a method then(). */
interface Found {
  readonly exported: unknown;
  /** The names of all exports. */
  readonly names: readonly string[];
}

/**
 * Loads a module and finds what it exports as an application. A promise is waited for: CommonJS has no await outside of
 * functions.
 */
async function findApplication(
  path: string,
  exportName: string | undefined,
  onFile?: (path: string) => void,
): Promise<Found> {
  const exports = await loadModule(path, onFile);
  let exported = exportName === undefined ? findExport(exports) : namedExport(exports, exportName);
  if (isPromise(exported) && !looksLikeApplication(exported)) {
    const settled: unknown = await exported;
    exported = findExport(settled) ?? settled;
  }
  await nextTurn(); // of listen() with a host name: see countServers()
  return { exported, names: namesIn(exports) };
}

/** Not of node:timers/promises, which a CGI process would pay for. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Why loading cannot go on. */
async function nothingLeft(path: string): Promise<string> {
  const { findStalled } = await import('../explain/stalled.ts');
  const stalled = await findStalled(path);
  return stalled === undefined
    ? `${path} exports a promise that nothing is left to settle`
    : `cannot load ${path}: nothing is left to settle the top-level await of ${stalled}`;
}

async function tellWaiting(path: string): Promise<void> {
  const { findStalled } = await import('../explain/stalled.ts');
  const stalled = await findStalled(path);
  process.emitWarning(
    stalled === undefined
      ? `${path} exports a promise, which is not settled yet`
      : `${path} is not loaded yet: it waits for the top-level await of ${stalled}`,
  );
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

/** The names of the exports; with import(), those of a CommonJS module may all be below `default`. */
function namesIn(exports: unknown): string[] {
  if (exports === null || typeof exports !== 'object') return [];
  const { default: inner } = exports as { default?: unknown };
  const below = inner !== null && typeof inner === 'object' ? Object.keys(inner) : [];
  return [...new Set([...Object.keys(exports), ...below])];
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
