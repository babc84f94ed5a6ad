/**
 * The body of a request that a Node listener has, and does not read.
 *
 * node:http stops reading the connection when as much is waiting as its stream holds, and then nobody sees that the
 * client has left. So what comes after that is stored, and put into the stream when the listener reads on. It is done
 * at the stream's own two ends, `push` and `_read`, which node:http's parser and the stream call.
 */

import type { IncomingMessage } from 'node:http';

import { LimitError } from '../../src/errors.ts';
import { HIGH_WATER_MARK } from '../../src/limits.ts';
import type { SpoolFile } from '../../src/spool.ts';
import type { UnreadBody } from '../../src/unread-bodies.ts';
import type { Gateway } from './gateway.ts';

export class NativeBody implements UnreadBody {
  readonly #request: IncomingMessage;
  readonly #gateway: Gateway;
  readonly #push: IncomingMessage['push'];
  readonly #read: () => void;
  #spool: SpoolFile | undefined;
  #isLoading = false;
  #pushed = 0; // bytes that the stream has been given
  #ended = false; // all of the body has come
  #isOver = false;

  /** Takes its place between parser and stream. */
  constructor(request: IncomingMessage, gateway: Gateway) {
    this.#request = request;
    this.#gateway = gateway;
    this.#push = request.push.bind(request);
    this.#read = request._read.bind(request, 0);
    request.push = (chunk: Buffer | null) => this.#receive(chunk);
    request._read = () => this.#wanted();
  }

  /** Bytes that the listener has taken. */
  get taken(): number {
    return this.#pushed - this.#request.readableLength;
  }

  get complete(): boolean {
    return this.#ended;
  }

  spill(): LimitError | 'later' | undefined {
    this.#spool ??= this.#gateway.resources.spool.open();
    const spool = this.#spool;
    if (spool === undefined) return new LimitError('spoolDir', 'there is no spool');
    return spool.refusal ?? (spool.isBusy ? 'later' : undefined);
  }

  /** A listener reads whenever it likes, and is not to take what has come for the whole: requestTimeout ends it. */
  destroy(): void {}

  /** The response is over: nobody reads any more. */
  end(): void {
    this.#isOver = true;
    this.#gateway.unread.delete(this);
    if (this.#spool === undefined) return;
    this.#closeSpool();
    if (this.#ended) this.#push(null);
    else this.#read();
  }

  /** From the parser. @returns whether it is to read on */
  #receive(chunk: Buffer | null): boolean {
    if (chunk === null) this.#ended = true;
    const spool = this.#spool;
    if (spool !== undefined) {
      if (chunk !== null) spool.append(chunk);
      return !spool.isBusy && spool.refusal === undefined;
    }
    this.#pushed += chunk?.length ?? 0;
    const more = this.#push(chunk);
    if (!more && !this.#ended && !this.#isOver) this.#gateway.unread.add(this, this.#read);
    return more;
  }

  /** The stream wants more. */
  #wanted(): void {
    if (this.#spool !== undefined) this.#load(this.#spool);
    else {
      this.#gateway.unread.delete(this);
      this.#read();
    }
  }

  #load(spool: SpoolFile): void {
    if (this.#isLoading) return;
    if (spool.length === 0) {
      this.#closeSpool();
      if (this.#ended) this.#push(null);
      else this.#wanted();
      return;
    }
    this.#isLoading = true;
    spool.read(HIGH_WATER_MARK, (error, bytes) => {
      this.#isLoading = false;
      if (error !== undefined) {
        this.#request.destroy(error);
        return;
      }
      this.#pushed += bytes.length;
      if (this.#push(bytes)) this.#load(spool);
    });
  }

  #closeSpool(): void {
    this.#spool?.close();
    this.#spool = undefined;
    this.#isLoading = false;
  }
}
