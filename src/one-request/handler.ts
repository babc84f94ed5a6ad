/** One request that has a connection to itself. */

import { BaseHandler } from '../handler/base-handler.ts';
import { escapeLines } from '../bytes.ts';
import { addVariable } from '../environ/environ.ts';
import type { Variables } from '../environ/environ.ts';
import type { InputStream } from '../handler/input.ts';
import { writeTo } from '../handler/stream-handler.ts';
import type { ErrorStream, GatewayOptions } from '../types.ts';

/** What a request needs of the connection that carries it. */
export interface RequestCarrier {
  /** Opens the request body, of which the beginning may have come with the variables. */
  openInput(length: number): InputStream;
  /** @returns whether more can be taken at once */
  write(head: string, chunk: Uint8Array): boolean;
  drained(): Promise<void>;
  /** The response is complete. */
  end(head: string, last: Uint8Array | string | undefined): void;
  /** The response is broken and must not look complete. */
  reset(): void;
}

/** Serves the request of a connection. A gateway adds its name, and what is its own in the response. */
export abstract class RequestHandler extends BaseHandler {
  override readonly takesText = true;
  readonly #carrier: RequestCarrier;
  readonly #variables: readonly string[];

  /** @param variables name, value, name, value … as byte strings */
  constructor(carrier: RequestCarrier, variables: readonly string[], options: GatewayOptions) {
    super(options);
    this.#carrier = carrier;
    this.#variables = variables;
  }

  protected override addCgiVars(environ: Variables): void {
    const variables = this.#variables;
    for (let i = 0; i < variables.length; i += 2) {
      addVariable(environ, variables[i]!, variables[i + 1]!);
    }
  }

  protected override getStdin(): InputStream {
    return this.#carrier.openInput(this.contentLength);
  }

  /** These protocols carry nothing but the response. */
  protected override getStderr(): ErrorStream {
    return STDERR;
  }

  protected override send(head: string, chunk: Uint8Array): boolean {
    return this.#carrier.write(head, chunk);
  }

  protected override drained(): Promise<void> {
    return this.#carrier.drained();
  }

  protected override finish(head: string, last: Uint8Array | string | undefined): void {
    this.#carrier.end(head, last);
  }

  protected override abandon(): void {
    this.#carrier.reset();
  }
}

/** What applications log often comes from outside: no control character reaches a terminal. */
const STDERR = writeTo((text) => void process.stderr.write(escapeLines(text)));
