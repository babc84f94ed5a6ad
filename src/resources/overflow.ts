/** What of a body has no room in memory: a spool file, from the moment it is needed until all of it has been loaded. */

import { LimitError } from '../errors.ts';
import { HIGH_WATER_MARK } from '../limits.ts';
import type { Spool, SpoolFile } from '../files/spool.ts';

export class Overflow {
  readonly #spool: Spool;
  #file: SpoolFile | undefined;
  #isLoading = false;

  /** @param spool of the server; no file is made before {@link open} */
  constructor(spool: Spool) {
    this.#spool = spool;
  }

  /** Whether what comes has to go here, behind what is here. */
  get isOpen(): boolean {
    return this.#file !== undefined;
  }

  /** Bytes that have not been loaded. */
  get length(): number {
    return this.#file?.length ?? 0;
  }

  /** @returns undefined when more may be stored; `'later'` while the disk is behind; or why nothing more can be */
  open(): LimitError | 'later' | undefined {
    const refusal = this.#file === undefined ? this.#spool.refusal : undefined;
    if (refusal !== undefined) return refusal;
    this.#file ??= this.#spool.open();
    if (this.#file === undefined) {
      return new LimitError('spoolDir', 'a body was not read, and there is no spool');
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
   * Loads the next bytes. With the last of them the file is closed.
   *
   * @param onLoaded called with them, or with what the disk complains of; not at all when others are on their way
   *   already, or after {@link close}
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

  /** Forgets what is stored. */
  close(): void {
    this.#file?.close();
    this.#file = undefined;
    this.#isLoading = false;
  }
}
