/** A running gateway: the interface to which every `runWith…` resolves, and the server that all gateways share. */

import { createServer } from 'node:net';
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';

import { parseAddress } from '../sockets/address.ts';
import type { Address } from '../sockets/address.ts';
import { detachSource, attachSource } from './connection-source.ts';
import type { ConnectionSource } from './connection-source.ts';
import { SHUTDOWN_TIMEOUT } from '../limits.ts';
import { listen, stopListening } from './listener.ts';
import type { ListenOptions } from './listener.ts';
import { UsageError } from '../errors.ts';
import { checkOptions } from '../options.ts';
import type { OptionNames, OptionTable } from '../options.ts';
import type { GatewayOptions } from '../types.ts';
import { MAX_TIME } from '../resources/settle-limits.ts';

/** A running gateway. `await using` closes it at the end of the block. */
export interface Server extends AsyncDisposable {
  /** The bound address: as Node's `server.address()`, a string for a unix socket, null when there is none. */
  address(): AddressInfo | string | null;
  /**
   * Stops: takes no new connections, closes idle ones and finishes the requests in flight. Later calls wait for
   * the same end.
   *
   * @returns a promise that is fulfilled when the server has stopped; it never rejects
   */
  close(options?: {
    /** Milliseconds until what is left is cut off. Default 30,000. */
    timeout?: number;
  }): Promise<void>;
  /** Fulfilled when the server has stopped, however that came about. */
  readonly closed: Promise<void>;
}

/** Options of a gateway that listens. */
export interface ServerOptions extends ListenOptions {
  /**
   * Where to listen: `HOST:PORT`, `[IPV6]:PORT`, `PORT` on 127.0.0.1, `unix:PATH`, `fd:N` for an inherited socket, or
   * the same as an object; or connections that are accepted elsewhere. Port 0 takes a free one.
   */
  listen: string | number | Address | ConnectionSource;
}

/** Names of {@link ServerOptions}. */
export const SERVER_OPTIONS: OptionNames<ServerOptions> = {
  backlog: 'number',
  listen: 'any',
  socketGroup: 'number',
  socketMode: 'number',
  socketOwner: 'number',
};

/**
 * Checks the options of a gateway that listens, as far as nothing else does.
 *
 * @param caller the function that starts it
 * @throws {UsageError} for one that the gateway does not have, and for a value that it cannot use
 */
export function checkServerOptions(
  caller: string,
  given: ServerOptions & GatewayOptions,
  known: OptionTable,
): void {
  checkOptions(caller, given, known);
  if ((given.listen ?? undefined) === undefined) {
    const where = "'127.0.0.1:8000', 8000, 'unix:/run/app.sock' or 'fd:0'";
    throw new UsageError(`${caller} needs the option listen, where it listens: ${where}`);
  }
  const { socketMode = 0 } = given;
  if (!Number.isInteger(socketMode) || socketMode < 0 || socketMode > 0o777) {
    throw new UsageError(`socketMode ${socketMode} is not a mode from 0 to 0o777`);
  }
}

/** One accepted socket and its protocol state, as the server sees it. */
export interface Connection {
  /** No new requests: closes itself when those in flight are done, at once when there are none. */
  shutdown(): void;
  /** Closes at once. */
  destroy(): void;
}

/** The server of every gateway that listens; HTTP gives it a server of node:http. */
export class SocketServer implements Server {
  readonly closed: Promise<void>;
  readonly #server: NetServer;
  readonly #address: Address | ConnectionSource;
  readonly #connections = new Set<Connection>();
  #runs = 0; // requests that still run
  #stopping: Promise<void> | undefined;
  #markClosed!: () => void;
  #onDrained: () => void = () => {};
  #onIdle: () => void = () => {};

  private constructor(server: NetServer, address: Address | ConnectionSource) {
    this.#server = server;
    this.#address = address;
    this.closed = new Promise((resolve) => (this.#markClosed = resolve));
  }

  /**
   * Starts a server.
   *
   * @param accept makes a connection of the protocol from an accepted socket. It returns undefined to refuse the socket
   * @param netServer emits 'connection'. Default: a server of node:net
   */
  static async start(
    options: ServerOptions,
    accept: (socket: Socket) => Connection | undefined,
    // Half-open: a front end may close its side after the request, and still wait for the response.
    netServer: NetServer = createServer({ allowHalfOpen: true, noDelay: true }),
  ): Promise<SocketServer> {
    const address =
      typeof options.listen === 'object' ? options.listen : parseAddress(options.listen);
    const server = new SocketServer(netServer, address);
    netServer.on('connection', (socket) => server.#accept(socket, accept));
    if ('open' in address) attachSource(netServer, address);
    else await listen(netServer, address, options);
    return server;
  }

  /** Open connections. */
  get connections(): ReadonlySet<Connection> {
    return this.#connections;
  }

  /** Requests that still run. */
  get running(): number {
    return this.#runs;
  }

  /**
   * Lets a stop wait for the end of a run: bodies are closed after the response was sent.
   *
   * @param onEnd called at the end of the run
   */
  track(run: PromiseLike<void>, onEnd: () => void = () => {}): void {
    this.#runs++;
    void run.then(() => this.#runEnded(onEnd));
  }

  #runEnded(onEnd: () => void): void {
    onEnd();
    this.#runs--;
    if (this.#runs === 0) this.#onIdle();
  }

  address(): AddressInfo | string | null {
    return 'open' in this.#address ? this.#address.bound : this.#server.address();
  }

  close({ timeout = SHUTDOWN_TIMEOUT }: { timeout?: number } = {}): Promise<void> {
    this.#stopping ??= this.#stop(timeout);
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accept(socket: Socket, accept: (socket: Socket) => Connection | undefined): void {
    const connection = accept(socket);
    if (connection === undefined) {
      socket.destroy();
      return;
    }
    this.#connections.add(connection);
    socket.on('close', () => {
      this.#connections.delete(connection);
      if (this.#connections.size === 0) this.#onDrained();
    });
  }

  /** Resolves when the last connection is closed. */
  #drained(): Promise<void> {
    if (this.#connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#onDrained = resolve));
  }

  /** Resolves when the last run has ended. */
  #idle(): Promise<void> {
    if (this.#runs === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#onIdle = resolve));
  }

  async #stop(timeout: number): Promise<void> {
    const stopped =
      'open' in this.#address
        ? detachSource(this.#server, this.#address, this.#drained())
        : stopListening(this.#server, this.#address);
    for (const connection of this.#connections) connection.shutdown();
    let cut: NodeJS.Timeout | undefined;
    const expired = new Promise<void>((resolve) => {
      cut = setTimeout(
        () => {
          for (const connection of this.#connections) connection.destroy();
          resolve();
        },
        Math.min(timeout, MAX_TIME),
      );
    });
    await stopped;
    await Promise.race([this.#idle(), expired]);
    clearTimeout(cut);
    this.#markClosed();
  }
}
