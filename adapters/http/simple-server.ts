/** `makeServer`: the server of wsgiref.simple_server, for tests, examples and one-off tools. */

import type { AddressInfo } from 'node:net';

import { DEFAULT_HOST } from '../../src/sockets/address.ts';
import { toFunction } from '../../src/handler/application.ts';
import type { Server } from '../../src/listening/server.ts';
import type { Application } from '../../src/types.ts';
import { Gateway } from './gateway.ts';
import type { ConnectionQueue, QueuedConnection } from './gateway.ts';
import { checkHttpOptions } from './options.ts';
import type { HttpOptions } from './options.ts';
import { HttpServer } from './serve.ts';

/**
 * An HTTP server that listens from the beginning, but serves only while it is told to; until then clients wait.
 */
export interface SimpleServer extends Server {
  /**
   * Serves one request, the next that comes, and closes its connection.
   *
   * @returns a promise that is fulfilled when the response is over, or the server has been closed; it never rejects
   */
  handleRequest(): Promise<void>;
  /**
   * Serves all requests, those that wait first.
   *
   * @returns `closed`
   */
  serveForever(): Promise<void>;
  /** The application in use. */
  getApp(): Application;
  /**
   * Puts another application in its place, from the next request on.
   *
   * @throws {UsageError} when the application is none
   */
  setApp(application: Application): void;
}

/**
 * Binds an HTTP server (wsgiref.simple_server.make_server).
 *
 * @param host to listen on: `'127.0.0.1'`, `'::1'`; `''` for the default, 127.0.0.1
 * @param port 0 takes a free one; see `address()`
 * @param options as of `runWithHttp`
 * @throws {UsageError} when the application is none, or the address or another option cannot be used
 */
export async function makeServer(
  host: string,
  port: number,
  application: Application,
  options: Omit<HttpOptions, 'listen'> = {},
): Promise<SimpleServer> {
  const listen = { host: host === '' ? DEFAULT_HOST : host, port };
  const run = toFunction(application);
  checkHttpOptions('makeServer', { ...options, listen });
  const gateway = new Gateway(run, { ...options, listen });
  const queue = new Queue();
  gateway.queue = queue;
  const server = await HttpServer.start(gateway);
  return new QueueingServer(application, gateway, queue, server);
}

class QueueingServer implements SimpleServer {
  #application: Application;
  readonly #gateway: Gateway;
  readonly #queue: Queue;
  readonly #server: HttpServer;

  constructor(application: Application, gateway: Gateway, queue: Queue, server: HttpServer) {
    this.#application = application;
    this.#gateway = gateway;
    this.#queue = queue;
    this.#server = server;
  }

  handleRequest(): Promise<void> {
    return this.#queue.serveOne();
  }

  serveForever(): Promise<void> {
    this.#queue.serveAll();
    return this.closed;
  }

  getApp(): Application {
    return this.#application;
  }

  setApp(application: Application): void {
    this.#gateway.application = toFunction(application);
    this.#application = application;
  }

  get closed(): Promise<void> {
    return this.#server.closed;
  }

  address(): AddressInfo | string | null {
    return this.#server.address();
  }

  close(options?: { timeout?: number }): Promise<void> {
    this.#queue.clear();
    return this.#server.close(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Connections whose requests wait for a call of handleRequest, and calls that wait for a request. */
class Queue implements ConnectionQueue {
  servesAll = false;
  readonly #connections = new Set<QueuedConnection>(); // in the order of their first requests
  #calls: (() => void)[] = []; // of handleRequest: each function resolves its promise
  #closed = false;

  add(connection: QueuedConnection): void {
    this.#connections.add(connection);
    this.#serveNext();
  }

  /** The client has left before its turn. */
  delete(connection: QueuedConnection): void {
    this.#connections.delete(connection);
  }

  serveOne(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#calls.push(resolve);
      this.#serveNext();
    });
  }

  serveAll(): void {
    this.servesAll = true;
    for (const connection of this.#connections) connection.serveWaiting();
    this.#connections.clear();
  }

  /** The server stops. */
  clear(): void {
    this.#closed = true;
    for (const connection of this.#connections) connection.destroy();
    for (const resolve of this.#calls.splice(0)) resolve();
  }

  #serveNext(): void {
    for (const connection of this.#connections) {
      const resolve = this.#calls.shift();
      if (resolve === undefined) return;
      this.#connections.delete(connection);
      connection.serveLast()!.once('close', resolve);
    }
  }
}
