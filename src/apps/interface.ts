/** Recognises what a module exports, and makes an application of it. */

import { isClass } from '../handler/application.ts';
import { describe } from '../response/chunk.ts';
import { UsageError } from '../errors.ts';
import type { Application, ApplicationFunction } from '../types.ts';
import type { FetchFunction, FetchObject } from './fetch/fetch.ts';
import { isNodeFramework, listenerOf } from './frameworks.ts';
import { guessInterface, watchFirstCalls } from './guess.ts';
import type { Interface } from './shapes.ts';

/**
 * Makes an application of what a module exports.
 *
 * With `auto`, members decide if they are certain: those of a class, of the application of a framework, of an
 * `http.Server`, of an object with `fetch` or `call`. For a plain function its parameters decide. Where they do not tell,
 * it is called as an application, and what it does shows whether it is one.
 *
 * @param shape what the user says it is
 * @throws {UsageError} in one line, when it is not an application of that shape
 */
export async function adaptApplication(
  exported: unknown,
  shape: Interface = 'auto',
): Promise<Application> {
  switch (shape) {
    case 'wsgi':
      return asApplication(exported);
    case 'fetch':
      return asFetch(exported);
    case 'node':
      return asNode(exported);
    case 'auto':
      return recognise(exported);
  }
}

/** Whether {@link adaptApplication} may take a value: to choose among exports. */
export function looksLikeApplication(value: unknown): boolean {
  return (
    typeof value === 'function' ||
    hasMethod(value, 'call') ||
    hasMethod(value, 'fetch') ||
    isNodeFramework(value)
  );
}

function recognise(exported: unknown): Application | Promise<Application> {
  if (isNodeFramework(exported)) return asNode(exported);
  if (hasMethod(exported, 'fetch')) return asFetch(exported);
  if (typeof exported !== 'function' || isClass(exported)) return asApplication(exported);
  const guess = guessInterface(exported);
  if (guess !== 'unknown') return adaptApplication(exported, guess);
  // At the terminal, too: over FastCGI wsgi.errors is the log of the web server.
  return watchFirstCalls(exported as ApplicationFunction, (message) => {
    process.emitWarning(message);
  });
}

function asApplication(exported: unknown): Application {
  if (typeof exported === 'function' || hasMethod(exported, 'call')) {
    return exported as Application;
  }
  throw new UsageError(
    `the application is ${describe(exported)}: not a function, a class, an object with call() or ` +
      'fetch(), nor the application of a framework',
  );
}

async function asFetch(exported: unknown): Promise<Application> {
  const isFunction = typeof exported === 'function' && !isClass(exported);
  if (!isFunction && !hasMethod(exported, 'fetch')) {
    throw new UsageError(
      `the application is ${describe(exported)}: not a fetch handler, which is a function or an ` +
        'object with fetch()',
    );
  }
  const { fromFetchForCommand } = await import('./fetch/fetch.ts');
  return fromFetchForCommand(exported as FetchFunction | FetchObject);
}

async function asNode(exported: unknown): Promise<Application> {
  // Loaded only when it is needed, as fetch.ts is, and node:http with it. Without them a CGI process starts faster.
  const { fromNodeForCommand } = await import('./node/node.ts');
  return fromNodeForCommand(await listenerOf(exported));
}

function hasMethod(value: unknown, name: 'call' | 'fetch'): boolean {
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
  return isObject && typeof (value as Record<string, unknown>)[name] === 'function';
}

// ---- modules that listen themselves

/** Number of TCP servers that listen in this process. If loading a module adds one, the module has called `listen`. */
export function countServers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length;
}

/** What to do about a module that calls `listen`. */
export const OWN_SERVER_REMEDY =
  'export the application, and call listen() only where node runs the file itself: ' +
  'if (require.main === module), in an ES module if (process.argv[1] === import.meta.filename)';

/** The message for such a module. */
export function ownServerMessage(path: string): string {
  return `${path} starts its own server: ${OWN_SERVER_REMEDY}`;
}
