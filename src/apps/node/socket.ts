/**
 * The socket of a request that came through a gateway: what applications ask `req.socket` for, and
 * where Node's own `ServerResponse` writes to.
 *
 * Nothing is read from it: the body of a request comes through the request itself. So it is no Duplex, of which the
 * half that reads costs a small response several percent, and has what Node and applications ask of that half.
 */

import { Writable } from 'node:stream';
import type { AddressInfo } from 'node:net';

import type { Environ } from '../../types.ts';

/** A write that Node's response made. */
export interface Written {
  chunk: string | Uint8Array;
  encoding: BufferEncoding;
}

type Callback = (error?: Error | null) => void;

/** The exchange that a socket belongs to. */
export interface SocketOwner {
  /** More of the request body is wanted. */
  onResume(): void;
  /** @param done to be called when more can be taken */
  onWrite(written: readonly Written[], done: Callback): void;
  /** The application, or the departure of the client, has ended the connection. */
  onDestroy(error: Error | null): void;
  /** Nothing has moved for the time that the application has set. @returns whether it listens */
  onTimeout(): boolean;
}

export class GatewaySocket extends Writable {
  readonly #environ: Environ;
  readonly #owner: SocketOwner;
  #timer: NodeJS.Timeout | undefined;

  /** Milliseconds, as given to {@link setTimeout}. */
  timeout = 0;
  bytesWritten = 0;
  readonly connecting = false;
  readonly pending = false;

  constructor(environ: Environ, owner: SocketOwner) {
    super({ decodeStrings: false });
    this.#environ = environ;
    this.#owner = owner;
  }

  // ---- the half of it that writes

  override _write(chunk: string | Uint8Array, encoding: BufferEncoding, done: Callback): void {
    this.#write([{ chunk, encoding }], done);
  }

  override _writev(chunks: Written[], done: Callback): void {
    this.#write(chunks, done);
  }

  #write(written: readonly Written[], done: Callback): void {
    this.#timer?.refresh();
    for (const { chunk } of written) this.bytesWritten += chunk.length;
    this.#owner.onWrite(written, done);
  }

  // ---- the half of it that reads

  get readable(): boolean {
    return !this.destroyed;
  }

  get readableHighWaterMark(): number {
    return this.writableHighWaterMark;
  }

  /** How a request asks for its body. */
  resume(): this {
    this.#owner.onResume();
    return this;
  }

  /** The request that is paused is not read: nothing is left to be done here. */
  pause(): this {
    return this;
  }

  // ---- how it ends

  /** `socket.end()`: there is no half-closed connection here. */
  override _final(done: Callback): void {
    done();
    this.destroy();
  }

  override _destroy(error: Error | null, done: Callback): void {
    this.setTimeout(0);
    this.#owner.onDestroy(error);
    // As under node:http, an error of the connection nobody listens for is not thrown.
    done(this.listenerCount('error') > 0 ? error : null);
  }

  destroySoon(): void {
    this.end();
  }

  resetAndDestroy(): this {
    return this.destroy();
  }

  // ---- what is known of the connection

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

  /** Whether the client's connection is: the one to the front end may not be. As in `tls.TLSSocket`. */
  get encrypted(): true | undefined {
    return this.#environ['wsgi.url_scheme'] === 'https' ? true : undefined;
  }

  get readyState(): string {
    return this.destroyed ? 'closed' : 'open';
  }

  // ---- what can be set on it

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

  /** Something has moved. */
  touch(): void {
    this.#timer?.refresh();
  }

  #onTimeout(): void {
    const isHeard = this.#owner.onTimeout();
    // Node destroys a connection whose timeout nobody handles.
    if (!this.emit('timeout') && !isHeard) this.destroy();
  }

  /** The connection is the front end's: there is nothing to be set. */
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

function portOf(port: unknown): number | undefined {
  const number = Number(port);
  return typeof port === 'string' && Number.isInteger(number) ? number : undefined;
}

function familyOf(address: string | undefined): string | undefined {
  if (address === undefined) return undefined;
  return address.includes(':') ? 'IPv6' : 'IPv4';
}
