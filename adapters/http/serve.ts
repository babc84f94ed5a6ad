/** The HTTP server: `runWithHttp`. */

import type { AddressInfo, Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';

import { Admission } from '../../src/listening/admission.ts';
import { toFunction } from '../../src/handler/application.ts';
import { SocketServer } from '../../src/listening/server.ts';
import type { Connection, Server } from '../../src/listening/server.ts';
import type { Application } from '../../src/types.ts';
import { Gateway } from './gateway.ts';
import { connectionOf, createNodeServer } from './node-server.ts';
import { checkHttpOptions } from './options.ts';
import type { HttpOptions } from './options.ts';

/**
 * Serves an application over HTTP/1.1, or HTTPS with `tls`.
 *
 * @param options `listen` is where: `'127.0.0.1:8000'`, `'[::1]:8000'`, `'unix:/run/app.sock'`, `'fd:3'`
 * @returns the running server
 * @throws {UsageError} when the application is none, or the address or another option cannot be used
 */
export async function runWithHttp(application: Application, options: HttpOptions): Promise<Server> {
  const run = toFunction(application);
  checkHttpOptions('runWithHttp', options);
  return HttpServer.start(new Gateway(run, options));
}

/** A running HTTP server. */
export class HttpServer implements Server {
  readonly #gateway: Gateway;
  readonly #sockets: SocketServer;

  private constructor(gateway: Gateway, sockets: SocketServer) {
    this.#gateway = gateway;
    this.#sockets = sockets;
  }

  static async start(gateway: Gateway): Promise<HttpServer> {
    const { log, limits, options } = gateway;
    const admission = new Admission('http', limits.maxConnections, options.allow, log);
    const node = await createNodeServer(gateway);
    const sockets: SocketServer = await SocketServer.start(
      options,
      (socket) =>
        admission.admits(socket, sockets.connections.size, gateway.resources.shortage)
          ? track(socket)
          : undefined,
      node,
    );
    node.on('error', (error) => log.error(`http: ${error.message}`));
    gateway.track = (run, onEnd) => sockets.track(run, onEnd);
    return new HttpServer(gateway, sockets);
  }

  /** Open connections. */
  get connections(): ReadonlySet<Connection> {
    return this.#sockets.connections;
  }

  /** Requests that still run. */
  get running(): number {
    return this.#sockets.running;
  }

  get closed(): Promise<void> {
    return this.#sockets.closed;
  }

  address(): AddressInfo | string | null {
    return this.#sockets.address();
  }

  async close(options?: { timeout?: number }): Promise<void> {
    this.#gateway.closesConnections = true;
    // Requests that have arrived are still served. One turn ends the current one, one accepts, one reads.
    for (let turn = 0; turn < 3; turn++) await setImmediate();
    await this.#sockets.close(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A socket as the server's close() sees it. With TLS it has no HttpConnection before the end of the handshake. */
function track(socket: Socket): Connection {
  return connectionOf(socket) ?? { shutdown() {}, destroy: () => void socket.destroy() };
}
