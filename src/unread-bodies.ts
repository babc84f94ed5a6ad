/**
 * Request bodies that the application does not read.
 *
 * A connection that is not read is how a slow application holds back a client. But only reading tells that the client
 * has left, and on a connection that many share it holds back all of them. So it lasts no longer than {@link HOLD_TIME}:
 * then the body goes on to a spool file, and the connection is read again.
 */

import { Deadlines } from './deadlines.ts';
import { LimitError } from './errors.ts';
import type { InputStream } from './input.ts';
import { HOLD_TIME } from './limits.ts';

/** What is known of a body that waits. */
interface Unread {
  /** Reads the connection again. */
  readOn: () => void;
  /** What the application had taken of it at the last look. */
  taken: number;
  /** Milliseconds since that has changed. */
  idle: number;
}

/** Those of one server. */
export class UnreadBodies {
  readonly #unreadTimeout: number;
  readonly #looks = new Deadlines<InputStream>(HOLD_TIME);
  readonly #bodies = new Map<InputStream, Unread>();

  /** @param unreadTimeout milliseconds in which the application takes nothing of a body; then it is given up; 0: never */
  constructor(unreadTimeout: number) {
    this.#unreadTimeout = unreadTimeout;
  }

  /**
   * A body has as much waiting in memory as it may. Its connection need not be read until `readOn` is called, which may
   * be more than once; {@link delete} ends that.
   */
  add(input: InputStream, readOn: () => void): void {
    const known = this.#bodies.get(input);
    if (known === undefined) this.#bodies.set(input, { readOn, taken: input.taken, idle: 0 });
    else known.readOn = readOn;
    this.#lookSoon(input);
  }

  /** The application reads the body, or nobody will any more. */
  delete(input: InputStream): void {
    if (this.#bodies.size === 0 || !this.#bodies.delete(input)) return;
    this.#looks.delete(input);
  }

  #lookSoon(input: InputStream): void {
    this.#looks.add(input, 1, (body) => this.#look(body));
  }

  #look(input: InputStream): void {
    const body = this.#bodies.get(input)!;
    if (input.complete) {
      this.#bodies.delete(input);
      body.readOn();
      return;
    }
    if (input.taken !== body.taken) body.idle = 0;
    else body.idle += HOLD_TIME;
    body.taken = input.taken;
    this.#lookSoon(input);
    if (this.#unreadTimeout > 0 && body.idle >= this.#unreadTimeout) {
      const message = 'the application read nothing of the body for unreadTimeout';
      input.destroy(new LimitError('unreadTimeout', message));
    } else if (input.spill() === undefined) body.readOn();
  }
}
