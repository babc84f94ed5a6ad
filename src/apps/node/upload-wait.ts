/**
 * The wait for an upload that is read after the response. For the gateway a request ends with its response, so the end of
 * the response is delayed: until the request was read, or until the upload or its reading has come to a stop.
 */

import type { IncomingMessage } from 'node:http';

import { InputStream } from '../../input/input-stream.ts';
import type { Environ } from '../../types.ts';

/**
 * Milliseconds in which an upload that is read after the response has to go on. Its client may wait for the end of the
 * response, which under node:http comes before that of the upload. One of unknown length has so many in all.
 */
const UPLOAD_PATIENCE = 500;
/** Milliseconds in which the application has to read on. It may be slow, but it may also never read again. */
const READ_PATIENCE = 5_000;

/** What reads the upload, and delays the end of the response. */
export interface UploadReader {
  /** Whether it waits for the client to send more. */
  readonly isReading: boolean;
  /** The request has been closed, or there is nothing more to wait for. */
  onUploadOver(): void;
}

/** Whether the application reads a request that has not come to its end. */
export function isBeingRead(req: IncomingMessage): boolean {
  if (req.destroyed || req.readableEnded) return false;
  // A request that is piped into a full stream does not flow for the moment, but has a 'data' listener.
  return req.readableFlowing === true || req.listenerCount('data') > 0;
}

export class UploadWait {
  readonly #environ: Environ;
  readonly #reader: UploadReader;
  readonly #timer: NodeJS.Timeout;
  #standstill = 0; // milliseconds for which nothing was read, at the last look
  /** Whether the response ends before the request does. */
  isCutOff = false;

  /** Begins to wait. */
  constructor(req: IncomingMessage, environ: Environ, reader: UploadReader) {
    this.#environ = environ;
    this.#reader = reader;
    req.once('close', () => reader.onUploadOver());
    this.#timer = setTimeout(() => this.#onStandstill(), UPLOAD_PATIENCE).unref();
  }

  /** The application has taken a piece of the request. */
  progress(): void {
    if (!this.#uploadEnds) return;
    this.#standstill = 0;
    this.#timer.refresh();
  }

  /** The response is over. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  #onStandstill(): void {
    this.#standstill += UPLOAD_PATIENCE;
    // The client has to wait for an application that is slow, but not for one that waits for the client.
    const isSlow = !this.#reader.isReading && this.#standstill < READ_PATIENCE;
    if (isSlow && this.#uploadEnds) {
      this.#timer.refresh();
      return;
    }
    this.isCutOff = true;
    this.#reader.onUploadOver();
  }

  /** Whether the upload ends whatever its client waits for. */
  get #uploadEnds(): boolean {
    const input = this.#environ['wsgi.input'];
    if (this.#environ.CONTENT_LENGTH !== undefined) return true;
    return input instanceof InputStream && input.complete;
  }
}
