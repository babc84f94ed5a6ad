/** A file as the body of a response, around which there is something else: middleware, or the validator. */

import type { Awaitable } from '../types.ts';
import { FileWrapper } from './file-wrapper.ts';

/** What stands around the file: it is iterated and closed in its place. */
interface FileBody {
  iterate(): AsyncIterator<Uint8Array>;
  close(): Awaitable<void>;
}

/** It is a FileWrapper too: a gateway may let the front end send the file, instead of iterating it. */
export class WrappedFile extends FileWrapper {
  readonly #body: FileBody;

  constructor(file: FileWrapper, body: FileBody) {
    super(file.filelike, file.blockSize);
    this.#body = body;
  }

  override [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this.#body.iterate();
  }

  override async close(): Promise<void> {
    await this.#body.close();
  }
}
