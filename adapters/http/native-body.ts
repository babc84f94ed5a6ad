/**
 * The body of a request that a Node listener does not read.
 *
 * node:http stops reading the connection when its stream is full, and then nobody sees that the client has left. So the
 * rest of the body is stored, and put into the stream when the listener reads on. For that two methods of the stream are
 * replaced: `push`, which node:http's parser calls, and `_read`, which the stream calls.
 */

import type { IncomingMessage } from 'node:http';

import type { LimitError } from '../../src/errors.ts';
import { Overflow } from '../../src/resources/overflow.ts';
import type { UnreadBody } from '../../src/resources/unread-bodies.ts';
import type { Gateway } from './gateway.ts';

export class NativeBody implements UnreadBody {
  readonly #request: IncomingMessage;
  readonly #gateway: Gateway;
  readonly #push: IncomingMessage['push'];
  readonly #read: () => void;
  readonly #overflow: Overflow;
  #pushed = 0; // bytes that the stream has been given
  #ended = false; // the whole body has come
  #isOver = false; // the response has ended

  /** Replaces the two methods. */
  constructor(request: IncomingMessage, gateway: Gateway) {
    this.#request = request;
    this.#gateway = gateway;
    this.#overflow = new Overflow(gateway.resources.spool);
    this.#push = request.push.bind(request);
    this.#read = request._read.bind(request, 0);
    request.push = (chunk: Buffer | null) => this.#receive(chunk);
    request._read = () => this.#refill();
  }

  /** Bytes that the listener has taken. */
  get taken(): number {
    return this.#pushed - this.#request.readableLength;
  }

  get complete(): boolean {
    return this.#ended;
  }

  spill(): LimitError | 'later' | undefined {
    return this.#overflow.open();
  }

  // No `destroy`: a listener may read as late as it likes, and must not take a part for the whole body. requestTimeout
  // ends the wait.

  /** The response has ended. A listener that has begun to read may go on. */
  end(): void {
    this.#isOver = true;
    this.#gateway.unread.delete(this);
    const request = this.#request;
    if (this.taken > 0 && !request.destroyed) {
      request.once('close', () => this.#overflow.close());
      return;
    }
    // node:http discards a body that nobody has read. It takes this one for read, because _read was called on it.
    request.resume();
    if (!this.#overflow.isOpen) return;
    this.#overflow.close();
    if (this.#ended) this.#push(null);
    else this.#read();
  }

  /** Called by the parser. @returns whether it reads on */
  #receive(chunk: Buffer | null): boolean {
    if (chunk === null) this.#ended = true;
    if (this.#overflow.isOpen) return chunk === null || this.#overflow.append(chunk);
    this.#pushed += chunk?.length ?? 0;
    const more = this.#push(chunk);
    if (!more && !this.#ended && !this.#isOver) this.#gateway.unread.add(this, this.#read);
    return more;
  }

  /** Called by the stream, which has room for more. */
  #refill(): void {
    if (this.#overflow.length > 0) {
      this.#load();
      return;
    }
    this.#overflow.close();
    this.#gateway.unread.delete(this);
    if (this.#ended) this.#push(null);
    else this.#read();
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
}
