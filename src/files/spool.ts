/**
 * Temporary files for the parts of request bodies that do not fit in memory, as in nginx (client_body_temp_path). They
 * have no name, so nobody else can open them, and they are gone when the process ends.
 */

import { randomBytes } from 'node:crypto';
import { close, constants, existsSync, openSync, read, unlinkSync, writev } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ByteQueue, EMPTY } from '../bytes.ts';
import { LimitError } from '../errors.ts';
import type { Log } from '../types.ts';

/** Bytes that may wait in memory for a slow disk. With more, files are busy: see {@link SpoolFile.isBusy}. */
const MAX_PENDING = 16 * 1024 * 1024;
/** Bytes of one write. */
const WRITE_SIZE = 1024 * 1024;

/** How much may be stored. Sizes are in bytes. */
export interface SpoolLimits {
  /** Bytes of one body. */
  maxSpoolSize: number;
  /** Bytes of all bodies together. */
  maxSpoolTotalSize: number;
}

/** The spool files of a server. */
export class Spool {
  readonly limits: SpoolLimits;
  /** Bytes in all files. */
  used = 0;
  /** How many of them still wait in memory for the disk. */
  pending = 0;
  readonly #folder: string | undefined;
  readonly #log: Log;
  #hasFailed = false;

  /** @param folder for the files. It is not used before the first one is opened. Default: {@link defaultFolder} */
  constructor(folder: string | undefined, limits: SpoolLimits, log: Log) {
    this.#folder = folder;
    this.limits = limits;
    this.#log = log;
  }

  /** Why no more may be stored in any file; undefined if it may. */
  get refusal(): LimitError | undefined {
    const { maxSpoolTotalSize } = this.limits;
    if (this.used < maxSpoolTotalSize) return undefined;
    const message = `more than maxSpoolTotalSize (${maxSpoolTotalSize}) of all bodies is unread`;
    return new LimitError('maxSpoolTotalSize', message);
  }

  /** Opens a file. @returns undefined where none can be made, which is logged once */
  open(): SpoolFile | undefined {
    const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW = 0 } = constants;
    const folder = this.#folder ?? defaultFolder();
    const path = join(folder, `postern-${randomBytes(12).toString('hex')}`);
    try {
      const fd = openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      try {
        unlinkSync(path);
      } catch (error) {
        close(fd, ignore);
        throw error;
      }
      this.#hasFailed = false;
      return new SpoolFile(this, fd);
    } catch (error) {
      if (!this.#hasFailed) {
        this.#log.error(`cannot make a spool file in ${folder}: ${(error as Error).message}`);
      }
      this.#hasFailed = true;
      return undefined;
    }
  }
}

/** An error when a file is closed does not matter: it has no name, and its content is not needed any more. */
function ignore(): void {}

/** Not `/tmp`, which may be in memory: the files are there to save memory. `/var/tmp` is on a disk (file-hierarchy(7)). */
function defaultFolder(): string {
  return existsSync('/var/tmp') ? '/var/tmp' : tmpdir();
}

/** A queue of bytes in a file: written at the end, read from the beginning. */
export class SpoolFile {
  readonly #spool: Spool;
  readonly #fd: number;
  readonly #waiting = new ByteQueue(); // for the disk
  #isWriting = false;
  #isReading = false;
  #isClosed = false;
  #size = 0; // bytes appended so far
  #written = 0; // how many of them are on the disk
  #read = 0; // how many of these have been read
  #error: Error | undefined;
  #onWritten: (() => void) | undefined;

  constructor(spool: Spool, fd: number) {
    this.#spool = spool;
    this.#fd = fd;
  }

  /** Bytes that are stored and have not been read. */
  get length(): number {
    return this.#size - this.#read;
  }

  /** Whether the disk is so slow that no more should be stored for now. */
  get isBusy(): boolean {
    return this.#spool.pending > MAX_PENDING;
  }

  /** Why no more may be stored in this file; undefined if it may. */
  get refusal(): LimitError | undefined {
    const { maxSpoolSize } = this.#spool.limits;
    if (this.#error !== undefined) {
      return new LimitError('maxSpoolSize', `a spool file failed: ${this.#error.message}`);
    }
    if (this.length >= maxSpoolSize) {
      const message = `more than maxSpoolSize (${maxSpoolSize}) of the body is unread`;
      return new LimitError('maxSpoolSize', message, '413 Content Too Large');
    }
    return this.#spool.refusal;
  }

  /** Stores bytes, which must not be changed afterwards. The limits are not checked here: see {@link refusal}. */
  append(bytes: Buffer): void {
    if (this.#isClosed || this.#error !== undefined) return;
    this.#size += bytes.length;
    this.#spool.used += bytes.length;
    this.#spool.pending += bytes.length;
    this.#waiting.push(bytes);
    if (!this.#isWriting) this.#write();
  }

  /**
   * Reads and removes bytes, at least one and at most `size`. It must not be called when there are none, nor while
   * another read is under way.
   *
   * @param onRead called with the bytes or the error of the disk. Not called after {@link close}
   */
  read(size: number, onRead: (error: Error | undefined, bytes: Buffer) => void): void {
    if (this.#error !== undefined) {
      onRead(this.#error, EMPTY);
      return;
    }
    const available = this.#written - this.#read;
    if (available === 0) {
      this.#onWritten = () => this.read(size, onRead);
      return;
    }
    const bytes = Buffer.allocUnsafeSlow(Math.min(size, available));
    this.#isReading = true;
    read(this.#fd, bytes, 0, bytes.length, this.#read, (error, length) => {
      this.#isReading = false;
      if (this.#closeIfIdle()) return;
      if (error === null && length === 0) error = new Error('a spool file is shorter than it was');
      this.#read += length;
      onRead(error ?? undefined, bytes.subarray(0, length));
    });
  }

  /** Closes the file, which frees its space on the disk. Later calls do nothing. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#spool.used -= this.#size;
    if (this.#error === undefined) this.#spool.pending -= this.#size - this.#written;
    this.#waiting.clear();
    this.#closeIfIdle();
  }

  #closeIfIdle(): boolean {
    if (this.#isClosed && !this.#isWriting && !this.#isReading) close(this.#fd, ignore);
    return this.#isClosed;
  }

  /** Writes what waits, about WRITE_SIZE bytes at once. */
  #write(): void {
    const pieces: Buffer[] = [];
    for (
      let size = 0;
      size < WRITE_SIZE && this.#waiting.length > 0;
      size += pieces.at(-1)!.length
    ) {
      pieces.push(this.#waiting.shift(WRITE_SIZE));
    }
    this.#isWriting = true;
    this.#writeAll(pieces);
  }

  #writeAll(pieces: Buffer[]): void {
    writev(this.#fd, pieces, this.#written, (error, length) => {
      this.#isWriting = false;
      if (this.#closeIfIdle()) return;
      if (error !== null) {
        this.#fail(error);
        return;
      }
      const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
      this.#written += length;
      this.#spool.pending -= length;
      this.#isWriting = true;
      // The system may write less than it was given (writev(2)).
      if (length < size) this.#writeAll([Buffer.concat(pieces).subarray(length)]);
      else if (this.#waiting.length > 0) this.#write();
      else this.#isWriting = false;
      this.#tellWritten();
    });
  }

  #fail(error: Error): void {
    this.#error = error;
    this.#waiting.clear();
    this.#spool.pending -= this.#size - this.#written; // these bytes will not be written any more
    this.#tellWritten();
  }

  #tellWritten(): void {
    const onWritten = this.#onWritten;
    this.#onWritten = undefined;
    onWritten?.();
  }
}
