/** What all connections of one HTTP server share. */

import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { SERVER_SOFTWARE } from '../../src/handler/handler-hooks.ts';
import { listenerOfApplication } from '../../src/apps/node/native.ts';
import { Deadlines, TICK } from '../../src/resources/deadlines.ts';
import { linger } from '../../src/sockets/linger.ts';
import { DEFAULT_LOG } from '../../src/logging/log.ts';
import { Resources } from '../../src/resources/resources.ts';
import type { ApplicationFunction, ErrorStream, Log } from '../../src/types.ts';
import { escapeLines } from '../../src/bytes.ts';
import { writeTo } from '../../src/handler/stream-handler.ts';
import { UnreadBodies } from '../../src/resources/unread-bodies.ts';
import { EnvironBuilder } from './environ.ts';
import { createErrorPage } from './error-page/index.ts';
import type { MakeErrorPage } from './error-page/index.ts';
import { resolveLimits } from './options.ts';
import type { HttpLimits, HttpOptions } from './options.ts';

/** What has a time limit. */
export interface Expiring {
  /** The time is up. */
  expire(): void;
}

/** A connection whose requests wait. */
export interface QueuedConnection {
  /** Serves them, as far as it is their turn. */
  serveWaiting(): void;
  /** Serves the first of them, as the last one of the connection. @returns its response; undefined if there is none */
  serveLast(): ServerResponse | undefined;
  destroy(): void;
}

/** Connections whose requests wait until they are asked for: see makeServer. */
export interface RequestQueue {
  /** Nobody has to wait. */
  readonly isOpen: boolean;
  add(connection: QueuedConnection): void;
  delete(connection: QueuedConnection): void;
}

/** Each request is served as it comes. */
const NO_QUEUE: RequestQueue = { isOpen: true, add() {}, delete() {} };

/** One server's application, options and state. */
export class Gateway {
  application: ApplicationFunction;
  /** Each response is the last one of its connection. */
  closesConnections = false;
  queue: RequestQueue = NO_QUEUE;
  readonly options: HttpOptions;
  readonly limits: HttpLimits;
  readonly log: Log;
  readonly errors: ErrorStream;
  readonly environ: EnvironBuilder;
  /** Shows errors to those who may see them; undefined where nobody may. */
  readonly errorPage: MakeErrorPage | undefined;
  /** Lets a stop wait for the end of a run. */
  track: (run: PromiseLike<void>, onEnd: () => void) => void = () => {};
  readonly resources: Resources;
  readonly unread: UnreadBodies;
  /** Value of the `Server` header, or false. */
  readonly serverHeader: string | false;
  /** Value of the `Keep-Alive` header, or undefined. */
  readonly keepAlive: string | undefined;
  /** Milliseconds between two looks at the time limits. */
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

  /** Whether the application is a Node listener, and nothing around it. */
  get isNative(): boolean {
    return listenerOfApplication(this.application) !== undefined;
  }

  /** Lets `item` expire in `ms` milliseconds, unless {@link unwatch} comes first. */
  watch(item: Expiring, ms: number): void {
    this.#deadlines.add(item, ms, expire);
  }

  unwatch(item: Expiring): void {
    this.#deadlines.delete(item);
  }

  /** Gives the client of a connection time to take the last response, and to close. */
  linger(socket: Socket): void {
    linger(socket, this.#deadlines, this.limits);
  }
}

function expire(item: object): void {
  (item as Expiring).expire();
}

const STDERR = writeTo((text) => void process.stderr.write(escapeLines(text)));

/** Short limits need to be looked at more often. */
function timeouts(limits: HttpLimits): number[] {
  const { headersTimeout, bodyTimeout, requestTimeout, responseTimeout, idleTimeout } = limits;
  const all = [headersTimeout, bodyTimeout, requestTimeout, responseTimeout, idleTimeout];
  return all.filter((ms) => ms > 0);
}
