/** Requests whose application has been started: their bodies, and their responses until END_REQUEST. */

import type { InputStream } from '../../src/input/input-stream.ts';
import { sizeOfVariables } from '../../src/resources/resources.ts';
import type { Role } from '../../src/types.ts';
import { FCGI_DATA, FCGI_STDIN } from './constants.ts';
import type { BodyOwner, FlowControl } from './flow-control.ts';
import type { Gateway } from './gateway.ts';
import { FastCgiHandler } from './handler.ts';
import type { HandlerConnection } from './handler.ts';
import { encodeNoMoreRequests } from './management.ts';
import type { Output } from './output.ts';
import type { RecordWriter } from './record-writer.ts';
import { RequestMap } from './request-map.ts';
import type { Timeouts } from './timeouts.ts';

/** appStatus of a request that was aborted (§ 5.4), or whose response is broken. No front end looks at it. */
const FAILED = 1;

/** Caddy before 2.7 discards STDERR, also with `capture_stderr`. */
const DISCARDS_STDERR = /^Caddy(?:$|\/v?2\.[0-6]\.)/;

/** The connection, as the responses on it see it. */
export interface ResponseConnection {
  readonly gateway: Gateway;
  readonly writer: RecordWriter;
  readonly output: Output;
  readonly flow: FlowControl;
  readonly timeouts: Timeouts;
}

export class RunningRequests implements HandlerConnection {
  readonly gateway: Gateway;
  readonly #connection: ResponseConnection;
  readonly #onRequestEnd: () => void;
  readonly #requests = new RequestMap<FastCgiHandler>();
  /** Whether the front end has asked for the limits of this connection. */
  peerKnowsLimits = false;
  /** Whether a response is broken: then nothing that follows on this connection may look complete. */
  isBroken = false;
  /** Whether the front end closes the connection: FCGI_KEEP_CONN of the last BEGIN_REQUEST (§ 5.1). */
  keepConn = true;

  constructor(connection: ResponseConnection, onRequestEnd: () => void) {
    this.#connection = connection;
    this.gateway = connection.gateway;
    this.#onRequestEnd = onRequestEnd;
  }

  get size(): number {
    return this.#requests.size;
  }

  has(id: number): boolean {
    return this.#requests.get(id) !== undefined;
  }

  /** The body that a stream record is for. */
  inputOf(type: number, id: number): InputStream | undefined {
    const request = this.#requests.get(id);
    if (type === FCGI_STDIN) return request?.stdin;
    return type === FCGI_DATA ? request?.data : undefined;
  }

  /** Starts the application for the variables that the decoder holds. @param paramsSize their bytes */
  start(id: number, role: Role, paramsSize: number): void {
    const { gateway } = this;
    const request = new FastCgiHandler(id, role, this, gateway.decoder, gateway.options);
    this.#requests.add(request);
    const claim = (request.claim = gateway.resources.begin());
    const { count } = gateway.decoder;
    const run = request.runIn(gateway.contexts, gateway.application);
    if (run === undefined) return;
    gateway.track(run, claim.untilRunEnds(sizeOfVariables(count, paramsSize)));
    if (!request.isOver && !request.headersSent) this.#connection.timeouts.watchResponse(request);
  }

  /** ABORT_REQUEST has come. */
  abort(id: number): void {
    const request = this.#requests.get(id);
    if (request === undefined) return;
    request.disconnect();
    this.#connection.output.abort(request, FAILED);
  }

  /** The connection is closed. */
  disconnect(): void {
    for (const request of this.#requests) {
      this.#requests.delete(request);
      request.disconnect();
      this.#release(request);
    }
  }

  // ---- called by the handlers

  stdout(request: FastCgiHandler, head: string, chunk: Uint8Array): boolean {
    if (head !== '') this.#connection.timeouts.unwatch(request);
    return this.#connection.output.stdout(request, head, chunk);
  }

  stderr(request: FastCgiHandler, text: string): void {
    const isRunning = this.#requests.get(request.id) === request && request.ending === undefined;
    const { output } = this.#connection;
    const isLogged = isRunning && !DISCARDS_STDERR.test(request.frontEnd);
    if (isLogged && output.stderr(request, Buffer.from(text).toString('latin1'))) return;
    // A request has no STDERR after its end, Caddy throws it away, and text for a front end that does not read must not fill the memory.
    this.gateway.log.error(text.trimEnd());
  }

  drained(request: FastCgiHandler): Promise<void> {
    return this.#connection.output.drained(request);
  }

  finish(request: FastCgiHandler, head: string, last: Uint8Array | string): void {
    this.#connection.timeouts.unwatch(request);
    this.#connection.output.end(request, head, last, 0);
  }

  abandon(request: FastCgiHandler, isShort: boolean): void {
    if (isShort && this.gateway.isManaged && !this.keepConn) {
      this.#connection.output.abort(request, FAILED);
      return;
    }
    // The connection stays open until its other requests end. Requests that the front end still sends are served.
    if (!this.isBroken && this.peerKnowsLimits) this.#connection.writer.add(encodeNoMoreRequests());
    this.isBroken = true;
    this.#connection.output.discard(request);
    this.ended(request);
  }

  ended(request: FastCgiHandler): void {
    if (!this.#requests.delete(request)) return;
    this.#release(request);
    this.#onRequestEnd();
  }

  pauseInput(input: InputStream, request: BodyOwner): void {
    this.#connection.flow.pause(input, request);
  }

  resumeInput(input: InputStream): void {
    this.#connection.flow.resume(input);
  }

  removeInput(input: InputStream): void {
    this.#connection.flow.remove(input);
  }

  #release(request: FastCgiHandler): void {
    this.#connection.timeouts.unwatch(request);
    request.closeInput();
    request.claim!.responseOver();
  }
}
