/** The part of a body for which there is no room in memory: in a spool file, from its first byte until all is loaded. */

import { LimitError } from '../errors.ts';
import { HIGH_WATER_MARK } from '../limits.ts';
import type { Spool, SpoolFile } from '../files/spool.ts';

export class Overflow {
  readonly #spool: Spool;
  #file: SpoolFile | undefined;
  #isLoading = false;

  /** @param spool of the server. No file is made before {@link open}. */
  constructor(spool: Spool) {
    this.#spool = spool;
  }

  /** Whether there is a file: then bytes that come have to be appended to it, to stay in order. */
  get isOpen(): boolean {
    return this.#file !== undefined;
  }

  /** How many bytes have not been loaded. */
  get length(): number {
    return this.#file?.length ?? 0;
  }

  /**
   * Makes a file, if there is none yet.
   *
   * @returns undefined when more may be stored, `'later'` while the disk is too slow, or the limit that is reached
   */
  open(): LimitError | 'later' | undefined {
    const refusal = this.#file === undefined ? this.#spool.refusal : undefined;
    if (refusal !== undefined) return refusal;
    this.#file ??= this.#spool.open();
    if (this.#file === undefined) {
      return new LimitError('spoolDir', 'the body is unread, and there is no spool file for it');
    }
    return this.#file.refusal ?? (this.#file.isBusy ? 'later' : undefined);
  }

  /** Stores bytes, which must not be changed afterwards. @returns whether more may be stored at once */
  append(bytes: Buffer): boolean {
    const file = this.#file!;
    file.append(bytes);
    return !file.isBusy && file.refusal === undefined;
  }

  /**
   * Loads the next bytes. The file is closed after the last of them. Does nothing while other bytes are being loaded.
   *
   * @param onLoaded called with the bytes or the error of the disk. Not called after {@link close}
   */
  load(onLoaded: (error: Error | undefined, bytes: Buffer) => void): void {
    const file = this.#file;
    if (file === undefined || this.#isLoading) return;
    this.#isLoading = true;
    file.read(HIGH_WATER_MARK, (error, bytes) => {
      this.#isLoading = false;
      if (file.length === 0) this.close();
      onLoaded(error, bytes);
    });
  }

  /** Closes the file and gives up what is stored in it. */
  close(): void {
    this.#file?.close();
    this.#file = undefined;
    this.#isLoading = false;
  }
}
