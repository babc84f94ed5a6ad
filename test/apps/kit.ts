/** Runs one request through an application in the test's own process, as a gateway without a web server would. */

import { once } from 'node:events';
import { PassThrough } from 'node:stream';

import { toFunction } from '../../src/handler/application.ts';
import { StreamHandler } from '../../src/handler/stream-handler.ts';
import type { Application } from '../../src/types.ts';
import { Incoming } from '../suite/incoming.ts';
import type { Response, SuiteRequest } from '../suite/types.ts';
import { bodyOf, cgiVariables } from '../suite/variables.ts';

const LOG = { error() {}, warn() {}, info() {}, debug() {} };

export interface Request extends SuiteRequest {
  /** CGI variables beside those that follow from the rest. */
  variables?: Readonly<Record<string, string>>;
  /** Mount of the application. */
  scriptName?: string;
}

/** A request under way. */
export class Visit {
  /** The request body, to be written when `body` is not given. */
  readonly stdin = new PassThrough();
  readonly stdout = new PassThrough();
  /** Fulfilled when the handler has done all. */
  readonly done: Promise<void>;
  /** What the application's errors have left in `wsgi.errors`. */
  errors = '';
  readonly #incoming: Incoming;

  constructor(application: Application, request: Request) {
    const stderr = new PassThrough();
    stderr.on('data', (chunk: Buffer) => (this.errors += chunk.toString()));
    if (request.body !== undefined) this.stdin.end(bodyOf(request));
    const environ = { ...cgiVariables(request), ...request.variables };
    const { stdin, stdout } = this;
    const { scriptName } = request;
    const handler = new StreamHandler({ stdin, stdout, stderr, environ }, { log: LOG, scriptName });
    this.done = Promise.resolve(handler.run(toFunction(application))).then(() => void stdout.end());
    this.#incoming = new Incoming(stdout[Symbol.asyncIterator](), 'cgi', environ.REQUEST_METHOD!);
  }

  /** The response, read until `size` bytes of its body have come, or to its end. */
  read(size = Infinity): Promise<Response> {
    return this.#incoming.read(size);
  }

  /** The client goes away. */
  async leave(): Promise<void> {
    this.stdout.destroy();
    await once(this.stdout, 'close');
  }
}

export function visit(application: Application, request: Request = {}): Visit {
  return new Visit(application, request);
}

/** The whole response to a request. */
export async function get(application: Application, request: Request = {}): Promise<Response> {
  const one = visit(application, request);
  const response = await one.read();
  await one.done;
  return response;
}

/** Resolves when `condition` holds; the test's own time limit ends it when it never does. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
