/**
 * Request bodies that the application does not read.
 *
 * A connection that is not read is how a slow application holds back a client. But only reading tells that the client
 * has left, and on a connection that many share it holds back all of them. So it lasts no longer than {@link HOLD_TIME}:
 * then the body goes on to a spool file, and the connection is read again.
 */

import { LimitError } from '../errors.ts';
import { HOLD_TIME } from '../limits.ts';

/** A body, as far as it matters here. */
export interface UnreadBody {
  /** Bytes that the application has taken. */
  readonly taken: number;
  /** Whether all of it has come. */
  readonly complete: boolean;
  /** Lets what comes from now on wait in a file. @returns undefined when more may come; `'later'`; or why not */
  spill(): LimitError | 'later' | undefined;
  /** Gives it up: reading it fails. Absent where a body is not given up. */
  destroy?(error: Error): void;
}

/** What is known of a body that waits. */
interface Wait {
  /** Reads the connection again. */
  readOn: () => void;
  /** Told each time that nothing more of the body can be stored. */
  onFull: (refusal: LimitError) => void;
  /** Whether it has begun to wait since the last look at all bodies. */
  isNew: boolean;
  /** What the application had taken of the body at the last look. */
  taken: number;
  /** Milliseconds since that has changed. */
  idle: number;
}

/** Those of one server. */
export class UnreadBodies {
  readonly #unreadTimeout: number;
  readonly #waits = new Map<UnreadBody, Wait>();
  #timer: NodeJS.Timeout | undefined;

  /** @param unreadTimeout milliseconds in which the application takes nothing of a body; then it is given up; 0: never */
  constructor(unreadTimeout: number) {
    this.#unreadTimeout = unreadTimeout;
  }

  /**
   * A body has as much waiting in memory as it may. Its connection need not be read until `readOn` is called, which may
   * be more than once; {@link delete} ends that.
   *
   * @param onFull called instead as long as nothing more can be stored; default: the connection goes on waiting
   */
  add(
    body: UnreadBody,
    readOn: () => void,
    onFull: (refusal: LimitError) => void = () => {},
  ): void {
    const known = this.#waits.get(body);
    if (known === undefined) {
      this.#waits.set(body, { readOn, onFull, isNew: true, taken: body.taken, idle: 0 });
      this.#timer ??= setInterval(() => this.#sweep(), HOLD_TIME).unref();
    } else known.isNew = true;
  }

  /** The application reads the body, or nobody will any more. */
  delete(body: UnreadBody): void {
    if (this.#waits.size > 0) this.#waits.delete(body);
  }

  #sweep(): void {
    for (const [body, wait] of this.#waits) this.#look(body, wait);
    if (this.#waits.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(body: UnreadBody, wait: Wait): void {
    if (body.complete) {
      this.#waits.delete(body);
      wait.readOn();
      return;
    }
    wait.idle = body.taken === wait.taken ? wait.idle + HOLD_TIME : 0;
    wait.taken = body.taken;
    const isGivenUp = this.#unreadTimeout > 0 && wait.idle >= this.#unreadTimeout;
    if (isGivenUp && body.destroy !== undefined) {
      const message = 'the application read nothing of the body for unreadTimeout';
      body.destroy(new LimitError('unreadTimeout', message));
    } else if (wait.isNew) wait.isNew = false;
    else this.#spill(body, wait);
  }

  #spill(body: UnreadBody, { readOn, onFull }: Wait): void {
    const refusal = body.spill();
    if (refusal === undefined) readOn();
    else if (refusal !== 'later') onFull(refusal);
  }
}
