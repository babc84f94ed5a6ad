/** A log in a file. Log rotation can move the file away. */

import { appendFile, appendFileSync, closeSync, constants, fstatSync, openSync } from 'node:fs';
import { dirname } from 'node:path';

import { UsageError } from '../../errors.ts';
import { doubtContent, isShared, pinFolder } from '../../files/ownership.ts';

/** Characters that may wait in memory for a slow disk. With more, writing blocks. */
const MAX_PENDING = 1024 * 1024;

/**
 * Appends lines to a file. Lines that come while others are being written wait, and are written together. Each write has
 * whole lines, so that several processes can share the file.
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
  /** Descriptors of files that were moved away. They are closed after the write that is under way. */
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

  /** Writes everything that waits, synchronously. */
  flush(): void {
    const text = this.#takePending();
    try {
      if (text !== '') appendFileSync(this.#fd, text);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Opens the file by its name again, after log rotation has moved it away. Lines that wait go to the new file. */
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

  /** Closes the file after everything that waits was written. Later lines are lost. */
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
      throw new UsageError(`cannot open the log ${this.#path}: ${reasonFor(error, this.#path)}`, {
        cause: error,
      });
    }
  }

  /** A full disk does not stop the server. It is reported once, and again after the file was reopened. */
  #fail(error: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    process.stderr.write(
      `postern: cannot write the log ${this.#path}: ${(error as Error).message}\n`,
    );
  }
}

function reasonFor(error: unknown, path: string): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
      return `the folder ${dirname(path)} does not exist`;
    case 'ENOTDIR':
      return `${dirname(path)} is not a folder`;
    case 'EISDIR':
      return 'it is a folder';
    case 'EACCES':
      return 'this account has no permission';
    default:
      return message;
  }
}

const APPEND = constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY;
const MODE = 0o640;

/** Opens a file for appending. In a folder to which others may write, the file must be ours. */
function openToAppend(path: string): number {
  const pinned = pinFolder(path);
  if (!isShared(dirname(pinned))) return openSync(pinned, APPEND, MODE);
  // O_NONBLOCK: opening a pipe that nobody reads would block.
  const fd = openSync(pinned, APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK, MODE);
  const stats = fstatSync(fd);
  let doubt = doubtContent(stats);
  if (!stats.isFile()) doubt = 'it is not a regular file';
  // It may be another name of a file elsewhere.
  else if (stats.nlink > 1) doubt ??= 'it is a hard link';
  if (doubt === undefined) return fd;
  closeSync(fd);
  throw new Error(`${doubt}, where others may write to the folder`);
}
