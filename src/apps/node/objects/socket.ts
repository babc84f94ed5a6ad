/**
 * The socket of a request that came through a gateway: `req.socket` for applications, and the socket to which Node's
 * `ServerResponse` writes.
 *
 * Nothing is read from it: the body is pushed into the request itself. So it is a Writable with those members of a
 * Readable that Node and applications use; stand-in.ts has the others. A Duplex would cost a small response several
 * percent.
 */

import { Writable } from 'node:stream';
import type { AddressInfo } from 'node:net';

import type { Environ } from '../../../types.ts';
import { addMembers, assignMember } from './stand-in.ts';

/** One write of Node's response. */
export interface SocketWrite {
  chunk: string | Uint8Array;
  encoding: BufferEncoding;
}

type Callback = (error?: Error | null) => void;

/** The exchange to which a socket belongs. */
export interface SocketOwner {
  /** The request asks for more of its body. */
  onResume(): void;
  /** @param done to be called when more can be taken */
  onWrite(writes: readonly SocketWrite[], done: Callback): void;
  /** The socket was destroyed, by the application or because the client has left. */
  onDestroy(error: Error | null): void;
  /** Nothing was read or written for the time that the application has set. @returns whether it has a listener for that */
  onTimeout(): boolean;
}

export class GatewaySocket extends Writable {
  readonly #environ: Environ;
  readonly #owner: SocketOwner;
  #timer: NodeJS.Timeout | undefined;
  #isInputEnded = false;

  /** Milliseconds, as given to {@link setTimeout}. */
  timeout: number | undefined;
  /** Bytes of the request body that were read. */
  bytesRead = 0;
  bytesWritten = 0;
  readonly connecting = false;
  readonly pending = false;

  constructor(environ: Environ, owner: SocketOwner) {
    super({ decodeStrings: false, emitClose: false });
    this.#environ = environ;
    this.#owner = owner;
  }

  // ---- the writable side

  override _write(chunk: string | Uint8Array, encoding: BufferEncoding, done: Callback): void {
    this.#write([{ chunk, encoding }], done);
  }

  override _writev(chunks: SocketWrite[], done: Callback): void {
    this.#write(chunks, done);
  }

  #write(writes: readonly SocketWrite[], done: Callback): void {
    this.#timer?.refresh();
    for (const { chunk } of writes) this.bytesWritten += chunk.length;
    this.#owner.onWrite(writes, done);
  }

  // ---- the readable side

  get readable(): boolean {
    return !this.destroyed;
  }

  set readable(value: boolean) {
    assignMember(this, 'readable', value);
  }

  get readableHighWaterMark(): number {
    return this.writableHighWaterMark;
  }

  /** Node's request calls this to get more of its body. */
  resume(): this {
    this.#owner.onResume();
    return this;
  }

  /** Does nothing: a paused request asks for no more. */
  pause(): this {
    return this;
  }

  // ---- the end

  /** After `socket.end()` the socket is destroyed: it is never half-closed. */
  override _final(done: Callback): void {
    done();
    // After 'finish'.
    process.nextTick(() => {
      this.endInput();
      this.destroy();
    });
  }

  override _destroy(error: Error | null, done: Callback): void {
    this.setTimeout(0);
    this.#owner.onDestroy(error);
    // As under node:http, an error without a listener is not thrown.
    done(this.listenerCount('error') > 0 ? error : null);
    // As under node:http, where the descriptor is closed first.
    setImmediate(() => this.emit('close', error !== null));
  }

  /** The client sends no more: emits 'end', once. */
  endInput(): void {
    if (this.#isInputEnded) return;
    this.#isInputEnded = true;
    this.emit('end');
  }

  destroySoon(): void {
    this.end();
  }

  /** Whether somebody wants to know of the end of the connection. */
  hasListeners(): boolean {
    const count = this.listenerCount('end') + this.listenerCount('finish');
    return count + this.listenerCount('close') > 0;
  }

  /** The client closes the connection, as far as the application can know of it. */
  hangUp(): void {
    this.endInput();
    this.end();
  }

  resetAndDestroy(): this {
    return this.destroy();
  }

  // ---- the connection of the client

  get remoteAddress(): string | undefined {
    return this.#environ['REMOTE_ADDR'] as string | undefined;
  }

  get remotePort(): number | undefined {
    return portOf(this.#environ['REMOTE_PORT']);
  }

  get remoteFamily(): string | undefined {
    return familyOf(this.remoteAddress);
  }

  get localAddress(): string | undefined {
    return this.#environ['SERVER_ADDR'] as string | undefined;
  }

  get localPort(): number | undefined {
    return portOf(this.#environ.SERVER_PORT);
  }

  get localFamily(): string | undefined {
    return familyOf(this.localAddress);
  }

  address(): AddressInfo | object {
    const { localAddress: address, localFamily: family, localPort: port } = this;
    return address === undefined ? {} : { address, family, port };
  }

  /** Whether the connection of the client is encrypted, as in `tls.TLSSocket`. That to the front end may not be. */
  get encrypted(): unknown {
    return this.#environ['wsgi.url_scheme'] === 'https' ? true : undefined;
  }

  set encrypted(value: unknown) {
    assignMember(this, 'encrypted', value);
  }

  get readyState(): string {
    return this.destroyed ? 'closed' : 'open';
  }

  // ---- settings

  /** Emits 'timeout' after so many milliseconds in which nothing was written or read; 0: never. */
  setTimeout(timeout: number, callback?: () => void): this {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.timeout = timeout;
    if (callback !== undefined) {
      if (timeout > 0) this.once('timeout', callback);
      else this.off('timeout', callback);
    }
    if (timeout > 0) this.#timer = setTimeout(() => this.#onTimeout(), timeout).unref();
    return this;
  }

  /** So many bytes of the body were read: restarts the timeout. */
  received(length: number): void {
    this.bytesRead += length;
    this.#timer?.refresh();
  }

  #onTimeout(): void {
    // As in Node, only listeners of the request and the response keep the connection.
    if (!this.#owner.onTimeout()) this.destroy();
    this.emit('timeout');
  }

  /** This and the following do nothing: the connection is that of the front end. */
  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

addMembers(GatewaySocket.prototype);

/** The number of a port in the environ. */
export function portOf(port: unknown): number | undefined {
  const number = Number(port);
  return typeof port === 'string' && Number.isInteger(number) ? number : undefined;
}

/** The family of an IP address, as sockets tell it. */
export function familyOf(address: string | undefined): string | undefined {
  if (address === undefined) return undefined;
  return address.includes(':') ? 'IPv6' : 'IPv4';
}
