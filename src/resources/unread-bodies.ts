/**
 * Request bodies that the application does not read.
 *
 * While it reads nothing, its connection is not read either, which holds back the client. But a connection that is not
 * read does not tell that the client has left; and if requests share it, all of them are held back. So this lasts for
 * {@link HOLD_TIME} only: then the body goes to a spool file, and the connection is read again.
 */

import { LimitError } from '../errors.ts';
import { HOLD_TIME } from '../limits.ts';

/** What is needed of a body here. */
export interface UnreadBody {
  /** Bytes that the application has taken. */
  readonly taken: number;
  /** Whether all of it has come. */
  readonly complete: boolean;
  /** Sends what comes from now on to a file. @returns undefined when more may come; `'later'`; or the limit that is reached */
  spill(): LimitError | 'later' | undefined;
  /** Gives the body up: reading it fails. Absent where a body is never given up. */
  destroy?(error: Error): void;
}

/** What is known of a body that waits to be read. */
interface Wait {
  /** Reads the connection again. */
  resume: () => void;
  /** Called each time that no more of the body can be stored. */
  onFull: (refusal: LimitError) => void;
  /** Whether the body has begun to wait since the last sweep. */
  isNew: boolean;
  /** Bytes that the application had taken at the last sweep. */
  taken: number;
  /** Milliseconds in which the application has taken nothing. */
  idle: number;
}

/** The unread bodies of one server. */
export class UnreadBodies {
  readonly #unreadTimeout: number;
  readonly #waits = new Map<UnreadBody, Wait>();
  #timer: NodeJS.Timeout | undefined;

  /** @param unreadTimeout milliseconds without reading after which a body is given up; 0: never */
  constructor(unreadTimeout: number) {
    this.#unreadTimeout = unreadTimeout;
  }

  /**
   * Adds a body of which as much waits in memory as may. Until {@link delete} is called, `resume` may be called several
   * times.
   *
   * @param resume reads the connection again, which has been paused
   * @param onFull called instead while no more can be stored. Default: the connection stays paused
   */
  add(
    body: UnreadBody,
    resume: () => void,
    onFull: (refusal: LimitError) => void = () => {},
  ): void {
    const known = this.#waits.get(body);
    if (known === undefined) {
      this.#waits.set(body, { resume, onFull, isNew: true, taken: body.taken, idle: 0 });
      this.#timer ??= setInterval(() => this.#sweep(), HOLD_TIME).unref();
    } else known.isNew = true;
  }

  /** Removes a body: the application reads it now, or nobody will any more. */
  delete(body: UnreadBody): void {
    if (this.#waits.size > 0) this.#waits.delete(body);
  }

  #sweep(): void {
    for (const [body, wait] of this.#waits) this.#check(body, wait);
    if (this.#waits.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #check(body: UnreadBody, wait: Wait): void {
    if (body.complete) {
      this.#waits.delete(body);
      wait.resume();
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

  #spill(body: UnreadBody, { resume, onFull }: Wait): void {
    const refusal = body.spill();
    if (refusal === undefined) resume();
    else if (refusal !== 'later') onFull(refusal);
  }
}
