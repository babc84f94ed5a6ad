/** One request that the package node-fastcgi has taken. */

import { escapeLines } from '../../../src/bytes.ts';
import type { Variables } from '../../../src/environ/environ.ts';
import type { CheckedHeaders } from '../../../src/response/headers.ts';
import type { InputStream } from '../../../src/handler/input.ts';
import { StreamHandler, readFrom, writeTo } from '../../../src/handler/stream-handler.ts';
import type { GatewayOptions, Role } from '../../../src/types.ts';
import { formatHead } from '../head.ts';
import { abortWith, dataLength, forgetResource } from '../roles.ts';
import type { PackageRequest, PackageResponse } from './node-fastcgi.ts';

/** What a request needs of the connection that carries it. */
export interface EngineCarrier {
  readonly options: GatewayOptions;
  /** The response is broken and must not look complete. */
  reset(): void;
}

/** Serves one request over the streams of the package. */
export class EngineHandler extends StreamHandler {
  override readonly gateway = 'fastcgi';
  readonly #request: PackageRequest;
  readonly #response: PackageResponse;
  readonly #role: Role;
  readonly #carrier: EngineCarrier;

  constructor(
    request: PackageRequest,
    response: PackageResponse,
    role: Role,
    carrier: EngineCarrier,
  ) {
    super(
      {
        stdin: request,
        stdout: response.stdout,
        stderr: writeTo((text) => writeError(response, escapeLines(text))),
        environ: bytesOf(request.cgiParams),
      },
      carrier.options,
    );
    this.#request = request;
    this.#response = response;
    this.#role = role;
    this.#carrier = carrier;
    // Of streams that fail we learn by the connection; without a listener each of them would end the process.
    for (const stream of [request, request.data, response, response.stderr]) {
      stream.on('error', () => {});
    }
    request.on('aborted', () => this.disconnect());
  }

  protected override getRole(): Role {
    return this.#role;
  }

  protected override addCgiVars(environ: Variables): void {
    super.addCgiVars(environ);
    if (this.#role === 'authorizer') forgetResource(environ);
  }

  protected override getStdin(): InputStream {
    if (this.#role === 'filter') this.environ!['postern.data'] = this.#openData();
    return super.getStdin();
  }

  #openData(): InputStream {
    const data = readFrom(() => this.#request.data, dataLength(this.environ!));
    return abortWith(data, this.signal);
  }

  protected override formatHead(status: string, headers: CheckedHeaders): string {
    return formatHead(this.formatStatus(status), headers);
  }

  protected override finish(head: string, last: Uint8Array | string | undefined): void {
    super.finish(head, last);
    this.#endErrors(() => this.#response.stdout.end());
  }

  protected override abandon(): void {
    this.#endErrors(() => this.#carrier.reset());
  }

  /** Left to itself, the package ends STDERR behind END_REQUEST, on a connection that it has closed. */
  #endErrors(then: () => void): void {
    this.#response.stderr.end(then);
  }

  /** The connection has gone. The package never lets its streams close then, and whoever waits for them would wait on. */
  leave(): void {
    const { stdout } = this.#response;
    if (stdout.closed) return;
    stdout.emit('close');
  }
}

/**
 * The package sends no padding with a record whose length is a multiple of 8, and HAProxy 2.6 crashes over such a
 * STDERR record: so it comes in two.
 */
function writeError({ stderr }: PackageResponse, text: string): void {
  if (!stderr.writable) {
    process.stderr.write(text);
    return;
  }
  const bytes = Buffer.from(text);
  if (bytes.length % 8 > 0) stderr.write(bytes);
  else if (bytes.length > 0) {
    stderr.write(bytes.subarray(0, 1));
    stderr.write(bytes.subarray(1));
  }
}

/** Byte strings of what the package took for UTF-8, as far as it was that. */
function bytesOf(params: Readonly<Record<string, string>>): Record<string, string> {
  const variables: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(params)) variables[toBytes(name)] = toBytes(value);
  return variables;
}

function toBytes(text: string): string {
  return Buffer.from(text).toString('latin1');
}
