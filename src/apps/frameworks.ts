/** The applications of frameworks for node:http: how each is recognised, and its listener. */

import type { RequestListener, Server } from 'node:http';

import { UsageError } from '../errors.ts';
import { isClass } from '../handler/application.ts';
import { describe } from '../response/chunk.ts';

/** Members by which frameworks are recognised. Each of them may be missing. */
interface Members {
  callback?: unknown;
  getHttpAdapter?: unknown;
  handle?: unknown;
  handler?: unknown;
  init?: unknown;
  initialize?: unknown;
  listen?: unknown;
  listener?: unknown;
  listening?: unknown;
  ready?: unknown;
  routing?: unknown;
  server?: unknown;
  use?: unknown;
}

interface Framework {
  /** Whether an object has the members that only this framework's applications have. */
  recognises(members: Members): boolean;
  /** The listener of such an object. What the framework has to do before its first request is done. */
  listenerOf(application: never): RequestListener | Promise<RequestListener>;
}

const FRAMEWORKS: readonly Framework[] = [
  {
    // NestJS, on Express or Fastify. First, because it passes on members of the other framework's application.
    recognises: ({ getHttpAdapter, init }) => isFunction(getHttpAdapter) && isFunction(init),
    async listenerOf(nest: { init(): unknown; getHttpAdapter(): { getInstance(): unknown } }) {
      await nest.init();
      return listenerOf(nest.getHttpAdapter().getInstance());
    },
  },
  {
    // Express and Connect. json-server and restana are such functions, too.
    recognises: (members) =>
      isFunction(members) && isFunction(members.handle) && isFunction(members.use),
    listenerOf: (express: RequestListener) => express,
  },
  {
    // Koa
    recognises: ({ callback, use }) => isFunction(callback) && isFunction(use),
    listenerOf: (koa: { callback(): RequestListener }) => koa.callback(),
  },
  {
    // Fastify
    recognises: ({ routing, ready }) => isFunction(routing) && isFunction(ready),
    async listenerOf(fastify: { routing: RequestListener; ready(): PromiseLike<unknown> }) {
      await fastify.ready();
      return fastify.routing;
    },
  },
  {
    // hapi. One that has been started may not be initialized again.
    recognises: ({ initialize, listener }) => isFunction(initialize) && isServer(listener),
    async listenerOf(hapi: { initialize(): PromiseLike<unknown>; listener: Server }) {
      if (!hapi.listener.listening) await hapi.initialize();
      return listenerOfServer(hapi.listener);
    },
  },
  {
    // polka. `handler` is bound to it.
    recognises: ({ handler, listen, use }) =>
      isFunction(handler) && isFunction(listen) && isFunction(use),
    listenerOf:
      ({ handler }: { handler: RequestListener }) =>
      (req, res) =>
        handler(req, res),
  },
  {
    // An http.Server
    recognises: isServer,
    listenerOf: listenerOfServer,
  },
  {
    // restify, and others that keep their http.Server there from the beginning
    recognises: ({ listen, server }) => isFunction(listen) && isServer(server),
    listenerOf: ({ server }: { server: Server }) => listenerOfServer(server),
  },
];

/** Whether a value is the application of a framework, or an `http.Server`. */
export function isNodeFramework(value: unknown): boolean {
  return frameworkOf(value) !== undefined;
}

/**
 * The listener of a framework's application or of an `http.Server`. A function is a listener already.
 *
 * @throws {UsageError} for anything else
 */
export async function listenerOf(exported: unknown): Promise<RequestListener> {
  const framework = frameworkOf(exported);
  if (framework !== undefined) return framework.listenerOf(exported as never);
  if (isFunction(exported) && !isClass(exported)) return exported as RequestListener;
  throw new UsageError(
    `the application is ${describe(exported)}: not a Node listener (req, res), nor the application ` +
      'of a framework that makes one',
  );
}

function frameworkOf(value: unknown): Framework | undefined {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function'))
    return undefined;
  return FRAMEWORKS.find(({ recognises }) => recognises(value));
}

function isFunction(value: unknown): value is (...args: never[]) => unknown {
  return typeof value === 'function';
}

/** Recognises an `http.Server` without loading node:http: a CGI process starts faster without it. */
function isServer(value: unknown): boolean {
  const { listen, listening } = (value ?? {}) as Members;
  return isFunction(listen) && typeof listening === 'boolean';
}

function listenerOfServer(server: Server): RequestListener {
  if (server.listenerCount('request') === 0) {
    throw new UsageError('the application is an http.Server without a request listener');
  }
  return (req, res) => void server.emit('request', req, res);
}
