/**
 * A connection that carries one request, as in SCGI and uwsgi: variables, body, response, close.
 *
 *     variables → request → closing
 *         └──────────┴── refused, reset, or closed by the peer
 */

import type { Socket } from 'node:net';

import { EMPTY } from '../bytes.ts';
import { GatewayError, ProtocolError } from '../errors.ts';
import { InputStream } from '../input/input-stream.ts';
import type { InputSource } from '../input/input-source.ts';
import { linger } from '../sockets/linger.ts';
import type { Gateway, VariablesReader } from './gateway.ts';
import type { RequestHandler, RequestTransport } from './handler.ts';
import { Share, sizeOfVariableList } from '../resources/resources.ts';
import type { Claim } from '../resources/resources.ts';
import type { Connection } from '../listening/server.ts';
import {
  onBodyTimeout,
  onResponseTimeout,
  sendTimeoutError,
  variablesTimeoutError,
} from './timeouts.ts';
import { writeAll } from '../sockets/writer.ts';
import { peerOf, resetSocket } from '../sockets/peer.ts';

export class RequestConnection implements Connection, RequestTransport, InputSource {
  readonly #gateway: Gateway;
  readonly #socket: Socket;
  #reader: VariablesReader | undefined; // from the first byte to the last of the variables
  #handler: RequestHandler | undefined; // once the variables are complete
  #input: InputStream | undefined;
  #bodyStart: Buffer = EMPTY; // the beginning of the body, if it came with the variables
  #isUnwanted = false; // the front end sends a body that is not the application's
  #bodyAwaited = false; // the application waits for more of the body
  #claim: Claim | undefined; // until the response has ended
  #closing = false; // the response is complete
  #drainWaiters: (() => void)[] | undefined; // called when the socket takes more
  #received = 0; // bytes of variables so far, while they are incomplete
  #share: Share | undefined; // of the server's memory: for these variables, later for output that waits

  constructor(socket: Socket, gateway: Gateway) {
    this.#socket = socket;
    this.#gateway = gateway;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('end', () => this.#peerEnded());
    socket.on('close', () => this.#closed());
    // 'close' follows. It is no error of this side if a front end resets its connection.
    socket.on('error', (error) => gateway.log.debug(this.#message(error.message)));
    gateway.deadlines.add(
      this,
      gateway.limits.variablesTimeout,
      RequestConnection.#onVariablesTimeout,
    );
  }

  // ---- the server's side

  shutdown(): void {
    // A front end that has just connected is about to send, and is still served.
    if (this.#reader !== undefined || this.#handler !== undefined) return;
    this.#gateway.deadlines.add(this, 1, RequestConnection.#onShutdownTimeout);
  }

  destroy(): void {
    resetSocket(this.#socket);
  }

  // ---- input

  #receive(chunk: Buffer): void {
    if (this.#handler === undefined) this.#readVariables(chunk);
    else if (this.#closing) this.#drain(chunk);
    else this.#readBody(chunk);
  }

  #readVariables(chunk: Buffer): void {
    const reader = (this.#reader ??= this.#gateway.createReader());
    let rest: Buffer | undefined;
    try {
      rest = reader.push(chunk);
    } catch (error) {
      this.#refuse(error);
      return;
    }
    if (rest === undefined) this.#holdVariables(chunk.length);
    else this.#start(reader.variables, rest);
  }

  #holdVariables(length: number): void {
    this.#received += length;
    this.#countMemory(2 * this.#received); // they are collected in a buffer that doubles
    const { shortage } = this.#gateway.resources;
    if (shortage !== undefined) this.#refuse(shortage);
  }

  /** Sets what this connection holds in memory without the body, which is counted by itself. */
  #countMemory(bytes: number): void {
    if (bytes > 0 || this.#share !== undefined) {
      (this.#share ??= new Share(this.#gateway.resources)).set(bytes);
    }
  }

  #start(variables: readonly string[], rest: Buffer): void {
    const gateway = this.#gateway;
    gateway.deadlines.delete(this);
    this.#reader = undefined;
    this.#countMemory(0);
    const handler = (this.#handler = gateway.createHandler(this, variables));
    const { resources } = gateway;
    const { refusal } = resources;
    if (refusal !== undefined) {
      handler.cancel(refusal);
      return;
    }
    this.#bodyStart = rest;
    const claim = (this.#claim = resources.begin());
    const run = handler.runIn(gateway.contexts, gateway.application);
    if (run === undefined) return;
    gateway.track(run, claim.untilRunEnds(sizeOfVariableList(variables)));
    if (handler.isOver || handler.headersSent) return;
    gateway.deadlines.add(handler, gateway.limits.responseTimeout, onResponseTimeout);
  }

  openInput(length: number, isUnwanted: boolean): InputStream {
    this.#isUnwanted = isUnwanted;
    this.#input = new InputStream(length, this, this.#gateway.resources);
    this.#input.push(this.#bodyStart);
    this.#bodyStart = EMPTY;
    return this.#input;
  }

  #readBody(chunk: Buffer): void {
    // Bytes behind the end of the body are dropped: the protocols have none.
    this.#input?.push(chunk);
    if (this.#bodyAwaited) this.#watchInput();
  }

  /** After the response. The rest of the body is still read, because many front ends send all of it before they read. */
  #drain(chunk: Buffer): void {
    this.#input?.push(chunk);
    if (this.#isBodyRead) this.#socket.destroySoon();
  }

  get #isBodyRead(): boolean {
    return this.#input?.complete === true && !this.#isUnwanted;
  }

  resume(): void {
    this.#socket.resume();
    this.#gateway.unread.delete(this.#input!);
    if (this.#closing) return;
    this.#bodyAwaited = !this.#input!.failed;
    this.#watchInput();
  }

  pause(): void {
    this.#socket.pause();
    this.#gateway.unread.add(this.#input!, () => this.#socket.resume());
    this.#bodyAwaited = false;
    this.#watchInput();
  }

  #watchInput(): void {
    const { deadlines, limits } = this.#gateway;
    const input = this.#input!;
    if (this.#bodyAwaited && !input.complete)
      deadlines.add(input, limits.bodyTimeout, onBodyTimeout);
    else deadlines.delete(input);
  }

  // ---- output

  write(head: string, chunk: Uint8Array): boolean {
    if (head !== '') this.#gateway.deadlines.delete(this.#handler!);
    const more = this.#send(head, chunk);
    if (!more) this.#watchOutput();
    return more;
  }

  drained(): Promise<void> {
    const socket = this.#socket;
    // A destroyed socket accepts all writes. An endless synchronous body would keep its 'close' from being emitted.
    if (socket.destroyed) this.#handler!.disconnect();
    if (socket.destroyed || !socket.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => this.#drainWaiters!.push(resolve));
  }

  end(head: string, last: Uint8Array | string = EMPTY): void {
    this.#closing = true;
    this.#forgetRequest();
    this.#responseOver();
    const socket = this.#socket;
    if (head !== '' || last.length > 0) this.#send(head, last);
    // If the body was read to its end, there is nothing to wait for: close when the kernel has the response.
    if (this.#isBodyRead) socket.destroySoon();
    else socket.end(() => this.#linger());
    if (socket.writableLength > 0) this.#watchOutput();
  }

  reset(): void {
    resetSocket(this.#socket);
  }

  #send(head: string, chunk: Uint8Array | string): boolean {
    const socket = this.#socket;
    return head === '' ? socket.write(chunk, 'latin1') : writeAll(socket, [head, chunk]);
  }

  /** Starts the send timeout. It is the timer of the socket, which alone sees progress within a large chunk. */
  #watchOutput(): void {
    const { sendTimeout } = this.#gateway.limits;
    if (this.#drainWaiters === undefined) {
      this.#drainWaiters = [];
      this.#socket.on('drain', () => this.#onDrain());
      this.#socket.on('timeout', () => {
        this.#refuse(sendTimeoutError());
      });
    }
    this.#socket.setTimeout(sendTimeout === Infinity ? 0 : sendTimeout);
    this.#countMemory(this.#socket.writableLength);
  }

  #onDrain(): void {
    this.#socket.setTimeout(0);
    this.#countMemory(0);
    const waiters = this.#drainWaiters!;
    this.#drainWaiters = [];
    for (const resolve of waiters) resolve();
  }

  // ---- the end

  /** The response is sent. Waits for the peer to read it and to close. */
  #linger(): void {
    this.#socket.setTimeout(0);
    this.#countMemory(0);
    linger(this.#socket, this.#gateway.deadlines, this.#gateway.limits);
  }

  /**
   * The peer has closed its side. No front end closes only one half of a connection, so the visitor has left, or the front
   * end has. (nginx closes as soon as the visitor leaves, the others after the response.)
   */
  #peerEnded(): void {
    if (this.#closing) return; // the socket ends after the last bytes of the response
    if (this.#reader !== undefined) {
      this.#refuse(new ProtocolError('the connection was closed within the variables'));
      return;
    }
    this.#input?.end();
    this.#handler?.disconnect(); // there is none for a health check: it has sent nothing
    this.#socket.destroy();
  }

  #closed(): void {
    this.#gateway.deadlines.delete(this);
    this.#forgetRequest();
    this.#handler?.disconnect();
    this.#responseOver();
    this.#countMemory(0);
    if (this.#drainWaiters !== undefined) this.#onDrain();
  }

  #responseOver(): void {
    this.#claim?.responseOver();
    this.#claim = undefined;
  }

  #forgetRequest(): void {
    const { deadlines } = this.#gateway;
    this.#bodyAwaited = false;
    if (this.#handler !== undefined) deadlines.delete(this.#handler);
    if (this.#input === undefined) return;
    deadlines.delete(this.#input);
    this.#gateway.unread.delete(this.#input);
  }

  /** Resets the connection, with one line in the log and without a response. */
  #refuse(error: unknown): void {
    if (!(error instanceof GatewayError)) throw error;
    this.#gateway.log.warn(this.#message(error.message));
    this.#handler?.disconnect();
    resetSocket(this.#socket);
  }

  #message(text: string): string {
    return `${this.#gateway.name}: ${peerOf(this.#socket)}: ${text}`;
  }

  static readonly #onVariablesTimeout = (connection: object): void => {
    (connection as RequestConnection).#refuse(variablesTimeoutError());
  };

  static readonly #onShutdownTimeout = (connection: object): void => {
    (connection as RequestConnection).#socket.destroy();
  };
}
