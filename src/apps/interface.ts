/** What a module exports, recognised and made an application. */

import { isClass } from '../handler/application.ts';
import { describe, isPromise } from '../response/chunk.ts';
import { ApplicationError, UsageError } from '../errors.ts';
import type { Application, ApplicationFunction, StartResponse } from '../types.ts';
import { fromFetchForCommand, isResponse } from './fetch/fetch.ts';
import type { FetchFunction, FetchObject } from './fetch/fetch.ts';

/**
 * Shapes of an application, as `--interface` names them: `wsgi` is the contract of this package,
 * `fetch` a fetch handler, `node` a listener `(req, res)` or what frameworks for node:http make.
 */
export const INTERFACES = ['auto', 'wsgi', 'fetch', 'node'] as const;
export type Interface = (typeof INTERFACES)[number];

type AnyFunction = (...args: never[]) => unknown;

/** Members by which frameworks are told apart; each of them may be missing. */
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
 * With `auto`, what is certain by its members is taken for what it is (a class, an Express, Connect,
 * Koa, Fastify or Hono application, an `http.Server`, an object with `fetch` or `call`). A plain
 * function is an application, unless it takes one argument: then it is a fetch handler. Nothing tells
 * `(req, res)` from `(environ, startResponse)`, so a plain Node listener has to be named as such.
 *
 * @param shape what the user says that it is
 * @throws {UsageError} in one line, when it is no application of that shape
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

/** Whether {@link adaptApplication} can make something of a value: for choosing among exports. */
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
  // Loaded when it is needed: it takes node:http with it, which a CGI process otherwise does without.
  const { fromNodeForCommand, listenerOf } = await import('./node/node.ts');
  return fromNodeForCommand(await listenerOf(exported));
}

// ---- what things are

function membersOf(value: unknown): Members {
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
  return isObject ? (value as Members) : {};
}

function isFunction(value: unknown): value is AnyFunction {
  return typeof value === 'function';
}

/** Express and Connect, Koa, Fastify, and an `http.Server`, by what only they have. */
function isNodeFramework(members: Members): boolean {
  return (
    (isFunction(members) && isFunction(members.handle) && isFunction(members.use)) ||
    (isFunction(members.callback) && isFunction(members.use)) ||
    (isFunction(members.routing) && isFunction(members.ready)) ||
    (isFunction(members.listen) && typeof members.listening === 'boolean')
  );
}

// ---- wrong guesses

/** Names that are given to the arguments of a Node listener and to no application's. */
const LISTENER_SOURCE = /^(?:async\s+)?(?:function\s*(?:[\w$]+\s*)?)?\(\s*(?:_*req|request)\s*,/;

/**
 * An application that was taken for one only because it is a function: when it does not behave like
 * one, the error tells how to say what it is.
 */
function guessed(application: ApplicationFunction): ApplicationFunction {
  const isLikelyListener = LISTENER_SOURCE.test(Function.prototype.toString.call(application));
  const failed = (error: unknown): never => {
    if (!isLikelyListener || !(error instanceof TypeError)) throw error;
    throw new ApplicationError(`${error.message}: ${HINT}node`, { cause: error });
  };
  return (environ, startResponse: StartResponse) => {
    try {
      const body: unknown = application(environ, startResponse);
      return isPromise(body) ? body.then(checkBody, failed) : checkBody(body);
    } catch (error) {
      return failed(error);
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

// ---- servers of its own

/**
 * How many TCP servers this process listens on. One more after a module was loaded means that the
 * module called `listen` itself.
 */
export function countServers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length;
}

/** What to tell the one who wrote such a module. */
export function ownServerMessage(path: string): string {
  return (
    `${path} starts a server of its own: leave out the call of listen() and export the ` +
    'application instead (export default app), so that postern can serve it'
  );
}
