/**
 * What does not fit in memory of request bodies: temporary files, as nginx's own request buffering has them
 * (client_body_temp_path). They have no name and nobody else can open them, and they are gone with the process.
 */

import { randomBytes } from 'node:crypto';
import { close, constants, existsSync, openSync, read, unlinkSync, writev } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ByteQueue, EMPTY } from '../bytes.ts';
import { LimitError } from '../errors.ts';
import type { Log } from '../types.ts';

/** Bytes that wait in memory for a slow disk before no more is to be stored for now. */
const MAX_PENDING = 16 * 1024 * 1024;
/** Bytes of one write. */
const WRITE_SIZE = 1024 * 1024;

/** How much may be stored. Sizes are in bytes. */
export interface SpoolLimits {
  /** Of one body. */
  maxSpoolSize: number;
  /** Of all bodies together. */
  maxSpoolTotal: number;
}

/** The spool files of a server. */
export class Spool {
  readonly limits: SpoolLimits;
  /** Bytes in all of its files. */
  used = 0;
  /** Those of them that wait in memory for the disk. */
  pending = 0;
  readonly #folder: string | undefined;
  readonly #log: Log;
  #hasFailed = false;

  /** @param folder in which files are made, from the first one on; default: {@link defaultFolder} */
  constructor(folder: string | undefined, limits: SpoolLimits, log: Log) {
    this.#folder = folder;
    this.limits = limits;
    this.#log = log;
  }

  /** Why nothing more should be stored in any file; undefined if more may be. */
  get refusal(): LimitError | undefined {
    const { maxSpoolTotal } = this.limits;
    if (this.used < maxSpoolTotal) return undefined;
    const message = `more than maxSpoolTotal (${maxSpoolTotal}) of all bodies was not read`;
    return new LimitError('maxSpoolTotal', message);
  }

  /** Opens a file. @returns undefined where none can be made, which the log tells once */
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
        this.#log.error(`no spool file in ${folder}: ${(error as Error).message}`);
      }
      this.#hasFailed = true;
      return undefined;
    }
  }
}

/** A file that nobody can find is of no use any more, whatever the disk says at its end. */
function ignore(): void {}

/** `/tmp` may be memory, of which the files are to save some; `/var/tmp` is not (file-hierarchy(7)). */
function defaultFolder(): string {
  return existsSync('/var/tmp') ? '/var/tmp' : tmpdir();
}

/** Bytes in their order: written to the end, read from the beginning. */
export class SpoolFile {
  readonly #spool: Spool;
  readonly #fd: number;
  readonly #waiting = new ByteQueue(); // to be written
  #isWriting = false;
  #isReading = false;
  #isClosed = false;
  #size = 0; // bytes taken so far
  #written = 0; // of them
  #read = 0; // of these
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

  /** Whether the disk is so far behind that nothing should be stored for now. */
  get isBusy(): boolean {
    return this.#spool.pending > MAX_PENDING;
  }

  /** Why no more should be stored; undefined if more may be. */
  get refusal(): LimitError | undefined {
    const { maxSpoolSize } = this.#spool.limits;
    if (this.#error !== undefined) {
      return new LimitError('maxSpoolSize', `a spool file failed: ${this.#error.message}`);
    }
    if (this.length >= maxSpoolSize) {
      const message = `more than maxSpoolSize (${maxSpoolSize}) of the body was not read`;
      return new LimitError('maxSpoolSize', message, '413 Content Too Large');
    }
    return this.#spool.refusal;
  }

  /** Stores bytes, which must not be changed afterwards. They are taken whatever the limits say. */
  append(bytes: Buffer): void {
    if (this.#isClosed || this.#error !== undefined) return;
    this.#size += bytes.length;
    this.#spool.used += bytes.length;
    this.#spool.pending += bytes.length;
    this.#waiting.push(bytes);
    if (!this.#isWriting) this.#write();
  }

  /**
   * Takes bytes out, at most `size` and at least one. Called only where there are some, and not again before it has
   * called back.
   *
   * @param onRead called with them, or with what the disk complains of; not at all once the file is closed
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

  /** Gives the room on the disk back. Later calls do nothing. */
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

  /** Writes what waits, a bounded part of it at once. */
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
      // A disk may take less than it is given.
      if (length < size) this.#writeAll([Buffer.concat(pieces).subarray(length)]);
      else if (this.#waiting.length > 0) this.#write();
      else this.#isWriting = false;
      this.#tellWritten();
    });
  }

  #fail(error: Error): void {
    this.#error = error;
    this.#waiting.clear();
    this.#spool.pending -= this.#size - this.#written; // it does not wait any more
    this.#tellWritten();
  }

  #tellWritten(): void {
    const onWritten = this.#onWritten;
    this.#onWritten = undefined;
    onWritten?.();
  }
}
