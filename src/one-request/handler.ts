/** The handler of a request that has a connection to itself. */

import { BaseHandler } from '../handler/base-handler.ts';
import { escapeLines } from '../bytes.ts';
import { addVariable, announcesBody } from '../environ/environ.ts';
import type { Variables } from '../environ/environ.ts';
import type { InputStream } from '../input/input-stream.ts';
import { writeTo } from '../handler/stream-handler.ts';
import type { ErrorStream, GatewayOptions } from '../types.ts';

/** The connection of a request, as its handler needs it. */
export interface RequestTransport {
  /**
   * Opens the request body. Its beginning may have come with the variables.
   *
   * @param isUnwanted the front end sends a body, and the application is given none
   */
  openInput(length: number, isUnwanted: boolean): InputStream;
  /** @returns whether more can be taken at once */
  write(head: string, chunk: Uint8Array): boolean;
  /** Resolves when more can be taken. Never rejects. */
  drained(): Promise<void>;
  /** Sends the end of a complete response. */
  end(head: string, last: Uint8Array | string | undefined): void;
  /** Ends a broken response, so that it does not look complete. */
  reset(): void;
}

/** Serves the request of a connection. A subclass adds the name of the gateway, and the form of the status line. */
export abstract class RequestHandler extends BaseHandler {
  override readonly takesText = true;
  readonly #transport: RequestTransport;
  readonly #variables: readonly string[];

  /** @param variables name, value, name, value … as byte strings */
  constructor(transport: RequestTransport, variables: readonly string[], options: GatewayOptions) {
    super(options);
    this.#transport = transport;
    this.#variables = variables;
  }

  protected override addCgiVars(environ: Variables): void {
    const variables = this.#variables;
    for (let i = 0; i < variables.length; i += 2) {
      addVariable(environ, variables[i]!, variables[i + 1]!);
    }
  }

  protected override getStdin(): InputStream {
    const isUnwanted = this.contentLength === 0 && announcesBody(this.environ!);
    return this.#transport.openInput(this.contentLength, isUnwanted);
  }

  /** These protocols have no stream for errors: they go to stderr of this process. */
  protected override getStderr(): ErrorStream {
    return STDERR;
  }

  protected override send(head: string, chunk: Uint8Array): boolean {
    return this.#transport.write(head, chunk);
  }

  protected override drained(): Promise<void> {
    return this.#transport.drained();
  }

  protected override finish(head: string, last: Uint8Array | string | undefined): void {
    this.#transport.end(head, last);
  }

  protected override abandon(): void {
    this.#transport.reset();
  }
}

/** Control characters are escaped, because applications often log what comes from outside. */
const STDERR = writeTo((text) => void process.stderr.write(escapeLines(text)));
