/** Sends requests of the test client over HTTP: to a server of this package, or to a front end before it. */

import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';

import { UsageError } from '../errors.ts';
import type { Header } from '../types.ts';
import type { TestDriver } from './driver.ts';
import type { TestRequest } from './request/request.ts';
import { hasHeader } from './request/headers.ts';
import type { RawResponse } from './response.ts';

/** A server that listens for HTTP: one of this package, or of node:http. */
export interface Listening {
  /** The bound address, as Node's `server.address()`: a string for a unix socket, null while it does not listen. */
  address(): AddressInfo | string | null;
}

/**
 * Sends each request on a connection of its own.
 *
 * @throws {UsageError} for a URL with another protocol than `http:`, and for a server that does not listen
 */
export function overHttp(target: string | URL | Listening): TestDriver {
  const where = locate(target);
  return {
    async send(request) {
      if (Object.keys(request.environ).length > 0) {
        throw new UsageError(
          'the environ is out of reach over HTTP: call the application directly',
        );
      }
      return new Exchange(request, where).done;
    },
  };
}

type Where = Pick<RequestOptions, 'host' | 'port' | 'socketPath'> & { authority: string };

function locate(target: string | URL | Listening): Where {
  if (typeof target === 'object' && 'address' in target) return locateServer(target.address());
  const url = new URL(target);
  if (url.protocol !== 'http:') throw new UsageError(`${url.href} is not an http: URL`);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return { host, port: url.port || 80, authority: url.host };
}

function locateServer(address: AddressInfo | string | null): Where {
  if (address === null) throw new UsageError('the server does not listen');
  if (typeof address === 'string') return { socketPath: address, authority: 'localhost' };
  // A server that listens on all addresses is reached over loopback.
  const wildcard = /^(0\.0\.0\.0|::)$/.test(address.address);
  const host = wildcard ? 'localhost' : address.address;
  const { port } = address;
  return { host, port, authority: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}` };
}

/** One request and its response. */
class Exchange {
  readonly done: Promise<RawResponse>;
  readonly #request: TestRequest;
  readonly #client: ClientRequest;
  readonly #chunks: Buffer[] = [];
  #response: IncomingMessage | undefined;
  #settle!: (response: RawResponse) => void;
  #reject!: (error: unknown) => void;

  constructor(request: TestRequest, where: Where) {
    this.#request = request;
    this.done = new Promise((resolve, reject) => {
      this.#settle = resolve;
      this.#reject = reject;
    });
    const { method, target } = request;
    const headers = flatten(completeHeaders(request, where.authority));
    this.#client = httpRequest({ ...where, method, path: target, headers, agent: false });
    this.#client.on('response', (response) => void this.#receive(response));
    this.#client.on('error', (error) => this.#fail(error));
    request.signal?.addEventListener('abort', this.#disconnect, { once: true });
    if (request.signal?.aborted === true) this.#disconnect();
    else this.#send();
  }

  readonly #disconnect = (): void => {
    this.#client.destroy();
    this.#end('left');
  };

  #send(): void {
    const { body } = this.#request;
    if (body === undefined || body instanceof Uint8Array) {
      this.#client.end(body, () => this.#sent(body?.length ?? 0));
      return;
    }
    let length = 0;
    Readable.from(body)
      .on('data', (chunk: Uint8Array) => (length += chunk.length))
      .on('error', (error) => this.#rejectWith(error))
      .pipe(this.#client)
      .on('finish', () => this.#sent(length));
  }

  /** After a body that is shorter than its Content-Length the connection ends: the server would wait for the rest. */
  #sent(length: number): void {
    const declared = this.#request.headers.find(([name]) => /^content-length$/i.test(name));
    if (declared !== undefined && Number(declared[1]) > length) this.#client.socket?.end();
  }

  async #receive(response: IncomingMessage): Promise<void> {
    this.#response = response;
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        this.#chunks.push(chunk);
        await this.#deliver(chunk);
      }
      this.#end('complete');
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  async #deliver(chunk: Buffer): Promise<void> {
    try {
      await this.#request.onChunk?.(chunk);
    } catch (error) {
      this.#rejectWith(error);
    }
  }

  /** Ends the request with an error of the test itself, or because there is no server. */
  #rejectWith(error: unknown): void {
    this.#client.destroy();
    this.#request.signal?.removeEventListener('abort', this.#disconnect);
    this.#reject(error);
  }

  #fail(error: NodeJS.ErrnoException): void {
    // A broken connection is a response of the server. Any other error means that there is none.
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE') this.#end('broken');
    else this.#rejectWith(error);
  }

  #end(outcome: RawResponse['outcome']): void {
    this.#request.signal?.removeEventListener('abort', this.#disconnect);
    const response = this.#response;
    this.#settle({
      status: response === undefined ? '' : `${response.statusCode} ${response.statusMessage}`,
      headers: response === undefined ? [] : pairs(response.rawHeaders),
      chunks: this.#chunks,
      outcome,
    });
  }
}

function completeHeaders({ headers, body }: TestRequest, authority: string): Header[] {
  const complete = [...headers];
  if (!hasHeader(headers, 'host')) complete.unshift(['Host', authority]);
  const isStream = body !== undefined && !(body instanceof Uint8Array);
  const isFramed = hasHeader(headers, 'content-length') || hasHeader(headers, 'transfer-encoding');
  if (isStream && !isFramed) complete.push(['Transfer-Encoding', 'chunked']);
  return complete;
}

function flatten(headers: readonly Header[]): string[] {
  return headers.flatMap(([name, value]) => [name, value]);
}

function pairs(raw: readonly string[]): Header[] {
  const headers: Header[] = [];
  for (let i = 0; i < raw.length; i += 2) headers.push([raw[i]!, raw[i + 1]!]);
  return headers;
}
