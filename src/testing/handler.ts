/** The gateway of the test client: a request that comes from a test, a response that goes back to it. */

import { Readable } from 'node:stream';

import { toFunction } from '../handler/application.ts';
import { unquotePath } from '../uri/percent.ts';
import { BaseHandler } from '../handler/base-handler.ts';
import { addVariable } from '../environ/environ.ts';
import type { Variables } from '../environ/environ.ts';
import { InputStream } from '../handler/input.ts';
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
import type { TestRequest } from './request.ts';
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
      const leave = (): void => handler.disconnect();
      request.signal?.addEventListener('abort', leave, { once: true });
      if (request.signal?.aborted === true) leave();
      await handler.run(run);
      request.signal?.removeEventListener('abort', leave);
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
  #outcome: Outcome = 'left'; // until it is finished or abandoned
  #errors = '';
  #thrown: { error: unknown } | undefined;
  #untaken = 0; // chunks with which the client is not done yet
  #taking: Promise<void> | undefined; // until it is done with them
  #clientError: { error: unknown } | undefined; // what onChunk threw
  readonly #leaving: Promise<void>;
  #leave!: () => void;

  constructor(request: TestRequest, base: URL, options: DirectOptions) {
    const log = createLog('warn', (line) => void (this.#errors += line));
    super({ log, ...options });
    this.gateway = options.gateway ?? 'http';
    this.#request = request;
    this.#base = base;
    this.#direct = options;
    this.#leaving = new Promise((resolve) => {
      this.#leave = resolve;
    });
  }

  // ---- the request

  protected override addCgiVars(environ: Variables): void {
    const { method, target, headers } = this.#request;
    const isTls = this.#base.protocol === 'https:';
    const query = target.indexOf('?');
    const variables: Record<string, string> = {
      GATEWAY_INTERFACE: 'CGI/1.1',
      SERVER_SOFTWARE: 'postern',
      SERVER_PROTOCOL: 'HTTP/1.1',
      SERVER_NAME: this.#base.hostname,
      SERVER_PORT: this.#base.port || (isTls ? '443' : '80'),
      REMOTE_ADDR: '127.0.0.1',
      REQUEST_METHOD: method,
      REQUEST_URI: target,
      PATH_INFO: unquotePath(query < 0 ? target : target.slice(0, query)),
      QUERY_STRING: query < 0 ? '' : target.slice(query + 1),
    };
    if (isTls) variables['HTTPS'] = 'on';
    for (const [name, value] of Object.entries(variables)) addVariable(environ, name, value);
    for (const header of headers) addHeader(environ, header);
    environ['HTTP_HOST'] ??= this.#base.host;
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
    if (body === undefined) return new InputStream(this.contentLength);
    const length = this.environ!['CONTENT_LENGTH'] === undefined ? -1 : this.contentLength;
    const chunks = body instanceof Uint8Array ? [body] : body;
    return readFrom(() => (this.#body = Readable.from(chunks)), length);
  }

  protected override getStderr(): ErrorStream {
    return writeTo((text) => void (this.#errors += text));
  }

  protected override getRole(): Role {
    return this.#direct.role ?? 'responder';
  }

  // ---- the response

  /** The response, once `run` is over. */
  async response(): Promise<RawResponse> {
    await Promise.race([this.#taking, this.#leaving]);
    this.#body?.destroy();
    if (this.#clientError !== undefined) throw this.#clientError.error;
    const [status, ...headers] = parseHead(this.#head);
    return {
      status: status?.[1] ?? '',
      headers,
      chunks: this.#chunks,
      outcome: this.#outcome,
      errors: this.#errors,
      error: this.#thrown?.error,
    };
  }

  protected override send(head: string, chunk: Uint8Array): boolean {
    this.#head += head;
    if (chunk.length > 0) this.#take(Buffer.from(chunk));
    return this.#untaken === 0;
  }

  protected override drained(): Promise<void> {
    if (this.#untaken === 0 || this.isOver) return Promise.resolve();
    return Promise.race([this.#taking, this.#leaving]);
  }

  protected override finish(head: string, last: Uint8Array | undefined): void {
    this.#head += head;
    if (last !== undefined && last.length > 0) this.#take(Buffer.from(last));
    this.#outcome = 'complete';
  }

  protected override abandon(): void {
    this.#outcome = 'broken';
  }

  override disconnect(): void {
    super.disconnect();
    this.#leave();
  }

  protected override logException(error: unknown): void {
    this.#thrown ??= { error };
    super.logException(error);
  }

  /** The client takes a chunk, after those before it. */
  #take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    if (this.#request.onChunk === undefined) return;
    this.#untaken++;
    this.#taking = this.#call(this.#request.onChunk, chunk, this.#taking);
  }

  /** Never rejects: what the test throws is given back to it in the end. */
  async #call(
    onChunk: NonNullable<TestRequest['onChunk']>,
    chunk: Buffer,
    before: Promise<void> | undefined,
  ): Promise<void> {
    if (before !== undefined) await before;
    try {
      if (this.#clientError === undefined) await onChunk(chunk);
    } catch (error) {
      this.#clientError = { error };
      this.disconnect();
    }
    this.#untaken--;
  }
}

function addHeader(environ: Variables, [name, value]: Header): void {
  const variable = name.toUpperCase().replaceAll('-', '_');
  const isContent = variable === 'CONTENT_TYPE' || variable === 'CONTENT_LENGTH';
  // Every front end drops names with an underscore, which would pass for a hyphen (CVE-2015-0219).
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
