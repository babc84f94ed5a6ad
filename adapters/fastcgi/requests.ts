/** The requests of a connection: what records mean to them, and what they send. */

import { LimitError, ProtocolError } from '../../src/errors.ts';
import type { InputStream } from '../../src/handler/input.ts';
import { sizeOfVariables } from '../../src/resources/resources.ts';
import type { Role } from '../../src/types.ts';
import { ById } from './by-id.ts';
import * as fcgi from './constants.ts';
import type { Gateway } from './gateway.ts';
import { FastCgiHandler } from './handler.ts';
import type { Carrier } from './handler.ts';
import type { BodyOwner, InputFlow } from './input-flow.ts';
import {
  answerManagement,
  encodeNoMoreRequests,
  encodeRefusal,
  isAboutMultiplexing,
} from './management.ts';
import { Opening } from './opening.ts';
import type { Output } from './output.ts';
import { encodeEndRequest } from './record.ts';
import type { RecordVisitor } from './record.ts';
import type { Timeouts } from './timeouts.ts';
import { Turns } from './turns.ts';

const ROLES: Readonly<Record<number, Role>> = {
  [fcgi.FCGI_RESPONDER]: 'responder',
  [fcgi.FCGI_AUTHORIZER]: 'authorizer',
  [fcgi.FCGI_FILTER]: 'filter',
};

/** appStatus of a request that was aborted (§ 5.4); no front end looks at it. */
const ABORTED = 1;

/** Requests that a front end may get wrong, one after another, before its connection is closed. */
const MAX_FAULTS = 100;

const OUT_OF_ORDER = 'STDIN or DATA came before the end of PARAMS (FastCGI 1.0 § 6.1)';

/** What requests need of the connection that carries them. */
export interface Link {
  readonly gateway: Gateway;
  readonly output: Output;
  readonly input: InputFlow;
  readonly timeouts: Timeouts;
  /** Bytes of what is being received, as they may stay: all others are overwritten by what is received next. */
  keep(bytes: Buffer): Buffer;
  /** A request is over. */
  settled(): void;
  /** What cannot be understood: the connection is closed. */
  refuse(error: unknown): void;
  /** No new requests are to be taken: closed when those in flight are over. */
  shutdown(): void;
  warn(text: string): void;
  debug(text: string): void;
}

export class Requests implements RecordVisitor, Carrier {
  readonly #link: Link;
  readonly gateway: Gateway;
  readonly #opening = new ById<Opening>(); // not started
  readonly #active = new ById<FastCgiHandler>(); // from then on
  readonly #turns: Turns | undefined; // with multiplexing off
  #knowsLimits = false; // the front end has asked for them
  #faults = 0; // since the last request that was right
  #ignored = 0; // bytes of streams that belong to no request, since the last BEGIN_REQUEST
  /** Requests so far. */
  begun = 0;
  /** Whether the front end closes the connection, as its last BEGIN_REQUEST said (§ 5.1). */
  keepConn = true;
  /** Whether a response broke: nothing that follows on this connection may look complete. */
  isBroken = false;

  constructor(link: Link) {
    this.#link = link;
    this.gateway = link.gateway;
    if (link.gateway.options.multiplex !== false) return;
    this.#turns = new Turns(
      () => this.#active.size === 0,
      (opening) => this.#takeTurn(opening),
      () => link.settled(),
    );
  }

  /** Requests that are not over. */
  get inFlight(): number {
    return this.#active.size + this.#opening.size;
  }

  // ---- records

  discrete(type: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id === fcgi.FCGI_NULL_REQUEST_ID) {
      const content = bytes.subarray(start, end);
      if (isAboutMultiplexing(type, content)) {
        this.gateway.isMultiplexed = true;
        this.#knowsLimits = true;
      }
      this.#link.output.raw(answerManagement(type, content, this.gateway));
    } else if (type === fcgi.FCGI_BEGIN_REQUEST) this.#begin(id, bytes, start, end);
    else if (type === fcgi.FCGI_ABORT_REQUEST) this.#abort(id);
    // § 3.3: other types are the application's own, or unknown: nothing to be answered for a request.
    else this.#link.debug(`record of type ${type} for request ${id} ignored`);
  }

  stream(type: number, id: number, bytes: Buffer, start: number, end: number): void {
    const opening = this.#opening.get(id);
    if (opening !== undefined) {
      if (opening.isComplete) this.#keepBody(opening, type, bytes.subarray(start, end));
      else this.#gather(opening, type, bytes, start, end);
      return;
    }
    const input = this.#bodyOf(type, id);
    let taken = 0;
    if (input !== undefined && !input.failed) {
      taken = input.push(this.#link.keep(bytes.subarray(start, end)));
      if (taken > 0) this.#link.input.progress(input);
    }
    if (taken < end - start) this.#ignore(end - start - taken);
  }

  streamEnd(type: number, id: number): void {
    const opening = this.#opening.get(id);
    if (opening === undefined) this.#bodyOf(type, id)?.end();
    else if (opening.isComplete) opening.endBody();
    else if (type === fcgi.FCGI_PARAMS) this.#complete(opening);
    else throw new ProtocolError(OUT_OF_ORDER);
  }

  #bodyOf(type: number, id: number): InputStream | undefined {
    const request = this.#active.get(id);
    if (type === fcgi.FCGI_STDIN) return request?.stdin;
    return type === fcgi.FCGI_DATA ? request?.data : undefined;
  }

  /** Behind the end of a body, and for ids that are not active (§ 3.3), bytes are ignored, but not for ever. */
  #ignore(length: number): void {
    const { drainLimit } = this.gateway.limits;
    const before = this.#ignored;
    this.#ignored += length;
    if (before > drainLimit || this.#ignored <= drainLimit) return;
    this.#link.warn(`more than drainLimit (${drainLimit}) bytes after the end of a request`);
    this.#link.shutdown();
  }

  #begin(id: number, bytes: Buffer, start: number, end: number): void {
    if (end - start < 8) {
      throw new ProtocolError('BEGIN_REQUEST of less than 8 bytes (FastCGI 1.0 § 5.1)');
    }
    if (this.#opening.get(id) !== undefined || this.#active.get(id) !== undefined) {
      throw new ProtocolError(`BEGIN_REQUEST for id ${id}, which is active (FastCGI 1.0 § 3.3)`);
    }
    this.begun++;
    this.keepConn = (bytes[start + 2]! & fcgi.FCGI_KEEP_CONN) !== 0;
    this.#ignored = 0;
    const role = ROLES[bytes.readUInt16BE(start)];
    const overload = this.#overload();
    if (role === undefined) {
      this.#refuse(id, 501, 'a role that is none (FastCGI 1.0 § 5.1)');
      this.#noteFault();
    } else if (overload !== undefined) {
      this.#refuse(id, 503, overload);
    } else {
      this.gateway.resources.requests++;
      this.#opening.add(new Opening(id, role));
      if (this.inFlight > 1) this.gateway.isMultiplexed = true;
    }
  }

  #overload(): string | undefined {
    const max = this.gateway.limits.maxRequestsPerConnection;
    if (this.inFlight >= max) return `more than maxRequestsPerConnection (${max})`;
    return this.gateway.resources.refusal?.message;
  }

  #gather(opening: Opening, type: number, bytes: Buffer, start: number, end: number): void {
    if (type !== fcgi.FCGI_PARAMS) throw new ProtocolError(OUT_OF_ORDER);
    const { maxParamsSize } = this.gateway.limits;
    if (opening.size + end - start <= maxParamsSize) {
      opening.add(bytes, start, end);
    } else {
      this.#forget(opening);
      this.#refuse(opening.id, 431, `more than maxParamsSize (${maxParamsSize}) bytes`);
    }
  }

  /** STDIN of a request that waits for its turn. */
  #keepBody(opening: Opening, type: number, bytes: Buffer): void {
    if (type === fcgi.FCGI_STDIN && opening.addBody(bytes)) return;
    this.#forget(opening);
    const reason = 'the body is too long to wait for its turn, with multiplexing off';
    this.#refuse(opening.id, 503, reason);
  }

  /** PARAMS have ended. */
  #complete(opening: Opening): void {
    if (this.#turns === undefined || (this.#active.size === 0 && this.#turns.isEmpty)) {
      this.#start(opening);
      return;
    }
    // CANT_MPX_CONN (§ 5.5) would be an answer, but HAProxy does not pass it on.
    this.#link.timeouts.unwatch(opening);
    this.#turns.add(opening);
  }

  /** Starts a request that has waited. */
  #takeTurn(opening: Opening): void {
    try {
      this.#start(opening);
    } catch (error) {
      this.#link.refuse(error);
    }
    const input = this.#active.get(opening.id)?.stdin;
    if (input !== undefined) opening.moveBody(input);
  }

  /** The application starts. It need not wait for STDIN. */
  #start(opening: Opening): void {
    const { id, role, bytes, start, end } = opening;
    const gateway = this.gateway;
    this.#forget(opening);
    try {
      gateway.decoder.decode(bytes, start, end, gateway.limits.maxParams);
    } catch (error) {
      this.#refuse(id, error instanceof LimitError ? 431 : 400, (error as Error).message);
      if (error instanceof ProtocolError) this.#noteFault();
      return;
    }
    this.#faults = 0;
    const request = new FastCgiHandler(id, role, this, gateway.decoder, gateway.options);
    this.#active.add(request);
    const claim = (request.claim = gateway.resources.begin());
    const { count } = gateway.decoder;
    const run = request.run(gateway.application);
    if (run === undefined) return;
    gateway.track(run, claim.untilRunEnds(sizeOfVariables(count, end - start)));
    if (!request.isOver && !request.headersSent) this.#link.timeouts.watchResponse(request);
  }

  #forget(opening: Opening): void {
    this.#opening.delete(opening);
    if (opening.isComplete) this.#turns?.delete(opening);
    this.gateway.resources.requests--;
    this.gateway.resources.held -= opening.held;
    this.#link.timeouts.unwatch(opening);
  }

  /** Answers a request that the application never sees. */
  #refuse(id: number, code: number, reason: string): void {
    this.#link.warn(`${code}: ${reason}`);
    this.#link.output.raw(encodeRefusal(id, code));
  }

  /** No front end does that, whatever its visitors send. */
  #noteFault(): void {
    if (++this.#faults < MAX_FAULTS) return;
    throw new ProtocolError(`${MAX_FAULTS} requests after one another were none`);
  }

  #abort(id: number): void {
    const opening = this.#opening.get(id);
    if (opening !== undefined) {
      this.#forget(opening);
      this.#link.output.raw(encodeEndRequest(id, fcgi.FCGI_REQUEST_COMPLETE));
    }
    const request = this.#active.get(id);
    if (request === undefined) return;
    request.disconnect();
    this.#link.output.endNow(request, ABORTED);
  }

  // ---- the connection's side

  /** PARAMS that did not come in one piece with their BEGIN_REQUEST are kept, for as long as they may take. */
  keepOpening(): void {
    if (this.#opening.size === 0) return;
    for (const opening of this.#opening) {
      opening.keep();
      if (!opening.isComplete) this.#link.timeouts.watchParams(opening);
      this.#hold(opening);
    }
  }

  /** Counts the memory of a request that has not been started. */
  #hold(opening: Opening): void {
    const { resources } = this.gateway;
    resources.held += opening.ownSize - opening.held;
    opening.held = opening.ownSize;
    const { shortage } = resources;
    if (shortage === undefined) return;
    this.#forget(opening);
    this.#refuse(opening.id, 503, shortage.message);
  }

  /** The connection is gone. */
  disconnect(): void {
    for (const opening of this.#opening) this.#forget(opening);
    for (const request of this.#active) {
      this.#active.delete(request);
      request.disconnect();
      this.#release(request);
    }
  }

  // ---- the requests' side

  stdout(request: FastCgiHandler, head: string, chunk: Uint8Array): boolean {
    if (head !== '') this.#link.timeouts.unwatch(request);
    return this.#link.output.stdout(request, head, chunk);
  }

  stderr(request: FastCgiHandler, text: string): void {
    const isActive = this.#active.get(request.id) === request && request.ending === undefined;
    if (isActive && this.#link.output.stderr(request, Buffer.from(text).toString('latin1'))) return;
    // After the end there is no STDERR, and a front end that reads nothing is not to fill memory.
    this.gateway.log.error(text.trimEnd());
  }

  drained(request: FastCgiHandler): Promise<void> {
    return this.#link.output.drained(request);
  }

  finish(request: FastCgiHandler, head: string, last: Uint8Array | string): void {
    this.#link.timeouts.unwatch(request);
    this.#link.output.end(request, head, last, 0);
  }

  abandon(request: FastCgiHandler): void {
    // Until the others are through the connection stays, and takes requests that are sent nevertheless.
    if (!this.isBroken && this.#knowsLimits) this.#link.output.raw(encodeNoMoreRequests());
    this.isBroken = true;
    this.#link.output.drop(request);
    this.ended(request);
  }

  ended(request: FastCgiHandler): void {
    if (!this.#active.delete(request)) return;
    this.#release(request);
    if (this.#turns?.next() !== true) this.#link.settled();
  }

  pause(input: InputStream, request: BodyOwner): void {
    this.#link.input.pause(input, request);
  }

  resume(input: InputStream): void {
    this.#link.input.resume(input);
  }

  forget(input: InputStream): void {
    this.#link.input.forget(input);
  }

  #release(request: FastCgiHandler): void {
    this.#link.timeouts.unwatch(request);
    request.closeInput();
    request.claim!.responseOver();
  }
}
