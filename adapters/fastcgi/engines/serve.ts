/** The server of the second engine. */

import type { Socket } from 'node:net';

import { RequestContexts } from '../../../src/handler/request-contexts.ts';
import type { Admission } from '../../../src/listening/admission.ts';
import { DEFAULT_LOG } from '../../../src/logging/log.ts';
import { SocketServer } from '../../../src/listening/server.ts';
import type { Connection, Server } from '../../../src/listening/server.ts';
import { peerOf, resetSocket } from '../../../src/sockets/peer.ts';
import type { ApplicationFunction, Log, Role } from '../../../src/types.ts';
import { limitNames, resolveLimits } from '../options.ts';
import type { FastCgiOptions } from '../options.ts';
import { EngineHandler } from './handler.ts';
import type { HandlerConnection } from './handler.ts';
import { guardSocket, loadPackage } from './node-fastcgi.ts';
import type { Listener, PackageRequest, PackageResponse } from './node-fastcgi.ts';

/** What all connections of a server share. */
interface Gateway {
  readonly application: ApplicationFunction;
  readonly options: FastCgiOptions;
  readonly log: Log;
  readonly contexts: RequestContexts;
  /** The connection whose input the package is working on. */
  active: EngineConnection | undefined;
  track(run: PromiseLike<void>): void;
}

/**
 * Serves an application over the package node-fastcgi.
 *
 * @throws {UsageError} when the package is not installed, or the address cannot be used
 */
export async function serveWithNodeFastCgi(
  application: ApplicationFunction,
  options: FastCgiOptions,
  admission: Admission,
): Promise<Server> {
  const { createServer } = loadPackage();
  const log = options.log ?? DEFAULT_LOG;
  warnOfIgnored(options, log);
  const gateway: Gateway = {
    application,
    options,
    log,
    contexts: new RequestContexts(),
    active: undefined,
    track: (run) => server.track(run),
  };
  const listener =
    (role: Role): Listener =>
    (request, response) =>
      gateway.active!.serve(request, response, role);
  const { maxConnections } = resolveLimits(options);
  const packageServer = createServer(
    listener('responder'),
    listener('authorizer'),
    listener('filter'),
    // The package closes a connection when one of its requests ends, also if others are running.
    { maxConns: maxConnections, maxReqs: maxConnections, multiplex: false },
  );
  const server: SocketServer = await SocketServer.start(
    options,
    (socket) =>
      admission.admits(socket, server.connections.size)
        ? new EngineConnection(socket, gateway)
        : undefined,
    packageServer,
  );
  return server;
}

/** Warns of options that this engine does not have. They are not refused: one flag of the command is for many gateways. */
function warnOfIgnored(options: FastCgiOptions, log: Log): void {
  const ignored = [...limitNames, 'multiplex' as const].filter(
    (name) => name !== 'maxConnections' && options[name] !== undefined,
  );
  if (ignored.length === 0) return;
  log.warn(`fastcgi: the engine node-fastcgi ignores ${ignored.join(', ')}`);
}

/** A connection, beside what the package does with it. */
class EngineConnection implements Connection, HandlerConnection {
  readonly #socket: Socket;
  readonly #gateway: Gateway;
  /** Handlers whose END_REQUEST has not been sent. */
  readonly #handlers = new Set<EngineHandler>();

  constructor(socket: Socket, gateway: Gateway) {
    this.#socket = socket;
    this.#gateway = gateway;
    guardSocket(socket, (work) => this.#receive(work));
    socket.on('close', () => {
      for (const handler of this.#handlers) handler.connectionClosed();
    });
  }

  get options(): FastCgiOptions {
    return this.#gateway.options;
  }

  #receive(work: () => void): void {
    this.#gateway.active = this;
    try {
      work();
    } catch (error) {
      const { message } = error as Error;
      this.#gateway.log.warn(`fastcgi: ${peerOf(this.#socket)}: node-fastcgi failed: ${message}`);
      this.destroy();
    }
    this.#gateway.active = undefined;
  }

  serve(request: PackageRequest, response: PackageResponse, role: Role): void {
    const handler = new EngineHandler(request, response, role, this);
    this.#handlers.add(handler);
    response.stdout.once('close', () => this.#handlers.delete(handler));
    const run = handler.runIn(this.#gateway.contexts, this.#gateway.application);
    if (run !== undefined) this.#gateway.track(run);
  }

  /** The package closes the connection after its request. A connection without one may have sent it already. */
  shutdown(): void {
    setImmediate(() =>
      setImmediate(() => {
        if (this.#handlers.size === 0) this.#socket.end();
      }),
    );
  }

  destroy(): void {
    if (this.#handlers.size > 0) this.reset();
    else this.#socket.destroy();
  }

  reset(): void {
    resetSocket(this.#socket);
  }
}
