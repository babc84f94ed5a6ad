/** What all connections of one HTTP server share. */

import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { RequestContexts } from '../../src/handler/request-contexts.ts';
import { SERVER_SOFTWARE } from '../../src/handler/handler-hooks.ts';
import { listenerOfApplication } from '../../src/apps/node/native.ts';
import { Deadlines, TICK } from '../../src/resources/deadlines.ts';
import { linger } from '../../src/sockets/linger.ts';
import { DEFAULT_LOG, formatError } from '../../src/logging/log.ts';
import { Resources } from '../../src/resources/resources.ts';
import type { ApplicationFunction, ErrorStream, Log } from '../../src/types.ts';
import { escapeLines } from '../../src/bytes.ts';
import { writeTo } from '../../src/handler/stream-handler.ts';
import { UnreadBodies } from '../../src/resources/unread-bodies.ts';
import { refusalEntry } from './client-error.ts';
import type { Refusal } from './client-error.ts';
import { EnvironBuilder } from './environ.ts';
import type { Peer } from './environ.ts';
import { createErrorPage } from './error-page/index.ts';
import type { MakeErrorPage } from './error-page/index.ts';
import { resolveLimits } from './options.ts';
import type { HttpLimits, HttpOptions } from './options.ts';

/** Something that a time limit can be set for. */
export interface Expiring {
  /** The time limit has passed. */
  expire(): void;
}

/** A connection with requests that wait. */
export interface QueuedConnection {
  /** Serves the requests whose turn it is. */
  serveWaiting(): void;
  /** Serves the first request, and closes the connection after it. @returns its response; undefined if none waits */
  serveLast(): ServerResponse | undefined;
  destroy(): void;
}

/** Connections whose requests wait for `handleRequest` or `serveForever`: see makeServer. */
export interface ConnectionQueue {
  /** Whether each request is served as it comes. */
  readonly servesAll: boolean;
  add(connection: QueuedConnection): void;
  delete(connection: QueuedConnection): void;
}

const NO_QUEUE: ConnectionQueue = { servesAll: true, add() {}, delete() {} };

/** One server's application, options and state. */
export class Gateway {
  application: ApplicationFunction;
  /** Whether each connection is closed after its current response: the server stops. */
  closesConnections = false;
  queue: ConnectionQueue = NO_QUEUE;
  readonly options: HttpOptions;
  readonly limits: HttpLimits;
  readonly log: Log;
  readonly errors: ErrorStream;
  readonly environ: EnvironBuilder;
  /** The error page of development, if the option is set. */
  readonly errorPage: MakeErrorPage | undefined;
  /** Makes a stop of the server wait for the end of a run. */
  track: (run: PromiseLike<void>, onEnd: () => void) => void = () => {};
  readonly resources: Resources;
  readonly unread: UnreadBodies;
  readonly contexts = new RequestContexts();
  /** Value of the `Server` header, or false. */
  readonly serverHeader: string | false;
  /** Value of the `Keep-Alive` header, or undefined. */
  readonly keepAlive: string | undefined;
  /** Milliseconds between two checks of the time limits. */
  readonly tick: number;
  readonly #deadlines: Deadlines<object>;

  /** @throws {UsageError} for an option that cannot be used */
  constructor(application: ApplicationFunction, options: HttpOptions) {
    this.application = application;
    this.options = options;
    this.limits = resolveLimits(options);
    this.log = options.log ?? DEFAULT_LOG;
    this.errors = options.errors ?? STDERR;
    this.environ = new EnvironBuilder(options, this.limits);
    if (options.errorPage === true) this.errorPage = createErrorPage(options, this.log);
    this.serverHeader = options.serverHeader ?? SERVER_SOFTWARE;
    const { idleTimeout } = this.limits;
    if (idleTimeout >= 1000) this.keepAlive = `timeout=${Math.floor(idleTimeout / 1000)}`;
    this.tick = Math.min(TICK, ...timeouts(this.limits));
    this.#deadlines = new Deadlines(this.tick);
    this.resources = new Resources(this.limits, options, this.#deadlines, this.log);
    this.unread = new UnreadBodies(this.limits.unreadTimeout);
  }

  /** Whether the application is a Node listener without middleware around it. */
  get isNative(): boolean {
    return listenerOfApplication(this.application) !== undefined;
  }

  /**
   * Writes the line of a faulty request to the access log.
   *
   * @param packet what node:http's parser has failed on, if it begins with the request
   */
  logRefusal(refusal: Refusal, peer: Peer, packet: Buffer | undefined): void {
    try {
      this.options.accessLog?.(refusalEntry(refusal, peer.variables, packet));
    } catch (error) {
      this.log.error(`http: the access log failed: ${formatError(error)}`);
    }
  }

  /** Calls `item.expire()` after `ms` milliseconds, unless {@link unwatch} is called before. */
  watch(item: Expiring, ms: number): void {
    this.#deadlines.add(item, ms, expire);
  }

  unwatch(item: Expiring): void {
    this.#deadlines.delete(item);
  }

  /** Sets the time in which the client has to read the last response and close its side. */
  linger(socket: Socket): void {
    linger(socket, this.#deadlines, this.limits);
  }
}

function expire(item: object): void {
  (item as Expiring).expire();
}

const STDERR = writeTo((text) => void process.stderr.write(escapeLines(text)));

/** The time limits that decide how often to check: short ones need more checks. */
function timeouts(limits: HttpLimits): number[] {
  const { headersTimeout, bodyTimeout, requestTimeout, responseTimeout, sendTimeout } = limits;
  const all = [headersTimeout, bodyTimeout, requestTimeout, responseTimeout, sendTimeout];
  all.push(limits.idleTimeout);
  return all.filter((ms) => ms > 0);
}
