/** The gateway of the test client: it takes a request from a test and gives back the response, without a socket. */

import { Readable } from 'node:stream';

import { ApplicationError } from '../errors.ts';
import { toFunction } from '../handler/application.ts';
import { BaseHandler } from '../handler/base-handler.ts';
import { addVariable, splitPort } from '../environ/environ.ts';
import type { Variables } from '../environ/environ.ts';
import type { InputStream } from '../input/input-stream.ts';
import { createLog } from '../logging/log.ts';
import { readFrom, writeTo } from '../handler/stream-handler.ts';
import type {
  Application,
  Environ,
  ErrorStream,
  GatewayName,
  GatewayOptions,
  Header,
  Role,
} from '../types.ts';
import type { TestDriver } from './driver.ts';
import { checkHeaders, parseTarget } from './refusals.ts';
import type { TestRequest } from './request/request.ts';
import type { Outcome, RawResponse } from './response.ts';

/** How an application is called directly. */
export interface DirectOptions extends GatewayOptions {
  /** Scheme, host and port of the requests: `https:` sets HTTPS. Default `http://localhost`. */
  baseUrl?: string | undefined;
  /** `postern.gateway`; default `http`. */
  gateway?: GatewayName | undefined;
  /** `postern.role`; default `responder`. */
  role?: Role | undefined;
}

/** Calls an application without a socket, through the same {@link BaseHandler} as every gateway. */
export function direct(application: Application, options: DirectOptions = {}): TestDriver {
  const run = toFunction(application);
  const base = new URL(options.baseUrl ?? 'http://localhost');
  return {
    async send(request) {
      const handler = new TestHandler(request, base, options);
      const disconnect = (): void => handler.disconnect();
      request.signal?.addEventListener('abort', disconnect, { once: true });
      if (request.signal?.aborted === true) disconnect();
      await handler.run(run);
      request.signal?.removeEventListener('abort', disconnect);
      return handler.response();
    },
  };
}

class TestHandler extends BaseHandler {
  override readonly gateway: GatewayName;
  readonly #request: TestRequest;
  readonly #base: URL;
  readonly #direct: DirectOptions;
  #body: Readable | undefined; // once the application reads it
  #head = '';
  readonly #chunks: Buffer[] = [];
  #outcome: Outcome = 'left'; // unless the response is finished or abandoned
  #errors = '';
  #thrown: unknown;
  #pendingChunks = 0; // chunks for which onChunk has not finished
  #delivery: Promise<void> | undefined; // fulfilled when onChunk has finished for all chunks so far
  #clientError: { error: unknown } | undefined; // what the test's own body or onChunk threw
  readonly #disconnected: Promise<void>;
  #markDisconnected!: () => void;

  constructor(request: TestRequest, base: URL, options: DirectOptions) {
    const log = createLog('warn', (line) => void (this.#errors += line));
    super({ log, ...options });
    this.gateway = options.gateway ?? 'http';
    this.#request = request;
    this.#base = base;
    this.#direct = options;
    this.#disconnected = new Promise((resolve) => {
      this.#markDisconnected = resolve;
    });
  }

  // ---- the request

  protected override addCgiVars(environ: Variables): void {
    const { method, target, headers } = this.#request;
    const isTls = this.#base.protocol === 'https:';
    const variables: Record<string, string> = {
      GATEWAY_INTERFACE: 'CGI/1.1',
      SERVER_SOFTWARE: 'postern',
      SERVER_PROTOCOL: 'HTTP/1.1',
      SERVER_PORT: this.#base.port || (isTls ? '443' : '80'),
      SERVER_ADDR: '127.0.0.1',
      REMOTE_ADDR: '127.0.0.1',
      REQUEST_METHOD: method,
      REQUEST_URI: target,
    };
    if (isTls) variables['HTTPS'] = 'on';
    for (const [name, value] of Object.entries(variables)) addVariable(environ, name, value);
    checkHeaders(headers);
    for (const header of headers) addHeader(environ, header);
    const host = (environ['HTTP_HOST'] ??= this.#base.host) as string;
    environ['SERVER_NAME'] = splitPort(host)[0];
    const { path, query } = parseTarget(method, target);
    environ['PATH_INFO'] = path;
    environ['QUERY_STRING'] = query;
  }

  protected override setupEnviron(): Environ {
    const environ: Record<string, unknown> = super.setupEnviron();
    for (const [name, value] of Object.entries(this.#request.environ)) {
      if (value === undefined) delete environ[name];
      else environ[name] = value;
    }
    return environ as Environ;
  }

  protected override getStdin(): InputStream {
    const { body } = this.#request;
    const length = this.environ!['CONTENT_LENGTH'] === undefined ? -1 : this.contentLength;
    const chunks = body === undefined ? [] : body instanceof Uint8Array ? [body] : body;
    return readFrom(() => this.#openBody(chunks), body === undefined ? this.contentLength : length);
  }

  #openBody(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Readable {
    this.#body = Readable.from(chunks);
    // The test cannot send its body: it leaves, as over HTTP.
    return this.#body.on('error', (error) => this.#failClient(error));
  }

  protected override getStderr(): ErrorStream {
    return writeTo((text) => void (this.#errors += text));
  }

  protected override getRole(): Role {
    return this.#direct.role ?? 'responder';
  }

  // ---- the response

  /** The response. Called after `run` has ended. */
  async response(): Promise<RawResponse> {
    await Promise.race([this.#delivery, this.#disconnected]);
    this.#body?.destroy();
    if (this.#clientError !== undefined) throw this.#clientError.error;
    const [status, ...headers] = parseHead(this.#head);
    return {
      status: status?.[1] ?? '',
      headers,
      chunks: this.#chunks,
      outcome: this.#outcome,
      errors: this.#errors,
      error: this.#thrown,
    };
  }

  protected override send(head: string, chunk: Uint8Array): boolean {
    this.#head += head;
    if (chunk.length > 0) this.#deliver(Buffer.from(chunk));
    return this.#pendingChunks === 0;
  }

  protected override drained(): Promise<void> {
    if (this.#pendingChunks === 0 || this.isOver) return Promise.resolve();
    return Promise.race([this.#delivery, this.#disconnected]);
  }

  protected override finish(head: string, last: Uint8Array | undefined): void {
    this.#head += head;
    if (last !== undefined && last.length > 0) this.#deliver(Buffer.from(last));
    this.#outcome = 'complete';
  }

  protected override abandon(): void {
    this.#outcome = 'broken';
  }

  override disconnect(): void {
    super.disconnect();
    this.#markDisconnected();
  }

  protected override logException(error: unknown): void {
    this.#thrown ??= error ?? new ApplicationError(`the application threw ${String(error)}`);
    super.logException(error);
  }

  /** Gives a chunk to the client, after onChunk has finished for those before it. */
  #deliver(chunk: Buffer): void {
    this.#chunks.push(chunk);
    if (this.#request.onChunk === undefined) return;
    this.#pendingChunks++;
    this.#delivery = this.#call(this.#request.onChunk, chunk, this.#delivery);
  }

  /** Never rejects: response() throws what onChunk has thrown. */
  async #call(
    onChunk: NonNullable<TestRequest['onChunk']>,
    chunk: Buffer,
    before: Promise<void> | undefined,
  ): Promise<void> {
    if (before !== undefined) await before;
    try {
      if (this.#clientError === undefined) await onChunk(chunk);
    } catch (error) {
      this.#failClient(error);
    }
    this.#pendingChunks--;
  }

  /** Ends the request with an error of the test itself. */
  #failClient(error: unknown): void {
    this.#clientError ??= { error };
    this.disconnect();
  }
}

function addHeader(environ: Variables, [name, value]: Header): void {
  const variable = name.toUpperCase().replaceAll('-', '_');
  const isContent = variable === 'CONTENT_TYPE' || variable === 'CONTENT_LENGTH';
  // Every front end drops names with an underscore: they become the same variable as those with a hyphen (CVE-2015-0219).
  if (!name.includes('_')) addVariable(environ, isContent ? variable : `HTTP_${variable}`, value);
}

/** The lines of a CGI header block (RFC 3875 § 6.2); the first is `Status`. */
function parseHead(head: string): Header[] {
  const lines = head.split('\r\n').filter((line) => line !== '');
  return lines.map((line) => {
    const colon = line.indexOf(': ');
    return [line.slice(0, colon), line.slice(colon + 2)];
  });
}
