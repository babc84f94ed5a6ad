/** The requests of a connection, from the records that come in: BEGIN_REQUEST, PARAMS, STDIN, DATA, ABORT_REQUEST. */

import { LimitError, ProtocolError } from '../../src/errors.ts';
import type { Role } from '../../src/types.ts';
import * as fcgi from './constants.ts';
import type { Gateway } from './gateway.ts';
import { answerManagement, asksForMultiplexing, encodeRefusal } from './management.ts';
import { PendingRequest } from './pending-request.ts';
import { encodeEndRequest } from './record.ts';
import type { RecordVisitor } from './record.ts';
import { RequestMap } from './request-map.ts';
import { RequestQueue } from './request-queue.ts';
import { RunningRequests } from './running-requests.ts';
import type { ResponseConnection } from './running-requests.ts';

const ROLES: Readonly<Record<number, Role>> = {
  [fcgi.FCGI_RESPONDER]: 'responder',
  [fcgi.FCGI_AUTHORIZER]: 'authorizer',
  [fcgi.FCGI_FILTER]: 'filter',
};

/** Faulty requests that a front end may send, one after another, before its connection is closed. */
const MAX_FAULTS = 100;

const OUT_OF_ORDER = 'STDIN or DATA came before the end of PARAMS (FastCGI 1.0 § 6.1)';

/** The connection, as its requests see it. */
export interface RequestsConnection extends ResponseConnection {
  /** Bytes of the current read that stay valid; the next read overwrites all others. */
  keep(bytes: Buffer): Buffer;
  /** A request has ended, and no other one waits in the queue. */
  requestEnded(): void;
  /** Logs the error, and closes the connection. */
  refuse(error: unknown): void;
  /** Takes no new requests, and closes when those in flight have ended. */
  shutdown(): void;
  warn(text: string): void;
  debug(text: string): void;
}

export class Requests implements RecordVisitor {
  readonly #connection: RequestsConnection;
  readonly #gateway: Gateway;
  readonly #pending = new RequestMap<PendingRequest>();
  readonly #running: RunningRequests;
  readonly #queue: RequestQueue | undefined; // with multiplexing off
  #faults = 0; // since the last request that could be started
  #ignored = 0; // bytes of stream records that belong to no request, since the last BEGIN_REQUEST
  /** BEGIN_REQUEST records so far. */
  begun = 0;

  constructor(connection: RequestsConnection) {
    this.#connection = connection;
    this.#gateway = connection.gateway;
    this.#running = new RunningRequests(connection, () => this.#onRequestEnd());
    if (this.#gateway.options.multiplex !== false) return;
    this.#queue = new RequestQueue(
      () => this.#running.size === 0,
      (request) => this.#startQueued(request),
      () => connection.requestEnded(),
    );
  }

  /** Requests between BEGIN_REQUEST and END_REQUEST. */
  get inFlight(): number {
    return this.#running.size + this.#pending.size;
  }

  /** Whether a response is broken: the connection must not end as if all were complete. */
  get isBroken(): boolean {
    return this.#running.isBroken;
  }

  get keepConn(): boolean {
    return this.#running.keepConn;
  }

  // ---- records

  discrete(type: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id === fcgi.FCGI_NULL_REQUEST_ID) {
      const content = bytes.subarray(start, end);
      if (asksForMultiplexing(type, content)) {
        this.#gateway.isMultiplexed = true;
        this.#running.peerKnowsLimits = true;
      }
      this.#connection.writer.add(answerManagement(type, content, this.#gateway));
    } else if (type === fcgi.FCGI_BEGIN_REQUEST) this.#begin(id, bytes, start, end);
    else if (type === fcgi.FCGI_ABORT_REQUEST) this.#abort(id);
    // § 3.3: only management records of unknown type are answered.
    else this.#connection.debug(`record of type ${type} for request ${id} ignored`);
  }

  stream(type: number, id: number, bytes: Buffer, start: number, end: number): void {
    const pending = this.#pending.get(id);
    if (pending !== undefined) {
      if (pending.isQueued) this.#addStdin(pending, type, bytes.subarray(start, end));
      else this.#addParams(pending, type, bytes, start, end);
      return;
    }
    const input = this.#running.inputOf(type, id);
    let taken = 0;
    if (input !== undefined && !input.failed) {
      taken = input.push(this.#connection.keep(bytes.subarray(start, end)));
      if (taken > 0) this.#connection.flow.received(input);
    }
    if (taken < end - start) this.#ignore(end - start - taken);
  }

  streamEnd(type: number, id: number): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) this.#running.inputOf(type, id)?.end();
    else if (pending.isQueued) pending.endStdin();
    else if (type === fcgi.FCGI_PARAMS) this.#endParams(pending);
    else throw new ProtocolError(OUT_OF_ORDER);
  }

  /** Bytes after the end of a body, and for ids that are not active (§ 3.3), are ignored up to a limit. */
  #ignore(length: number): void {
    const { maxDrainSize } = this.#gateway.limits;
    const before = this.#ignored;
    this.#ignored += length;
    if (before > maxDrainSize || this.#ignored <= maxDrainSize) return;
    this.#connection.warn(
      `more than maxDrainSize (${maxDrainSize}) bytes after the end of a request`,
    );
    this.#connection.shutdown();
  }

  #begin(id: number, bytes: Buffer, start: number, end: number): void {
    if (end - start < 8) {
      throw new ProtocolError('BEGIN_REQUEST of less than 8 bytes (FastCGI 1.0 § 5.1)');
    }
    if (this.#pending.get(id) !== undefined || this.#running.has(id)) {
      throw new ProtocolError(`BEGIN_REQUEST for id ${id}, which is active (FastCGI 1.0 § 3.3)`);
    }
    this.begun++;
    this.#running.keepConn = (bytes[start + 2]! & fcgi.FCGI_KEEP_CONN) !== 0;
    this.#ignored = 0;
    const role = ROLES[bytes.readUInt16BE(start)];
    const overload = this.#overload();
    if (role === undefined) {
      this.#refuse(id, 501, 'unknown role (FastCGI 1.0 § 5.1)');
      this.#countFault();
    } else if (overload !== undefined) {
      this.#refuse(id, 503, overload);
    } else {
      this.#gateway.resources.requests++;
      this.#pending.add(new PendingRequest(id, role));
      if (this.inFlight > 1) this.#gateway.isMultiplexed = true;
    }
  }

  #overload(): string | undefined {
    const max = this.#gateway.limits.maxConcurrentRequestsPerConnection;
    if (this.inFlight >= max) return `more than maxConcurrentRequestsPerConnection (${max})`;
    return this.#gateway.resources.refusal?.message;
  }

  #addParams(
    request: PendingRequest,
    type: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    if (type !== fcgi.FCGI_PARAMS) throw new ProtocolError(OUT_OF_ORDER);
    const { maxParamsSize } = this.#gateway.limits;
    if (request.paramsSize + end - start <= maxParamsSize) {
      request.addParams(bytes, start, end);
    } else {
      this.#remove(request);
      this.#refuse(request.id, 431, `more than maxParamsSize (${maxParamsSize}) bytes`);
    }
  }

  #abort(id: number): void {
    const pending = this.#pending.get(id);
    if (pending !== undefined) {
      this.#remove(pending);
      this.#connection.writer.add(encodeEndRequest(id, fcgi.FCGI_REQUEST_COMPLETE));
    }
    this.#running.abort(id);
  }

  // ---- starting requests

  #endParams(request: PendingRequest): void {
    if (this.#queue === undefined || (this.#running.size === 0 && this.#queue.isEmpty)) {
      this.#start(request);
      return;
    }
    // CANT_MPX_CONN (§ 5.5) would be an answer, but HAProxy does not pass it on to the client.
    this.#connection.timeouts.unwatch(request);
    request.isQueued = true;
    this.#queue.push(request);
  }

  /** STDIN of a request in the queue. */
  #addStdin(request: PendingRequest, type: number, bytes: Buffer): void {
    if (type === fcgi.FCGI_STDIN && request.addStdin(bytes)) return;
    this.#remove(request);
    const reason = 'the body is too long to wait for its turn, with multiplexing off';
    this.#refuse(request.id, 503, reason);
  }

  #startQueued(request: PendingRequest): void {
    try {
      this.#start(request);
    } catch (error) {
      this.#connection.refuse(error);
    }
    const input = this.#running.inputOf(fcgi.FCGI_STDIN, request.id);
    if (input !== undefined) request.moveStdinTo(input);
  }

  /** Starts the application. It does not wait for STDIN. */
  #start(request: PendingRequest): void {
    const { id, role, params, start, end } = request;
    const { decoder, limits } = this.#gateway;
    this.#remove(request);
    try {
      decoder.decode(params, start, end, limits.maxParams);
    } catch (error) {
      this.#refuse(id, error instanceof LimitError ? 431 : 400, (error as Error).message);
      if (error instanceof ProtocolError) this.#countFault();
      return;
    }
    this.#faults = 0;
    this.#running.start(id, role, end - start);
  }

  #onRequestEnd(): void {
    if (this.#queue?.startNext() !== true) this.#connection.requestEnded();
  }

  /** The request is not pending any more: it is started, refused or aborted. */
  #remove(request: PendingRequest): void {
    this.#pending.delete(request);
    if (request.isQueued) this.#queue?.delete(request);
    this.#gateway.resources.requests--;
    this.#gateway.resources.held -= request.held;
    this.#connection.timeouts.unwatch(request);
  }

  /** Answers a request that the application never sees. */
  #refuse(id: number, code: number, reason: string): void {
    this.#connection.warn(`${code}: ${reason}`);
    this.#connection.writer.add(encodeRefusal(id, code));
  }

  /** Counts requests that no front end sends, whatever its clients do. */
  #countFault(): void {
    if (++this.#faults < MAX_FAULTS) return;
    throw new ProtocolError(`${MAX_FAULTS} faulty requests one after another`);
  }

  // ---- the connection's side

  /** After each read: requests that are still pending copy their PARAMS, and get a time limit for the rest. */
  keepPending(): void {
    if (this.#pending.size === 0) return;
    for (const request of this.#pending) {
      request.copyParams();
      if (!request.isQueued) this.#connection.timeouts.watchParams(request);
      this.#countMemory(request);
    }
  }

  #countMemory(request: PendingRequest): void {
    const { resources } = this.#gateway;
    resources.held += request.memory - request.held;
    request.held = request.memory;
    const { shortage } = resources;
    if (shortage === undefined) return;
    this.#remove(request);
    this.#refuse(request.id, 503, shortage.message);
  }

  /** The connection is closed. */
  disconnect(): void {
    for (const request of this.#pending) this.#remove(request);
    this.#running.disconnect();
  }
}
