/** One request's run through a Node listener, and its response as the body of an application. */

import { AsyncResource } from 'node:async_hooks';
import type { IncomingMessage, RequestListener } from 'node:http';
import type { Socket } from 'node:net';

import { TAKE } from '../../handler/body.ts';
import { isPromise } from '../../response/chunk.ts';
import type { Taker } from '../../handler/body.ts';
import { ApplicationError } from '../../errors.ts';
import { EMPTY } from '../../bytes.ts';
import { HIGH_WATER_MARK } from '../../limits.ts';
import type { Environ, Header, StartResponse, Write } from '../../types.ts';
import { createRequest, setClientVersion } from './request.ts';
import { GatewayResponse } from './response.ts';
import { GatewaySocket } from './socket.ts';
import type { SocketOwner, Written } from './socket.ts';
import { hasBody } from '../request/headers.ts';
import { ResponseParser } from './response-parser.ts';
import type { ResponseSink } from './response-parser.ts';

type Chunk = IteratorResult<Uint8Array, undefined> & { isLast?: boolean };

const DONE: Chunk = { done: true, value: undefined };

/**
 * Node's own request and response on a socket of ours.
 *
 *     wsgi.input → read → req → listener → res → socket → parser → queue → next() → gateway
 *
 * A write is acknowledged when its bytes have been taken from the queue and the gateway asks for
 * more: Node's stream does the rest (buffering, `drain`, `finish`).
 */
export class NodeExchange implements SocketOwner, ResponseSink, AsyncIterableIterator<Uint8Array> {
  readonly #environ: Environ;
  readonly #startResponse: StartResponse;
  readonly #socket: GatewaySocket;
  readonly #parser: ResponseParser;
  readonly #req: IncomingMessage;
  readonly #res: GatewayResponse;

  #write: Write | undefined; // once the head has been parsed
  #unsentHead = false; // the head waits for the first bytes of the body
  readonly #queue: (Uint8Array | string)[] = []; // text only if it was asked for
  #written: (() => void) | undefined; // acknowledges the write that the queue is from
  #waiter: Taker | undefined;
  #failure: { error: unknown } | undefined;
  #isOver = false; // nobody takes the response any more, or it is complete
  #isTelling = false; // that it was taken, see #tell
  #isFinished = false; // the response has said so
  #isReading = false;
  #wantsMore = false;
  #awaitsRequest = false;
  #awaitsDrain = false;

  /** @param keepsText whether a body that is text may stay text: where the gateway itself takes it */
  constructor(environ: Environ, startResponse: StartResponse, keepsText: boolean) {
    this.#environ = environ;
    this.#startResponse = startResponse;
    this.#socket = new GatewaySocket(environ, this);
    this.#parser = new ResponseParser(this, environ.REQUEST_METHOD === 'HEAD', keepsText);
    this.#req = createRequest(environ, this.#socket);
    this.#req.complete = !hasBody(environ);
    this.#res = new GatewayResponse(this.#req);
    this.#res.assignSocket(this.#socket as unknown as Socket);
    this.#res.removeHeader('connection'); // which is added otherwise, to be left out again
    this.#res.on('finish', () => this.#onFinish());
    setClientVersion(this.#req, environ.SERVER_PROTOCOL);
  }

  /**
   * Calls the listener.
   *
   * @returns the body: its chunks when the whole response is there already, or else itself. Itself, too, when that is
   *   much: the response has finished when the client has taken it
   */
  run(listener: RequestListener): Iterable<Uint8Array> | AsyncIterable<Uint8Array> {
    try {
      const result: unknown = listener(this.#req, this.#res);
      if (isPromise(result)) result.then(undefined, (error: unknown) => this.#rejected(error));
      else if (isBody(result) && !this.#res.headersSent) throw notAListener();
    } catch (error) {
      this.#fail(error);
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    if (!this.#res.writableEnded || !this.#parser.isComplete || this.#isBusy) return this;
    if (this.#written !== undefined) return this; // it is much
    this.#isOver = true;
    return this.#queue as Uint8Array[];
  }

  // ---- the response, as the handler takes it

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Chunk> {
    return new Promise((resolve, reject) =>
      this[TAKE]({ onStep: resolve as Taker['onStep'], onError: reject }),
    );
  }

  [TAKE](taker: Taker): void {
    this.#waiter = taker;
    if (this.#queue.length === 0) {
      this.#acknowledge();
      // Not at once: a write of `end()` comes before the response says that it has ended.
      if (this.#unsentHead) queueMicrotask(() => this.#flushHead());
    }
    this.#advance();
  }

  #shift(): Chunk {
    const value = this.#queue.shift() as Uint8Array;
    this.#unsentHead = false;
    const isWhole = this.#queue.length === 0 && this.#hasEnded && !this.#isBusy;
    const isLast = isWhole && value.length <= HIGH_WATER_MARK;
    if (isLast) this.#isOver = true;
    return { done: false, value, isLast };
  }

  /** The body has been sent, or was left with {@link return}. */
  close(): void {
    if (this.#hasEnded && !this.#socket.destroyed) this.#acknowledge();
  }

  /** The handler asks for no more: the client has left, or the response has failed. */
  return(): Promise<Chunk> {
    this.#isOver = true;
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.onStep(DONE);
    this.#socket.destroy();
    if (!this.#res.writableFinished) this.#abortRequest();
    return Promise.resolve(DONE);
  }

  /** Answers the pending {@link next}, if that can be. */
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
      this.#awaitRequest();
    } else if (this.#hasEnded) {
      this.#isOver = true;
      this.#waiter = undefined;
      waiter.onStep(DONE);
    }
  }

  get #hasEnded(): boolean {
    return this.#parser.isComplete || this.#res.writableFinished;
  }

  /** Whether nothing of the response is to come from the application. */
  get #isWritten(): boolean {
    return this.#res.writableEnded && this.#hasEnded;
  }

  /** Whether the application still takes in the request: it may answer first. */
  get #isBusy(): boolean {
    const req = this.#req;
    // Piped into something that is full, it does not flow for the moment.
    const isRead = req.readableFlowing === true || req.listenerCount('data') > 0;
    return isRead && !req.destroyed && !req.readableEnded;
  }

  /** The end of the response is that of the request for the gateway: it waits for the reader. */
  #awaitRequest(): void {
    if (this.#awaitsRequest) return;
    this.#awaitsRequest = true;
    this.#req.once('close', () => this.#advance());
  }

  /** `flushHeaders()`: a head without a body that is to leave now. */
  #flushHead(): void {
    if (!this.#unsentHead || this.#isOver || this.#hasEnded) return;
    this.#unsentHead = false;
    try {
      void this.#write!(EMPTY);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** What the gateway was given was taken. Listeners of the response run in a turn of their own. */
  #acknowledge(): void {
    const written = this.#written;
    if (written === undefined) return;
    this.#written = undefined;
    process.nextTick(written);
  }

  /** Tells the response that what it has written was taken, and closes it if that was all. */
  #tell(done: () => void): void {
    if (this.#socket.destroyed && !this.#isWritten) return;
    this.#isTelling = true;
    try {
      done();
    } finally {
      this.#isTelling = false;
      if (this.#isFinished) this.#close();
      else if (this.#socket.destroyed) this.#abortRequest();
    }
  }

  // ---- the response, as the listener gives it

  onWrite(written: readonly Written[], done: () => void): void {
    if (this.#isOver) {
      done();
      return;
    }
    if (this.#socket.writableNeedDrain) this.#awaitDrain();
    for (const { chunk, encoding } of written) this.#parser.write(chunk, encoding);
    // Listeners find the AsyncLocalStorage of the write, as under node:http: a tick takes it along, the gateway does not.
    const tell = (): void => this.#tell(done);
    // What a socket takes at once is taken; what is more waits for the gateway.
    const isTaken = this.#parser.isComplete && lengthOf(this.#queue) <= HIGH_WATER_MARK;
    if (isTaken) process.nextTick(tell);
    else this.#written = AsyncResource.bind(tell);
    if (this.#waiter === undefined) return;
    if (this.#queue.length > 0) this.#advance();
    else queueMicrotask(() => this.#onEmptyWrite());
  }

  /** Something was written that has no body: a head, or the end. */
  #onEmptyWrite(): void {
    if (this.#queue.length > 0) return;
    this.#acknowledge();
    this.#flushHead();
    this.#advance();
  }

  onHead(status: string, headers: Header[]): void {
    try {
      this.#write = this.#startResponse(status, headers);
      this.#unsentHead = true;
    } catch (error) {
      this.#fail(error);
    }
  }

  onBody(bytes: Buffer | string): void {
    this.#queue.push(bytes);
  }

  #awaitDrain(): void {
    if (this.#awaitsDrain) return;
    this.#awaitsDrain = true;
    this.#socket.once('drain', () => this.#onDrain());
  }

  #onDrain(): void {
    this.#awaitsDrain = false;
    if (this.#res.writableEnded) return;
    // Node's own server resets what this is read from by means that are not public.
    Object.defineProperty(this.#res, 'writableNeedDrain', NEED_DRAIN);
    this.#res.emit('drain');
  }

  /** As Node's server does after a response. */
  #onFinish(): void {
    const req = this.#req;
    // What is unread is given up; `end` and `close` come all the same.
    if (req.readableFlowing === null && req.listenerCount('end') + req.listenerCount('close') > 0) {
      req.resume();
      if (this.#socket.destroyed) this.#endRequest(); // which it does not ask for
    }
    this.#advance();
    this.#isFinished = true;
    // After the application's own listeners. (Each tick is a noticeable part of a small request.)
    if (!this.#isTelling) process.nextTick(() => this.#close());
  }

  #close(): void {
    if (this.#socket.destroyed) return;
    this.#socket.setTimeout(0);
    this.#socket.emit('close'); // and with it the response
    this.#res.detachSocket(this.#socket as unknown as Socket);
  }

  // ---- the request body

  /** How Node's request asks its socket for more. */
  onResume(): void {
    if (this.#req.complete || this.#isOver) this.#endRequest();
    else {
      this.#wantsMore = true;
      if (!this.#isReading) void this.#read();
    }
  }

  async #read(): Promise<void> {
    this.#isReading = true;
    try {
      while (this.#wantsMore) {
        this.#wantsMore = false;
        const chunk = await this.#environ['wsgi.input'].read1(HIGH_WATER_MARK);
        this.#socket.touch();
        if (chunk.length === 0) this.#endRequest();
        else if (this.#req.push(chunk)) this.#wantsMore = true;
      }
    } catch (error) {
      this.#req.destroy(error as Error);
    }
    this.#isReading = false;
  }

  #endRequest(): void {
    this.#req.complete = true;
    if (!this.#req.destroyed) this.#req.push(null);
  }

  // ---- what goes wrong

  onDestroy(error: Error | null): void {
    const wasOver = this.#isOver;
    this.#isOver = true;
    // What is written is on its way: `res.end('too large'); req.destroy()` is an answer.
    if (!this.#isWritten && !wasOver) {
      this.#failure ??= {
        error: error ?? new ApplicationError('the application destroyed its response'),
      };
    }
    this.#advance();
    if (!this.#isWritten) this.#abortRequest();
    else if (!wasOver) this.#acknowledge();
  }

  /** As under node:http, a request is aborted as long as it has no answer. */
  #abortRequest(): void {
    this.#req.destroy(connectionReset());
  }

  onTimeout(): boolean {
    const heardByRequest = this.#req.emit('timeout', this.#socket);
    return this.#res.emit('timeout', this.#socket) || heardByRequest;
  }

  /** The response cannot be completed. */
  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#advance();
    this.#isOver = true;
    this.#socket.destroy();
  }

  /** The listener is an async function, and has thrown. */
  #rejected(error: unknown): void {
    // After the end there is no response to break: it goes unhandled, as under node:http.
    if (this.#isOver) throw error;
    this.#fail(error);
  }
}

function lengthOf(chunks: readonly (Uint8Array | string)[]): number {
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  return length;
}

const NEED_DRAIN: PropertyDescriptor = {
  get(this: GatewayResponse) {
    if (this.destroyed || this.writableEnded) return false;
    // Newer versions of Node keep a turn's writes in the response before they reach the socket.
    const isFull = this.writableLength >= this.writableHighWaterMark;
    return isFull || this.socket?.writableNeedDrain === true;
  },
  configurable: true,
};

/** What `req` is destroyed with under node:http when the client leaves. */
function connectionReset(): Error {
  return Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
}

/** Only an application returns one. */
function isBody(result: unknown): boolean {
  if (result === null || typeof result !== 'object') return false;
  return Symbol.iterator in result || Symbol.asyncIterator in result;
}

function notAListener(): ApplicationError {
  return new ApplicationError(
    'the Node listener returned a body instead of answering; an application (environ, ' +
      'startResponse) is started with --interface wsgi',
  );
}
