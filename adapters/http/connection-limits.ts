/** Memory and time limits of one connection. Those of a request are in handler.ts and body.ts. */

import type { Socket } from 'node:net';

import { Share } from '../../src/resources/resources.ts';
import type { Expiring, Gateway } from './gateway.ts';

/** Bytes that are counted for pipelined requests: their text is limited, and node:http has two objects for each. */
const PIPELINE_SIZE = 64 * 1024;

/** The connection, as its limits see it. */
export interface LimitedConnection {
  /** Whether pipelined requests wait for their turn. */
  readonly hasWaitingRequests: boolean;
  /** Whether nothing has come on it yet. */
  readonly isNew: boolean;
  /** Whether the last request has been answered completely. */
  readonly isIdle: boolean;
  destroy(): void;
  /** The client has taken nothing of the output for sendTimeout. */
  sendTimedOut(): void;
}

/** What libuv has not passed to the kernel yet. It alone shows progress within a large write. */
interface Handle {
  readonly writeQueueSize?: number;
}

export class ConnectionLimits implements Expiring {
  readonly #connection: LimitedConnection;
  readonly #socket: Socket;
  readonly #gateway: Gateway;
  readonly #share: Share;
  readonly #bytesAtStart: number;
  #bytesAtCheck = 0;
  #watchesOutput = false;
  readonly #output: Expiring = { expire: () => this.#checkProgress() };
  #unsent = 0; // bytes of output, at the last check

  constructor(connection: LimitedConnection, socket: Socket, gateway: Gateway) {
    this.#connection = connection;
    this.#socket = socket;
    this.#gateway = gateway;
    this.#share = new Share(gateway.resources);
    this.#bytesAtStart = socket.bytesRead; // with TLS: those of the handshake
  }

  get hasReceived(): boolean {
    return this.#socket.bytesRead !== this.#bytesAtStart;
  }

  // ---- memory

  /** Counts an incomplete head, requests that wait, and output that waits. */
  countMemory(): void {
    if (this.#socket.destroyed) {
      this.#share.set(0);
      return;
    }
    const waiting = this.#connection.hasWaitingRequests ? PIPELINE_SIZE : 0;
    const output = this.#watchesOutput ? this.#socket.writableLength : 0;
    this.#share.set(this.#gateway.limits.maxHeaderSize + waiting + output);
  }

  // ---- time

  /**
   * Output waits for the client, which has to take some of it in each sendTimeout. Not by the timeout of the socket: a
   * Node listener may set that one.
   */
  watchOutput(): void {
    if (!this.#watchesOutput) {
      this.#watchesOutput = true;
      this.#watchProgress();
    }
    this.countMemory();
  }

  unwatchOutput(): void {
    this.#watchesOutput = false;
    this.#gateway.unwatch(this.#output);
    this.countMemory();
  }

  #watchProgress(): void {
    this.#unsent = this.#unsentBytes;
    this.#gateway.watch(this.#output, this.#gateway.limits.sendTimeout);
  }

  #checkProgress(): void {
    if (this.#socket.writableLength === 0) this.unwatchOutput();
    else if (this.#unsentBytes === this.#unsent) this.#connection.sendTimedOut();
    else this.#watchProgress();
  }

  /** It changes with each byte that the client takes, and with each write. */
  get #unsentBytes(): number {
    const { _handle: handle, writableLength } = this.#socket as Socket & { _handle?: Handle };
    return writableLength + (handle?.writeQueueSize ?? 0);
  }

  /** A server that stops waits one or two ticks for the first request of a new connection. */
  watchFirst(): void {
    this.#gateway.watch(this, 1);
  }

  /**
   * Closes the connection when it has been idle for idleTimeout. This is checked once in that time, not after each
   * request: an idle connection is found at the second check at the latest.
   */
  watchIdle(): void {
    this.#bytesAtCheck = this.#socket.bytesRead;
    this.#gateway.watch(this, this.#gateway.limits.idleTimeout);
  }

  expire(): void {
    const { isNew, isIdle } = this.#connection;
    if (isNew || (isIdle && this.#socket.bytesRead === this.#bytesAtCheck)) {
      this.#connection.destroy();
    } else this.watchIdle();
  }

  /** The connection is closed. */
  clear(): void {
    this.#gateway.unwatch(this);
    this.unwatchOutput();
  }
}
