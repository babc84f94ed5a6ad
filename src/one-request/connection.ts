/**
 * A connection that carries one request, as in SCGI and uwsgi: variables, body, response, close.
 *
 *     variables → request → closing
 *         └──────────┴── refused, reset, or left by the peer
 */

import type { Socket } from 'node:net';

import { EMPTY } from '../bytes.ts';
import type { Deadlines } from '../resources/deadlines.ts';
import { GatewayError, LimitError, ProtocolError } from '../errors.ts';
import { InputStream } from '../handler/input.ts';
import type { InputSource } from '../handler/input.ts';
import { linger } from '../sockets/linger.ts';
import type { RequestCarrier, RequestHandler } from './handler.ts';
import type { RequestLimits } from './options.ts';
import { Share, sizeOfVariables } from '../resources/resources.ts';
import type { Claim, Resources } from '../resources/resources.ts';
import type { Connection } from '../listening/server.ts';
import { writeAll } from '../sockets/writer.ts';
import { peerOf, resetSocket } from '../sockets/peer.ts';
import type { ApplicationFunction, GatewayName, Log } from '../types.ts';
import type { UnreadBodies } from '../resources/unread-bodies.ts';

/** A protocol's codec for what comes before the body. */
export interface VariablesReader {
  /** Name, value, name, value …, as byte strings: once they are complete. */
  readonly variables: readonly string[];
  /**
   * Takes bytes as they come, split anywhere.
   *
   * @returns undefined while more is needed; then what of `chunk` lies behind the variables
   * @throws {ProtocolError} for what the protocol does not allow
   * @throws {LimitError} for more than the limits allow
   */
  push(chunk: Buffer): Buffer | undefined;
}

/** What all connections of a server share. */
export interface Gateway {
  readonly name: GatewayName;
  readonly application: ApplicationFunction;
  readonly limits: RequestLimits;
  readonly log: Log;
  readonly deadlines: Deadlines<object>;
  readonly resources: Resources;
  readonly unread: UnreadBodies;
  createReader(): VariablesReader;
  createHandler(carrier: RequestCarrier, variables: readonly string[]): RequestHandler;
  /** The server waits for it when it stops. @param onEnd called at its end */
  track(run: PromiseLike<void>, onEnd: () => void): void;
}

export class RequestConnection implements Connection, RequestCarrier, InputSource {
  readonly #gateway: Gateway;
  readonly #socket: Socket;
  #reader: VariablesReader | undefined; // from the first byte to the last of the variables
  #handler: RequestHandler | undefined; // from then on
  #input: InputStream | undefined;
  #early: Buffer = EMPTY; // beginning of the body, which came with the variables
  #wanted = false; // the application waits for the body
  #claim: Claim | undefined; // while the request is among those in flight
  #closing = false; // the response is complete
  #waiters: (() => void)[] | undefined; // for the socket to take more
  #gathered = 0; // bytes of variables that are not complete
  #share: Share | undefined; // of the server's memory, for these, then for output that waits

  constructor(socket: Socket, gateway: Gateway) {
    this.#socket = socket;
    this.#gateway = gateway;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('end', () => this.#peerEnded());
    socket.on('close', () => this.#closed());
    // 'close' follows. That a front end resets its connection is no error of ours.
    socket.on('error', (error) => gateway.log.debug(this.#message(error.message)));
    gateway.deadlines.add(this, gateway.limits.variablesTimeout, RequestConnection.#slow);
  }

  // ---- the server's side

  shutdown(): void {
    // A front end sends at once. What has connected just now is about to, and is still served.
    if (this.#reader !== undefined || this.#handler !== undefined) return;
    this.#gateway.deadlines.add(this, 1, RequestConnection.#cut);
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
    this.#gathered += length;
    this.#hold(2 * this.#gathered); // they are gathered in a buffer that doubles
    const { shortage } = this.#gateway.resources;
    if (shortage !== undefined) this.#refuse(shortage);
  }

  /** Counts what waits in this connection's memory, beside the body. */
  #hold(bytes: number): void {
    if (bytes > 0 || this.#share !== undefined) {
      (this.#share ??= new Share(this.#gateway.resources)).set(bytes);
    }
  }

  #start(variables: readonly string[], rest: Buffer): void {
    const gateway = this.#gateway;
    gateway.deadlines.delete(this);
    this.#reader = undefined;
    this.#hold(0);
    const handler = (this.#handler = gateway.createHandler(this, variables));
    const { resources } = gateway;
    const { refusal } = resources;
    if (refusal !== undefined) {
      handler.cancel(refusal);
      return;
    }
    this.#early = rest;
    const claim = (this.#claim = resources.begin());
    const run = handler.run(gateway.application);
    if (run === undefined) return;
    gateway.track(run, claim.goesOn(sizeOf(variables)));
    if (handler.isOver || handler.headersSent) return;
    gateway.deadlines.add(handler, gateway.limits.responseTimeout, expire);
  }

  openInput(length: number): InputStream {
    this.#input = new InputStream(length, this, this.#gateway.resources);
    this.#input.push(this.#early);
    this.#early = EMPTY;
    return this.#input;
  }

  #readBody(chunk: Buffer): void {
    // Behind its end nothing is expected, and nothing is kept.
    this.#input?.push(chunk);
    if (this.#wanted) this.#watchInput();
  }

  /** What the application has left unread is read all the same: many front ends send before they listen. */
  #drain(chunk: Buffer): void {
    this.#input?.push(chunk);
    if (this.#input?.complete === true) this.#socket.destroySoon();
  }

  resume(): void {
    this.#socket.resume();
    this.#gateway.unread.delete(this.#input!);
    if (this.#closing) return;
    this.#wanted = !this.#input!.failed;
    this.#watchInput();
  }

  pause(): void {
    this.#socket.pause();
    this.#gateway.unread.add(this.#input!, () => this.#socket.resume());
    this.#wanted = false;
    this.#watchInput();
  }

  #watchInput(): void {
    const { deadlines, limits } = this.#gateway;
    const input = this.#input!;
    if (this.#wanted && !input.complete) deadlines.add(input, limits.bodyTimeout, stall);
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
    // A destroyed socket takes everything, and an endless body would never let its 'close' come.
    if (socket.destroyed) this.#handler!.disconnect();
    if (socket.destroyed || !socket.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => this.#waiters!.push(resolve));
  }

  end(head: string, last: Uint8Array | string = EMPTY): void {
    this.#closing = true;
    this.#forgetRequest();
    this.#responseOver();
    const socket = this.#socket;
    if (head !== '' || last.length > 0) this.#send(head, last);
    // With all read there is nothing to wait for: closed as soon as the kernel has the response.
    if (this.#input?.complete === true) socket.destroySoon();
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

  /** The socket's own timer: it alone sees progress within a large chunk. */
  #watchOutput(): void {
    const { sendTimeout } = this.#gateway.limits;
    if (this.#waiters === undefined) {
      this.#waiters = [];
      this.#socket.on('drain', () => this.#taken());
      this.#socket.on('timeout', () => {
        this.#refuse(new LimitError('sendTimeout', 'nothing was read for sendTimeout'));
      });
    }
    this.#socket.setTimeout(sendTimeout === Infinity ? 0 : sendTimeout);
    this.#hold(this.#socket.writableLength);
  }

  #taken(): void {
    this.#socket.setTimeout(0);
    this.#hold(0);
    const waiters = this.#waiters!;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }

  // ---- the end

  /** The response is out; the peer is to take it and to close. */
  #linger(): void {
    this.#socket.setTimeout(0);
    this.#hold(0);
    linger(this.#socket, this.#gateway.deadlines, this.#gateway.limits);
  }

  /**
   * The peer has closed its side. No front end closes one half only: its visitor has left, or it has
   * (nginx says so at once, the others after the response).
   */
  #peerEnded(): void {
    if (this.#closing) return; // the socket ends by itself, with the last of the response
    if (this.#handler === undefined) {
      this.#peerEndedEarly();
      return;
    }
    this.#input?.end();
    this.#handler.disconnect();
    this.#socket.destroy();
  }

  #peerEndedEarly(): void {
    if (this.#reader === undefined) this.#socket.destroy(); // only looked whether somebody is there
    else this.#refuse(new ProtocolError('the connection was closed within the variables'));
  }

  #closed(): void {
    this.#gateway.deadlines.delete(this);
    this.#forgetRequest();
    this.#handler?.disconnect();
    this.#responseOver();
    this.#hold(0);
    if (this.#waiters !== undefined) this.#taken();
  }

  #responseOver(): void {
    this.#claim?.responseOver();
    this.#claim = undefined;
  }

  #forgetRequest(): void {
    const { deadlines } = this.#gateway;
    this.#wanted = false;
    if (this.#handler !== undefined) deadlines.delete(this.#handler);
    if (this.#input === undefined) return;
    deadlines.delete(this.#input);
    this.#gateway.unread.delete(this.#input);
  }

  /** Gives the connection up: one line in the log, no answer. */
  #refuse(error: unknown): void {
    if (!(error instanceof GatewayError)) throw error;
    this.#gateway.log.warn(this.#message(error.message));
    this.#handler?.disconnect();
    resetSocket(this.#socket);
  }

  #message(text: string): string {
    return `${this.#gateway.name}: ${peerOf(this.#socket)}: ${text}`;
  }

  static readonly #slow = (connection: object): void => {
    const error = new LimitError(
      'variablesTimeout',
      'the variables took longer than variablesTimeout',
    );
    (connection as RequestConnection).#refuse(error);
  };

  static readonly #cut = (connection: object): void => {
    (connection as RequestConnection).#socket.destroy();
  };
}

/** Bytes of memory. @param variables name, value, name, value … */
function sizeOf(variables: readonly string[]): number {
  let length = 0;
  for (const text of variables) length += text.length;
  return sizeOfVariables(variables.length / 2, length);
}

function expire(handler: object): void {
  (handler as RequestHandler).cancel(
    new LimitError('responseTimeout', 'no response within responseTimeout'),
  );
}

function stall(input: object): void {
  (input as InputStream).destroy(
    new LimitError('bodyTimeout', 'the body stalled for bodyTimeout', '408 Request Timeout'),
  );
}
