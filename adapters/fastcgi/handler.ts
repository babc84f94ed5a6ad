/** One FastCGI request: from BEGIN_REQUEST to END_REQUEST. */

import { BaseHandler } from '../../src/handler/base-handler.ts';
import { EMPTY, escapeLines } from '../../src/bytes.ts';
import type { ByteQueue } from '../../src/bytes.ts';
import type { Variables } from '../../src/environ/environ.ts';
import type { CheckedHeaders } from '../../src/response/headers.ts';
import { ApplicationError } from '../../src/errors.ts';
import type { LimitError } from '../../src/errors.ts';
import { InputStream } from '../../src/input/input-stream.ts';
import type { InputSource } from '../../src/input/input-source.ts';
import type { Claim } from '../../src/resources/resources.ts';
import type { ErrorStream, GatewayOptions, Role } from '../../src/types.ts';
import type { Gateway } from './gateway.ts';
import { formatHead } from './head.ts';
import type { BodyOwner } from './flow-control.ts';
import type { OutputStream } from './output.ts';
import type { ParamsDecoder } from './params.ts';
import { destroyOnAbort, dataLength, deleteResourceVariables } from './roles.ts';
import { addVariables } from './variables.ts';

/** The connection, as a handler sees it. */
export interface HandlerConnection {
  readonly gateway: Gateway;
  stdout(request: FastCgiHandler, head: string, chunk: Uint8Array): boolean;
  stderr(request: FastCgiHandler, text: string): void;
  drained(request: FastCgiHandler): Promise<void>;
  /** Ends a complete response. */
  finish(request: FastCgiHandler, head: string, last: Uint8Array | string): void;
  /** Ends a broken response, which must not look complete. @param isShort of its Content-Length bytes are missing */
  abandon(request: FastCgiHandler, isShort: boolean): void;
  /** END_REQUEST has been added to what is sent: the id is free. */
  ended(request: FastCgiHandler): void;
  /** A body has as much waiting in memory as it may. */
  pauseInput(input: InputStream, request: BodyOwner): void;
  /** The application reads a body. */
  resumeInput(input: InputStream): void;
  /** The application will not read a body any more. */
  removeInput(input: InputStream): void;
}

/** Serves one request of a connection. */
export class FastCgiHandler extends BaseHandler implements OutputStream, InputSource, BodyOwner {
  override readonly gateway = 'fastcgi';
  override readonly takesText = true;

  readonly id: number;
  readonly role: Role;
  readonly #connection: HandlerConnection;
  readonly #decoder: ParamsDecoder;

  /** `wsgi.input`, from the end of PARAMS on. */
  stdin: InputStream | undefined;
  /** `postern.data` of a filter. */
  data: InputStream | undefined;

  queued: ByteQueue | undefined;
  ending: { appStatus: number } | undefined;
  usedStderr = false;
  /** Whether a time limit is set for the response: not if it comes in the same turn as the request. */
  isWatched = false;
  onDrain: (() => void) | undefined;
  /** Set when the application is started. */
  claim: Claim | undefined;

  /** @param decoder holds the request's variables when {@link run} is called */
  constructor(
    id: number,
    role: Role,
    connection: HandlerConnection,
    decoder: ParamsDecoder,
    options: GatewayOptions,
  ) {
    super(options);
    this.id = id;
    this.role = role;
    this.#connection = connection;
    this.#decoder = decoder;
  }

  /** SERVER_SOFTWARE: `nginx/1.22.1`. */
  get frontEnd(): string {
    return String(this.environ?.['SERVER_SOFTWARE'] ?? '');
  }

  protected override getRole(): Role {
    return this.role;
  }

  protected override addCgiVars(environ: Variables): void {
    addVariables(environ, this.#decoder);
    if (this.role === 'authorizer') deleteResourceVariables(environ);
  }

  protected override getStdin(): InputStream {
    if (this.role === 'filter') this.environ!['postern.data'] = this.data = this.#openData();
    return (this.stdin = new InputStream(
      this.contentLength,
      this,
      this.#connection.gateway.resources,
    ));
  }

  /** The file that a filter processes (§ 6.4). */
  #openData(): InputStream {
    const source: InputSource = {
      pause: () => this.#connection.pauseInput(data, this),
      resume: () => this.#resume(data),
    };
    const length = dataLength(this.environ!);
    const data: InputStream = new InputStream(length, source, this.#connection.gateway.resources);
    return destroyOnAbort(data, this.signal);
  }

  protected override getStderr(): ErrorStream {
    return new StderrStream(this, this.#connection);
  }

  protected override formatHead(status: string, headers: CheckedHeaders): string {
    const head = formatHead(this.formatStatus(status), headers);
    const { maxResponseHeadSize } = this.#connection.gateway.limits;
    if (head.length <= maxResponseHeadSize) return head;
    throw new ApplicationError(
      `the head of the response is longer than maxResponseHeadSize (${maxResponseHeadSize})`,
    );
  }

  protected override send(head: string, chunk: Uint8Array): boolean {
    return this.#connection.stdout(this, head, chunk);
  }

  protected override drained(): Promise<void> {
    return this.#connection.drained(this);
  }

  protected override finish(head: string, last: Uint8Array | string = EMPTY): void {
    this.#connection.finish(this, head, last);
  }

  protected override abandon(): void {
    this.#connection.abandon(this, this.responseState.missing > 0);
  }

  onEnd(): void {
    this.#connection.ended(this);
  }

  // ---- called by wsgi.input

  pause(): void {
    this.#connection.pauseInput(this.stdin!, this);
  }

  resume(): void {
    this.#resume(this.stdin!);
  }

  #resume(input: InputStream): void {
    // After the response the rest of the body is discarded: it needs neither flow control nor a time limit.
    if (this.isOver || input.failed) this.#connection.removeInput(input);
    else this.#connection.resumeInput(input);
  }

  failBody(input: InputStream, error: LimitError): void {
    if (!this.headersSent) {
      this.cancel(error);
      return;
    }
    // Breaking a response off would close the connection, which other requests share. So the response goes on, and only
    // reading the body fails.
    this.log.warn(`fastcgi: ${error.message}`);
    input.destroy(error);
  }

  /** The request has ended: the connection must not wait for somebody to read its bodies. */
  closeInput(): void {
    if (this.stdin !== undefined) this.#connection.removeInput(this.stdin);
    if (this.data === undefined) return;
    this.data.discard();
    this.#connection.removeInput(this.data);
  }
}

/** `wsgi.errors` as STDERR records, which front ends write to their error log. */
class StderrStream implements ErrorStream {
  readonly #request: FastCgiHandler;
  readonly #connection: HandlerConnection;

  constructor(request: FastCgiHandler, connection: HandlerConnection) {
    this.#request = request;
    this.#connection = connection;
  }

  write(text: string): void {
    // Applications log text of clients, and front ends write STDERR to their logs unescaped.
    this.#connection.stderr(this.#request, escapeLines(text));
  }

  writelines(lines: Iterable<string>): void {
    for (const line of lines) this.write(line);
  }

  flush(): void {}
}
