/**
 * Runs one request through a Node listener, and gives the response as the body of an application.
 *
 * This file is longer than others because it is one state machine. The handler takes chunks, the listener writes, and the
 * request is read, in any order; nearly every step depends on what the other two sides have done.
 */

import { AsyncResource } from 'node:async_hooks';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { types } from 'node:util';

import { PULL } from '../../handler/body-reader.ts';
import type { PullCallbacks } from '../../handler/body-reader.ts';
import { ApplicationError } from '../../errors.ts';
import { EMPTY } from '../../bytes.ts';
import { HIGH_WATER_MARK } from '../../limits.ts';
import { formatError } from '../../logging/log.ts';
import type { Environ, Header, StartResponse, Write } from '../../types.ts';
import {
  abortRequest,
  connectionReset,
  createRequest,
  setClientVersion,
} from './objects/request.ts';
import { GatewayResponse, closeResponse, emitDrain, keepMethods } from './objects/response.ts';
import type { ResponseOwner } from './objects/response.ts';
import { GatewaySocket } from './objects/socket.ts';
import type { SocketOwner, SocketWrite } from './objects/socket.ts';
import { UploadWait, isBeingRead } from './upload-wait.ts';
import type { UploadReader } from './upload-wait.ts';
import { hasBody, isIncomplete } from '../request/headers.ts';
import { ResponseParser } from './response-parser.ts';
import type { ResponseSink } from './response-parser.ts';

type Chunk = IteratorResult<Uint8Array, undefined> & { isLast?: boolean };

const DONE: Chunk = { done: true, value: undefined };

/**
 * Node's own request and response, on a socket that is not a real one.
 *
 *     wsgi.input → read → req → listener → res → socket → parser → queue → next() → gateway
 *
 * The callback of a write is called when the gateway has taken its bytes from the queue and asks for more. Node's stream
 * does the rest: buffering, `drain`, `finish`.
 */
export class NodeExchange
  implements
    SocketOwner,
    ResponseOwner,
    ResponseSink,
    UploadReader,
    AsyncIterableIterator<Uint8Array>
{
  readonly #environ: Environ;
  readonly #startResponse: StartResponse;
  readonly #socket: GatewaySocket;
  readonly #parser: ResponseParser;
  readonly #req: IncomingMessage;
  readonly #res: GatewayResponse;

  #write: Write | undefined; // once the head has been parsed
  #isHeadUnsent = false; // the head waits for the first bytes of the body
  readonly #queue: (Uint8Array | string)[] = []; // text only with keepsText
  #ackWrite: (() => void) | undefined; // acknowledges the write whose bytes are in the queue
  #waiter: PullCallbacks | undefined; // waits for the next chunk
  #failure: { error: unknown } | undefined;
  #isOver = false; // the response is complete, or nobody takes it any more
  #isCompletingWrite = false; // while #completeWrite runs
  #isFinished = false; // the response has emitted 'finish'
  #wroteLate = false; // the listener has written after the end
  /** Whether it waits for the client to send more. */
  isReading = false;
  #wantsMore = false;
  #uploadWait: UploadWait | undefined; // once only the end of the response is left
  #awaitsDrain = false;

  /** @param keepsText whether a body of text may stay text: only if nothing but the gateway takes it */
  constructor(environ: Environ, startResponse: StartResponse, keepsText: boolean) {
    this.#environ = environ;
    this.#startResponse = startResponse;
    this.#socket = new GatewaySocket(environ, this);
    this.#parser = new ResponseParser(this, environ.REQUEST_METHOD === 'HEAD', keepsText);
    this.#req = createRequest(environ, this.#socket);
    this.#req.complete = !hasBody(environ);
    this.#res = new GatewayResponse(this.#req, this);
    this.#res.assignSocket(this.#socket as unknown as Socket);
    this.#res.removeHeader('connection'); // so that Node does not add it: the parser would drop it again
    this.#res.on('finish', () => this.#onFinish());
    setClientVersion(this.#req, environ.SERVER_PROTOCOL);
  }

  /**
   * Calls the listener.
   *
   * @returns the body: an array of chunks if the whole response was written at once and is small, otherwise this object.
   *   A large response is finished only when the client has taken it
   */
  run(listener: RequestListener): Iterable<Uint8Array> | AsyncIterable<Uint8Array> {
    try {
      const result: unknown = listener(this.#req, this.#res);
      if (isNativePromise(result))
        result.then(undefined, (error: unknown) => this.#rejected(error));
      else checkResult(result, this.#res);
    } catch (error) {
      this.#fail(error);
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    if (!this.#res.writableEnded || !this.#parser.isComplete || this.#isBusy) return this;
    if (this.#ackWrite !== undefined) return this; // it is large
    this.#isOver = true;
    return this.#queue as Uint8Array[];
  }

  // ---- the response, as the handler takes it

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Chunk> {
    return new Promise((resolve, reject) =>
      this[PULL]({ onStep: resolve as PullCallbacks['onStep'], onError: reject }),
    );
  }

  [PULL](callbacks: PullCallbacks): void {
    this.#waiter = callbacks;
    if (this.#queue.length === 0) {
      this.#acknowledge();
      // Not at once: within `res.end()` the write comes before `res.writableEnded` is true.
      if (this.#isHeadUnsent) queueMicrotask(() => this.#flushHead());
    }
    this.#advance();
  }

  #shift(): Chunk {
    const value = this.#queue.shift() as Uint8Array;
    this.#isHeadUnsent = false;
    const isWhole = this.#queue.length === 0 && this.#hasEnded && !this.#isBusy;
    const isLast = isWhole && value.length <= HIGH_WATER_MARK;
    if (isLast) this.#isOver = true;
    return { done: false, value, isLast };
  }

  /** Called when the body has been sent, or after {@link return}. */
  close(): void {
    this.#uploadWait?.stop();
    if (this.#hasEnded && !this.#socket.destroyed) this.#acknowledge();
    if (this.#uploadWait?.isCutOff === true) abortRequest(this.#req);
  }

  /** The handler takes no more chunks: the client has left, or the response has failed. */
  return(): Promise<Chunk> {
    this.#isOver = true;
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.onStep(DONE);
    if (this.#socket.destroyed) this.#abortUnfinished();
    else {
      const isCutOff = !this.#req.complete && isIncomplete(this.#environ);
      this.#socket.endInput();
      this.#socket.destroy(isCutOff ? connectionReset() : undefined);
    }
    return Promise.resolve(DONE);
  }

  /** Gives the waiter the next chunk, the error or the end, if there is one. */
  #advance(): void {
    const waiter = this.#waiter;
    if (waiter === undefined) return;
    if (this.#queue.length > 0) {
      this.#waiter = undefined;
      waiter.onStep(this.#shift());
    } else if (this.#failure !== undefined) {
      this.#waiter = undefined;
      waiter.onError(this.#failure.error);
    } else if (this.#hasEnded && this.#isBusy) {
      this.#uploadWait ??= new UploadWait(this.#req, this.#environ, this);
    } else if (this.#hasEnded) {
      this.#isOver = true;
      this.#waiter = undefined;
      waiter.onStep(DONE);
    }
  }

  get #hasEnded(): boolean {
    return this.#parser.isComplete || this.#res.writableFinished;
  }

  /** Whether the application has written the whole response. */
  get #isFullyWritten(): boolean {
    return this.#res.writableEnded && this.#hasEnded;
  }

  /** Whether the application still reads the request, and the response waits for it. */
  get #isBusy(): boolean {
    return isBeingRead(this.#req) && this.#uploadWait?.isCutOff !== true;
  }

  /** The response need not wait for the upload any longer. */
  onUploadOver(): void {
    this.#advance();
  }

  /** Sends a head whose body has not begun: `flushHeaders()`. */
  #flushHead(): void {
    if (!this.#isHeadUnsent || this.#isOver || this.#hasEnded) return;
    this.#isHeadUnsent = false;
    try {
      void this.#write!(EMPTY);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The gateway has taken the queue: acknowledges the write. In a later tick, so that the response's listeners run apart. */
  #acknowledge(): void {
    const ackWrite = this.#ackWrite;
    if (ackWrite === undefined) return;
    this.#ackWrite = undefined;
    process.nextTick(ackWrite);
  }

  /** Calls the callback of a write, and closes the response if that has finished it. */
  #completeWrite(done: () => void): void {
    if (this.#socket.destroyed && !this.#isFullyWritten) return;
    this.#isCompletingWrite = true;
    try {
      done();
    } finally {
      this.#isCompletingWrite = false;
      if (this.#isFinished && !this.#wroteLate) this.#close();
      else if (this.#isFinished) process.nextTick(() => this.#close());
      else if (this.#socket.destroyed) abortRequest(this.#req);
    }
  }

  // ---- the response, as the listener gives it

  onWrite(writes: readonly SocketWrite[], done: () => void): void {
    if (this.#isOver) {
      done();
      return;
    }
    if (this.#socket.writableNeedDrain) this.#awaitDrain();
    for (const { chunk, encoding } of writes) this.#parser.write(chunk, encoding);
    // As under node:http, the callback runs in the AsyncLocalStorage of the write. nextTick keeps it; the gateway has its
    // own, hence the bind.
    const complete = (): void => this.#completeWrite(done);
    // A small response is acknowledged at once, as a socket would. A larger one waits for the gateway.
    const isSmall = this.#parser.isComplete && lengthOf(this.#queue) <= HIGH_WATER_MARK;
    if (isSmall) process.nextTick(complete);
    else this.#ackWrite = AsyncResource.bind(complete);
    if (this.#waiter === undefined) return;
    if (this.#queue.length > 0) this.#advance();
    else queueMicrotask(() => this.#onEmptyWrite());
  }

  /** A write had no bytes of the body: it was a head, or the end. */
  #onEmptyWrite(): void {
    if (this.#queue.length > 0) return;
    this.#acknowledge();
    this.#flushHead();
    this.#advance();
  }

  onHead(status: string, headers: Header[]): void {
    keepMethods(this.#res);
    try {
      this.#write = this.#startResponse(status, headers);
      this.#isHeadUnsent = true;
    } catch (error) {
      this.#fail(error);
    }
  }

  onBody(bytes: Buffer | string): void {
    this.#queue.push(bytes);
  }

  /** node:http emits the error in a later tick, unless the response has been closed. */
  onLateWrite(): void {
    this.#wroteLate = true;
  }

  onUnheard(error: ApplicationError): void {
    this.#environ['wsgi.errors'].write(`${formatError(error)}\n`);
  }

  #awaitDrain(): void {
    if (this.#awaitsDrain) return;
    this.#awaitsDrain = true;
    this.#socket.once('drain', () => this.#onDrain());
  }

  #onDrain(): void {
    this.#awaitsDrain = false;
    if (!this.#res.writableEnded) emitDrain(this.#res);
  }

  /** Does what Node's server does after a response. */
  #onFinish(): void {
    const req = this.#req;
    // An unread body is discarded, so that 'end' and 'close' are emitted.
    if (req.readableFlowing === null && req.listenerCount('end') + req.listenerCount('close') > 0) {
      req.resume();
      if (this.#socket.destroyed) this.#endRequest(); // a request does not resume a destroyed socket
    }
    this.#advance();
    this.#isFinished = true;
    // After the application's own listeners. A tick is a noticeable part of a small request, so #completeWrite needs none.
    if (!this.#isCompletingWrite) process.nextTick(() => this.#close());
  }

  #close(): void {
    const socket = this.#socket;
    if (socket.destroyed) return; // its 'close' closes the response
    socket.setTimeout(0);
    closeResponse(this.#res);
    this.#res.detachSocket(socket as unknown as Socket);
    if (socket.hasListeners()) this.#endSocket();
  }

  /** Ends the connection after the request. */
  #endSocket(): void {
    const req = this.#req;
    const end = (): void => this.#socket.hangUp();
    if (req.readableFlowing === true && !req.closed) req.once('close', end);
    else process.nextTick(end);
  }

  // ---- the request body

  /** Node's request asks its socket for more. */
  onResume(): void {
    if (this.#req.complete || this.#isOver) this.#endRequest();
    else {
      this.#wantsMore = true;
      if (!this.isReading) void this.#read();
    }
  }

  async #read(): Promise<void> {
    this.isReading = true;
    try {
      while (this.#wantsMore) {
        this.#wantsMore = false;
        const chunk = await this.#environ['wsgi.input'].read1(HIGH_WATER_MARK);
        this.#socket.received(chunk.length);
        this.#uploadWait?.progress();
        if (chunk.length === 0) this.#endRequest();
        else if (this.#req.push(chunk)) this.#wantsMore = true;
      }
    } catch (error) {
      this.#readFailed(error);
    }
    this.isReading = false;
  }

  /** For the application the connection is gone. The gateway answers with the error, if somebody is there. */
  #readFailed(error: unknown): void {
    if (this.#isFullyWritten) {
      abortRequest(this.#req);
      return;
    }
    this.#failure ??= { error };
    this.#socket.destroy(connectionReset(error));
  }

  #endRequest(): void {
    this.#req.complete = true;
    if (!this.#req.destroyed) this.#req.push(null);
  }

  // ---- errors

  onDestroy(error: Error | null): void {
    const wasOver = this.#isOver;
    this.#isOver = true;
    // A response that was written whole is still sent: `res.end('too large'); req.destroy()`.
    if (!this.#isFullyWritten && !wasOver) {
      this.#failure ??= {
        error: error ?? new ApplicationError('the application destroyed its response'),
      };
    }
    this.#advance();
    if (this.#isFullyWritten && !wasOver) this.#acknowledge();
    // node:http does it at the 'close' of the socket, too.
    else this.#socket.prependOnceListener('close', () => this.#abortUnfinished());
  }

  #abortUnfinished(): void {
    if (!this.#res.writableFinished) abortRequest(this.#req);
  }

  onTimeout(): boolean {
    const req = this.#req;
    const heardByRequest = !req.complete && req.emit('timeout', this.#socket);
    return this.#res.emit('timeout', this.#socket) || heardByRequest;
  }

  /** The response cannot be completed. */
  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#advance();
    this.#isOver = true;
    this.#socket.destroy();
  }

  /** The listener is an async function, and its promise was rejected. */
  #rejected(error: unknown): void {
    // After the response the rejection is unhandled, as under node:http.
    if (this.#isOver) throw error;
    this.#fail(error);
  }
}

function lengthOf(chunks: readonly (Uint8Array | string)[]): number {
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  return length;
}

/**
 * Whether a listener has returned the promise of an async function. No other object with `then`: a query builder sends its
 * query when that is called, and under node:http nobody does.
 */
export function isNativePromise(result: unknown): result is Promise<unknown> {
  return typeof result === 'object' && types.isPromise(result);
}

/** Whether a listener has returned a body: then it is an application. */
function isBody(result: unknown): boolean {
  if (result === null || typeof result !== 'object') return false;
  return Symbol.iterator in result || Symbol.asyncIterator in result;
}

/** @throws {ApplicationError} for a listener that has returned a body, and has not answered */
export function checkResult(result: unknown, res: ServerResponse): void {
  if (!isBody(result) || res.headersSent) return;
  throw new ApplicationError(
    'the Node listener returned a body and did not answer; if it is an application (environ, ' +
      'startResponse), say so with --interface wsgi',
  );
}
