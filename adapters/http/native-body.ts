/**
 * The body of a request for a Node listener, which reads it from node:http's request.
 *
 * Methods of that stream are replaced: `push`, which node:http's parser calls, and `_read`, which the stream calls. So
 * the gateway sees what comes and what is wanted, and can do what it promises for every body: its limits, `100 Continue`,
 * and a client that is noticed when it leaves. For the last, a body that the listener does not read is stored, and put into
 * the stream when the listener reads on: node:http would stop reading the connection.
 */

import { AsyncResource } from 'node:async_hooks';
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { LimitError, RequestError } from '../../src/errors.ts';
import { Overflow } from '../../src/resources/overflow.ts';
import type { UnreadBody } from '../../src/resources/unread-bodies.ts';
import { tooLong, tooSlow } from './body.ts';
import type { IncomingBody } from './body.ts';
import type { Expiring, Gateway } from './gateway.ts';
import type { Exchange } from './pipeline.ts';

/** The request, as its body sees it. */
export interface BodyOwner {
  /** The body has failed: answers the request, or breaks its response. */
  cancel(error: RequestError): void;
}

export class NativeBody implements IncomingBody, UnreadBody, Expiring {
  readonly #request: IncomingMessage;
  readonly #gateway: Gateway;
  readonly #owner: BodyOwner;
  readonly #length: number;
  #push: IncomingMessage['push'];
  readonly #read: () => void;
  readonly #overflow: Overflow;
  #continue: ContinueResponse | undefined; // the client waits for `100 Continue`
  #received = 0;
  #pushed = 0; // bytes that the stream has been given
  #drained = 0; // bytes that came after the response
  #maxDrainSize: number; // of them
  #onDrained: ((isWhole: boolean) => void) | undefined;
  #ended = false; // the whole body has come
  #isOver = false; // the response has ended
  #failed = false;

  /**
   * Replaces the methods.
   *
   * @param length in bytes; -1 when chunked
   */
  constructor(exchange: Exchange, length: number, gateway: Gateway, owner: BodyOwner) {
    const { request } = exchange;
    this.#request = request;
    this.#gateway = gateway;
    this.#owner = owner;
    this.#length = length;
    this.#maxDrainSize = gateway.limits.maxDrainSize;
    this.#continue = exchange.expectsContinue ? exchange.response : undefined;
    this.#overflow = new Overflow(gateway.resources.spool);
    this.#push = request.push.bind(request);
    this.#read = request._read.bind(request, 0);
    request.push = (chunk: Buffer | null) => this.#receive(chunk);
    request._read = () => this.#refill();
    (request as DumpedMessage)._dump = doNothing;
  }

  /** From now on events of the stream are emitted in the current async context. */
  keepContext(): void {
    this.#push = AsyncResource.bind(this.#push, 'PosternRequest');
  }

  /** Bytes that the listener has taken. */
  get taken(): number {
    return this.#pushed - this.#request.readableLength;
  }

  get complete(): boolean {
    return this.#ended;
  }

  get preventsReuse(): boolean {
    const isTooLong = this.#length - this.#received > this.#gateway.limits.maxDrainSize;
    return this.#failed || isTooLong || this.#awaitsContinue;
  }

  /** Whether the client waits for `100 Continue`, which the listener may have sent itself. */
  get #awaitsContinue(): boolean {
    return this.#continue !== undefined && this.#continue._sent100 !== true;
  }

  spill(): LimitError | 'later' | undefined {
    return this.#overflow.open();
  }

  // No `destroy`: a listener may read as late as it likes, and must not take a part for the whole body. requestTimeout
  // ends the wait.

  // ---- the end of the response

  giveUp(): void {
    this.#isOver = true;
    this.stop();
  }

  stop(): void {
    this.#gateway.unwatch(this);
    this.#gateway.unread.delete(this);
  }

  /**
   * The response has ended. A listener that has begun to read may go on.
   *
   * @returns whether it does
   */
  end(): boolean {
    if (this.#isOver) return false;
    this.giveUp();
    const request = this.#request;
    if (this.taken > 0 && this.#isBeingRead && !request.destroyed) {
      request.once('close', () => this.#overflow.close());
      return true;
    }
    const wasStored = this.#overflow.isOpen;
    this.#overflow.close();
    request.resume(); // discards it
    if (wasStored && this.#ended) this.#push(null);
    return false;
  }

  drain(onDrained: (isWhole: boolean) => void): void {
    if (!this.end()) this.#drain(onDrained);
  }

  discard(onEnd: (isWhole: boolean) => void): void {
    this.#continue = undefined; // a client that waits for it is not asked for the body
    this.#maxDrainSize = Infinity;
    this.end();
    this.#drain(onEnd);
  }

  #drain(onDrained: (isWhole: boolean) => void): void {
    this.#onDrained = onDrained;
    if (this.#ended) this.#endDrain(true);
    else {
      this.#watch();
      this.#read();
    }
  }

  #endDrain(isWhole: boolean): void {
    const onDrained = this.#onDrained;
    this.#onDrained = undefined;
    onDrained?.(isWhole);
  }

  // ---- from the parser to the stream

  /** Called by the parser. @returns whether it reads on */
  #receive(chunk: Buffer | null): boolean {
    if (chunk === null) return this.#receiveEnd();
    this.#received += chunk.length;
    if (this.#onDrained !== undefined) {
      this.#drained += chunk.length;
      if (this.#drained > this.#maxDrainSize) this.#endDrain(false);
    } else if (!this.#isOver && this.#received > this.#gateway.limits.maxBodySize) {
      this.#fail(tooLong(this.#gateway.limits.maxBodySize));
    }
    if (this.#failed || this.#request.destroyed) return true;
    if (this.#overflow.isOpen) return this.#overflow.append(chunk);
    this.#pushed += chunk.length;
    const more = this.#push(chunk);
    if (more) this.#watch();
    else this.#hold();
    return more;
  }

  #receiveEnd(): boolean {
    this.#ended = true;
    this.#gateway.unwatch(this);
    const more = this.#overflow.isOpen || this.#push(null);
    this.#endDrain(true);
    return more;
  }

  /** The stream is full. */
  #hold(): void {
    this.#gateway.unwatch(this);
    if (!this.#isOver) this.#gateway.unread.add(this, this.#read);
  }

  /** Called by the stream, which has room for more. */
  #refill(): void {
    this.#sendContinue();
    if (this.#overflow.length > 0) {
      this.#load();
      return;
    }
    this.#overflow.close();
    this.#gateway.unread.delete(this);
    if (this.#ended) this.#push(null);
    else {
      this.#watch();
      this.#read();
    }
  }

  /** RFC 9110 § 10.1.1: sent when the listener first reads, unless it has answered before. */
  #sendContinue(): void {
    const response = this.#continue;
    if (response === undefined || response.headersSent) return;
    if (this.#awaitsContinue) response.writeContinue();
    this.#continue = undefined;
  }

  #load(): void {
    this.#overflow.load((error, bytes) => {
      if (error !== undefined) {
        this.#request.destroy(error);
        return;
      }
      this.#pushed += bytes.length;
      if (this.#push(bytes)) this.#refill();
    });
  }

  // ---- what can fail

  #watch(): void {
    if (this.#ended || (this.#isOver && this.#onDrained === undefined)) return;
    this.#gateway.watch(this, this.#gateway.limits.bodyTimeout);
  }

  /** Whether the listener reads. A request that is piped into a full stream has a 'data' listener, and does not flow. */
  get #isBeingRead(): boolean {
    const request = this.#request;
    if (request.readableFlowing === true) return true;
    return request.listenerCount('data') + request.listenerCount('readable') > 0;
  }

  /** The client has sent nothing for bodyTimeout. */
  expire(): void {
    this.#endDrain(false);
    if (this.#isOver) return;
    if (this.#isBeingRead && !this.#request.isPaused()) this.#fail(tooSlow());
    else this.#watch();
  }

  #fail(error: LimitError): void {
    this.#failed = true;
    this.#owner.cancel(error);
  }

  /** The listener gets nothing more of it. */
  abort(): void {
    this.#failed = true;
    this.giveUp();
    this.#overflow.close();
  }
}

/** A member of node:http's class: whether `100 Continue` was sent. */
interface ContinueResponse extends ServerResponse {
  _sent100?: boolean;
}

/** Called by node:http after a response whose request nobody has read. Then it would count nothing of what comes. */
interface DumpedMessage extends IncomingMessage {
  _dump(): void;
}

function doNothing(): void {}
