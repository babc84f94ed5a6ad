/** One FastCGI request: from BEGIN_REQUEST to END_REQUEST. */

import { BaseHandler } from '../../src/handler/base-handler.ts';
import { EMPTY, escapeLines } from '../../src/bytes.ts';
import type { ByteQueue } from '../../src/bytes.ts';
import type { Variables } from '../../src/environ/environ.ts';
import type { CheckedHeaders } from '../../src/response/headers.ts';
import { ApplicationError } from '../../src/errors.ts';
import type { LimitError } from '../../src/errors.ts';
import { InputStream } from '../../src/handler/input.ts';
import type { InputSource } from '../../src/handler/input.ts';
import type { Claim } from '../../src/resources/resources.ts';
import type { ErrorStream, GatewayOptions, Role } from '../../src/types.ts';
import type { Gateway } from './gateway.ts';
import { formatHead } from './head.ts';
import type { BodyOwner } from './input-flow.ts';
import type { OutputStream } from './output.ts';
import type { ParamsDecoder } from './params.ts';
import { abortWith, dataLength, forgetResource } from './roles.ts';
import { addVariables } from './variables.ts';

/** What a request needs of the connection that carries it. */
export interface Carrier {
  readonly gateway: Gateway;
  stdout(request: FastCgiHandler, head: string, chunk: Uint8Array): boolean;
  stderr(request: FastCgiHandler, text: string): void;
  drained(request: FastCgiHandler): Promise<void>;
  /** The response is complete. */
  finish(request: FastCgiHandler, head: string, last: Uint8Array | string): void;
  /** The response is broken and must not look complete. */
  abandon(request: FastCgiHandler): void;
  /** END_REQUEST was sent: the id is free. */
  ended(request: FastCgiHandler): void;
  /** A body has enough waiting. */
  pause(input: InputStream, request: BodyOwner): void;
  /** The application reads it. */
  resume(input: InputStream): void;
  /** Nobody will read it any more. */
  forget(input: InputStream): void;
}

/** Serves one request of a connection. */
export class FastCgiHandler extends BaseHandler implements OutputStream, InputSource, BodyOwner {
  override readonly gateway = 'fastcgi';
  override readonly takesText = true;

  readonly id: number;
  readonly role: Role;
  readonly #carrier: Carrier;
  readonly #decoder: ParamsDecoder;

  /** `wsgi.input`, from the end of PARAMS on. */
  stdin: InputStream | undefined;
  /** `postern.data` of a filter. */
  data: InputStream | undefined;

  pending: ByteQueue | undefined;
  ending: { appStatus: number } | undefined;
  usedStderr = false;
  /** Whether there is a time limit for its response: not for one that is answered in the turn in which it came. */
  isWatched = false;
  onDrain: (() => void) | undefined;
  /** From the start of the run on. */
  claim: Claim | undefined;

  /** @param decoder holds the request's variables when {@link run} is called */
  constructor(
    id: number,
    role: Role,
    carrier: Carrier,
    decoder: ParamsDecoder,
    options: GatewayOptions,
  ) {
    super(options);
    this.id = id;
    this.role = role;
    this.#carrier = carrier;
    this.#decoder = decoder;
  }

  protected override getRole(): Role {
    return this.role;
  }

  protected override addCgiVars(environ: Variables): void {
    addVariables(environ, this.#decoder);
    if (this.role === 'authorizer') forgetResource(environ);
  }

  protected override getStdin(): InputStream {
    if (this.role === 'filter') this.environ!['postern.data'] = this.data = this.#openData();
    return (this.stdin = new InputStream(
      this.contentLength,
      this,
      this.#carrier.gateway.resources,
    ));
  }

  /** The file that a filter works on (§ 6.4). */
  #openData(): InputStream {
    const source: InputSource = {
      pause: () => this.#carrier.pause(data, this),
      resume: () => this.#resume(data),
    };
    const length = dataLength(this.environ!);
    const data: InputStream = new InputStream(length, source, this.#carrier.gateway.resources);
    return abortWith(data, this.signal);
  }

  protected override getStderr(): ErrorStream {
    return new RecordErrors(this, this.#carrier);
  }

  protected override formatHead(status: string, headers: CheckedHeaders): string {
    const head = formatHead(this.formatStatus(status), headers);
    const { maxResponseHeadSize } = this.#carrier.gateway.limits;
    if (head.length <= maxResponseHeadSize) return head;
    throw new ApplicationError(
      `the head of the response is longer than maxResponseHeadSize (${maxResponseHeadSize})`,
    );
  }

  protected override send(head: string, chunk: Uint8Array): boolean {
    return this.#carrier.stdout(this, head, chunk);
  }

  protected override drained(): Promise<void> {
    return this.#carrier.drained(this);
  }

  protected override finish(head: string, last: Uint8Array | string = EMPTY): void {
    this.#carrier.finish(this, head, last);
  }

  protected override abandon(): void {
    this.#carrier.abandon(this);
  }

  onEnd(): void {
    this.#carrier.ended(this);
  }

  // ---- wsgi.input asks for more, or has enough

  pause(): void {
    this.#carrier.pause(this.stdin!, this);
  }

  resume(): void {
    this.#resume(this.stdin!);
  }

  #resume(input: InputStream): void {
    // What is left of the body after the response is only to be out of the way.
    if (this.isOver || input.failed) this.#carrier.forget(input);
    else this.#carrier.resume(input);
  }

  giveUp(input: InputStream, error: LimitError): void {
    if (!this.headersSent) {
      this.cancel(error);
      return;
    }
    // A response that has begun goes on: to break it off would end the connection, and that is not this request's alone.
    this.log.warn(`fastcgi: ${error.message}`);
    input.destroy(error);
  }

  /** The request is over: nobody waits for its input, and the connection not for its reader. */
  closeInput(): void {
    if (this.stdin !== undefined) this.#carrier.forget(this.stdin);
    if (this.data === undefined) return;
    this.data.discard();
    this.#carrier.forget(this.data);
  }
}

/** `wsgi.errors` as STDERR records, which front ends write to their error log. */
class RecordErrors implements ErrorStream {
  readonly #request: FastCgiHandler;
  readonly #carrier: Carrier;

  constructor(request: FastCgiHandler, carrier: Carrier) {
    this.#request = request;
    this.#carrier = carrier;
  }

  write(text: string): void {
    // What applications log often comes from outside, and front ends write it to their logs as it is.
    this.#carrier.stderr(this.#request, escapeLines(text));
  }

  writelines(lines: Iterable<string>): void {
    for (const line of lines) this.write(line);
  }

  flush(): void {}
}
