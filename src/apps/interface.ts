/** Recognises what a module exports, and makes an application of it. */

import { isClass } from '../handler/application.ts';
import { describe, isPromise } from '../response/chunk.ts';
import { ApplicationError, UsageError, isInstance } from '../errors.ts';
import type { Application, ApplicationFunction, StartResponse } from '../types.ts';
import { fromFetchForCommand, isResponse } from './fetch/fetch.ts';
import type { FetchFunction, FetchObject } from './fetch/fetch.ts';

/**
 * Shapes of an application, as in `--interface`: `wsgi` is the contract of this package, `fetch` a fetch handler, `node` a
 * listener `(req, res)` or the application of a framework for node:http.
 */
export const INTERFACES = ['auto', 'wsgi', 'fetch', 'node'] as const;
export type Interface = (typeof INTERFACES)[number];

type AnyFunction = (...args: never[]) => unknown;

/** Members by which frameworks are recognised. Each of them may be missing. */
interface Members {
  call?: unknown;
  callback?: unknown;
  fetch?: unknown;
  handle?: unknown;
  listen?: unknown;
  listeners?: unknown;
  listening?: unknown;
  ready?: unknown;
  routing?: unknown;
  use?: unknown;
}

/**
 * Makes an application of what a module exports.
 *
 * With `auto`, members decide if they are certain: those of a class, of an Express, Connect, Koa, Fastify or Hono
 * application, of an `http.Server`, of an object with `fetch` or `call`. A plain function with one argument is a fetch
 * handler. Any other is an application: `(req, res)` and `(environ, startResponse)` look the same, so the user has to say
 * that a plain Node listener is one.
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
  const members = membersOf(value);
  return (
    typeof value === 'function' ||
    isFunction(members.call) ||
    isFunction(members.fetch) ||
    isNodeFramework(members)
  );
}

function recognise(exported: unknown): Application | Promise<Application> {
  const members = membersOf(exported);
  if (isNodeFramework(members)) return asNode(exported);
  if (isFunction(members.fetch)) return asFetch(exported);
  if (typeof exported !== 'function' || isClass(exported)) return asApplication(exported);
  if (exported.length === 1) return asFetch(exported);
  return guessed(exported as ApplicationFunction);
}

function asApplication(exported: unknown): Application {
  if (typeof exported === 'function' || isFunction(membersOf(exported).call)) {
    return exported as Application;
  }
  throw new UsageError(
    `the application is ${describe(exported)}: not a function, a class, an object with call() or ` +
      'fetch(), nor the application of a framework',
  );
}

function asFetch(exported: unknown): Application {
  if (isFunction(membersOf(exported).fetch)) return fromFetchForCommand(exported as FetchObject);
  if (typeof exported === 'function' && !isClass(exported)) {
    return fromFetchForCommand(exported as FetchFunction);
  }
  throw new UsageError(
    `the application is ${describe(exported)}: not a fetch handler, which is a function or an ` +
      'object with fetch()',
  );
}

async function asNode(exported: unknown): Promise<Application> {
  // Loaded only when it is needed, because it loads node:http. Without it a CGI process starts faster.
  const { fromNodeForCommand, listenerOf } = await import('./node/node.ts');
  return fromNodeForCommand(await listenerOf(exported));
}

// ---- recognising

function membersOf(value: unknown): Members {
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
  return isObject ? (value as Members) : {};
}

function isFunction(value: unknown): value is AnyFunction {
  return typeof value === 'function';
}

/** Recognises Express and Connect, Koa, Fastify, and an `http.Server` by members that only they have. */
function isNodeFramework(members: Members): boolean {
  return (
    (isFunction(members) && isFunction(members.handle) && isFunction(members.use)) ||
    (isFunction(members.callback) && isFunction(members.use)) ||
    (isFunction(members.routing) && isFunction(members.ready)) ||
    (isFunction(members.listen) && typeof members.listening === 'boolean')
  );
}

// ---- wrong guesses

/** A function whose first argument is named as in a Node listener, and never in an application. */
const LISTENER_SOURCE = /^(?:async\s+)?(?:function\s*(?:[\w$]+\s*)?)?\(\s*(?:_*req|request)\s*,/;

/** Wraps a function that may not be an application: if it does not behave like one, the error names `--interface`. */
function guessed(application: ApplicationFunction): ApplicationFunction {
  const isLikelyListener = LISTENER_SOURCE.test(Function.prototype.toString.call(application));
  const fail = (error: unknown): never => {
    if (!isLikelyListener || !isInstance(error, TypeError)) throw error;
    throw new ApplicationError(`${error.message}: ${HINT}node`, { cause: error });
  };
  return (environ, startResponse: StartResponse) => {
    try {
      const body: unknown = application(environ, startResponse);
      return isPromise(body) ? body.then(checkBody, fail) : checkBody(body);
    } catch (error) {
      return fail(error);
    }
  };
}

const HINT =
  'the function was taken for an application (environ, startResponse); if it is something else, ' +
  'say so with --interface ';

function checkBody(body: unknown): never {
  if (body === undefined) {
    throw new ApplicationError(`the application returned nothing: ${HINT}node`);
  }
  if (isResponse(body)) {
    throw new ApplicationError(`the application returned a Response: ${HINT}fetch`);
  }
  return body as never;
}

// ---- modules that listen themselves

/** Number of TCP servers that listen in this process. If loading a module adds one, the module has called `listen`. */
export function countServers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length;
}

/** The message for such a module. */
export function ownServerMessage(path: string): string {
  return (
    `${path} starts its own server: remove the call of listen() and export the ` +
    'application instead (export default app), so that postern can serve it'
  );
}
