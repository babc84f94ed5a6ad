/** A log that is a file, and that log rotation can move away. */

import { appendFile, appendFileSync, closeSync, constants, fstatSync, openSync } from 'node:fs';
import { dirname } from 'node:path';

import { UsageError } from '../../errors.ts';
import { doubtContent, isShared, pinFolder } from '../../files/ownership.ts';

/** What may wait in memory for a slow disk; with more, writing blocks. */
const MAX_PENDING = 1024 * 1024;

/**
 * Appends lines to a file. Those that come while others are being written wait and are written
 * together. Each write is a whole number of lines, so that several processes can share the file.
 */
export class LogFile {
  readonly #path: string;
  #fd: number;
  #pending = '';
  #isWriting = false;
  #hasFailed = false;
  #isClosed = false;
  #markEnded!: () => void;
  readonly #ended = new Promise<void>((resolve) => (this.#markEnded = resolve));
  /** Descriptors of files that were moved away, closed when what is being written has been. */
  readonly #retired: number[] = [];

  /** @throws {UsageError} when the file cannot be opened */
  constructor(path: string) {
    this.#path = path;
    this.#fd = this.#open();
  }

  /** @param line with its newline */
  write(line: string): void {
    if (this.#isClosed) return;
    this.#pending += line;
    if (this.#pending.length > MAX_PENDING) this.flush();
    else if (!this.#isWriting) {
      this.#isWriting = true;
      setImmediate(() => this.#writeLater());
    }
  }

  /** Writes at once what is waiting. */
  flush(): void {
    const text = this.#takePending();
    try {
      if (text !== '') appendFileSync(this.#fd, text);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Opens the file again by its name: log rotation has moved the old one away. What waits goes to the new one. */
  reopen(): void {
    if (this.#isClosed) return;
    try {
      const opened = this.#open();
      if (this.#isWriting) this.#retired.push(this.#fd);
      else closeSync(this.#fd);
      this.#fd = opened;
      this.#hasFailed = false;
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Closes the file, when all that waits has been written. Later lines are lost. */
  close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      if (!this.#isWriting) this.#end();
    }
    return this.#ended;
  }

  #end(): void {
    closeSync(this.#fd);
    this.#markEnded();
  }

  #writeLater(): void {
    const text = this.#takePending();
    if (text === '') {
      this.#isWriting = false;
      this.#closeRetired();
      if (this.#isClosed) this.#end();
      return;
    }
    appendFile(this.#fd, text, (error) => {
      if (error !== null) this.#fail(error);
      this.#closeRetired();
      this.#writeLater();
    });
  }

  #closeRetired(): void {
    for (const fd of this.#retired.splice(0)) closeSync(fd);
  }

  #takePending(): string {
    const text = this.#pending;
    this.#pending = '';
    return text;
  }

  #open(): number {
    try {
      return openToAppend(this.#path);
    } catch (error) {
      throw new UsageError(`cannot open the log ${this.#path}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  /** A full disk stops no server. It is said once, until the file is opened again. */
  #fail(error: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    process.stderr.write(
      `postern: cannot write the log ${this.#path}: ${(error as Error).message}\n`,
    );
  }
}

const APPEND = constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY;
const MODE = 0o640;

/** Opens what was named. Where others could have put something under this name, it is a file of ours, or none. */
function openToAppend(path: string): number {
  const pinned = pinFolder(path);
  if (!isShared(dirname(pinned))) return openSync(pinned, APPEND, MODE);
  // A pipe that nobody reads would be waited for.
  const fd = openSync(pinned, APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK, MODE);
  const stats = fstatSync(fd);
  let doubt = doubtContent(stats);
  if (!stats.isFile()) doubt = 'it is not a regular file';
  // A second name of a file that stands somewhere else.
  else if (stats.nlink > 1) doubt ??= 'it is a hard link';
  if (doubt === undefined) return fd;
  closeSync(fd);
  throw new Error(`${doubt}, where others may write to the folder`);
}
