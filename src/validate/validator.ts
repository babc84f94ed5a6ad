/**
 * Middleware that checks both sides of the contract, as wsgiref.validate does: what the gateway gives to the application,
 * and what the application does with it. It changes nothing else: what is synchronous stays so, and the gateway gets the
 * same kind of body.
 */

import { toFunction } from '../handler/application.ts';
import { isPromise } from '../response/chunk.ts';
import { checkHeaders, checkStatus } from '../response/headers.ts';
import { isBodiless } from '../response/status.ts';
import type {
  Application,
  ApplicationFunction,
  Awaitable,
  Body,
  Environ,
  ErrorStream,
  Header,
  HeaderList,
  Input,
  StartResponse,
  Write,
} from '../types.ts';
import { checkBody } from './body.ts';
import type { Progress } from './body.ts';
import { checkEnviron } from './environ.ts';
import { check, violation } from './rules.ts';
import type { ValidationRule } from './rules.ts';
import { checkErrors, checkInput } from './streams.ts';

export { VALIDATION_RULES } from './rules.ts';
export type { ValidationRule } from './rules.ts';

/**
 * Wraps an application so that every breach of the contract is thrown as a {@link ValidationError},
 * where it happens: into the application when it is the application's, into the gateway when it is the
 * gateway's. A body that nobody has closed is told as a process warning, because nobody is left to
 * throw at.
 *
 * It costs time and is meant for development and tests. Middleware is checked from both sides by
 * `validator(middleware(validator(application)))`.
 *
 * @throws {UsageError} when `application` is none
 */
export function validator(application: Application): ApplicationFunction {
  const call = toFunction(application);
  return (...args: unknown[]): Awaitable<Body> => {
    check(args.length === 2, 'call.arguments', args);
    const [environ, startResponse] = args;
    checkEnviron(environ);
    check(typeof startResponse === 'function', 'call.start-response', startResponse);
    wrapStreams(environ);
    const isHead = environ['REQUEST_METHOD'] === 'HEAD';
    const response = new Response(startResponse as StartResponse, isHead);
    const body = call(environ as Environ, response.startResponse);
    return isPromise(body)
      ? (body.then((later) => checkBody(later, response)) as Promise<Body>)
      : checkBody(body, response);
  };
}

function wrapStreams(environ: Record<string, unknown>): void {
  environ['wsgi.input'] = checkInput(environ['wsgi.input'] as Input);
  environ['wsgi.errors'] = checkErrors(environ['wsgi.errors'] as ErrorStream);
  if ('postern.data' in environ) {
    environ['postern.data'] = checkInput(environ['postern.data'] as Input);
  }
}

/** The state of one response. */
class Response implements Progress {
  readonly #gateway: StartResponse;
  readonly #isHead: boolean;
  #called = false;
  #status: string | undefined;
  #headers: HeaderList = [];
  #declared = -1; // Content-Length; -1 for none
  #sent = 0;
  #rethrown: { error: unknown } | undefined; // the error of excInfo, if startResponse has thrown it again

  constructor(gateway: StartResponse, isHead: boolean) {
    this.#gateway = gateway;
    this.#isHead = isHead;
  }

  readonly startResponse: StartResponse = (...args: unknown[]): Write => {
    check(args.length === 2 || args.length === 3, 'start.arguments', args);
    const [status, headers] = args as Parameters<StartResponse>;
    if (this.#called && args.length === 2) {
      throw violation('start.twice', status, 'Headers already set: called again with');
    }
    this.#called = true;
    delegate('start.status', status, () => checkStatus(status));
    const { contentLength } = delegate('start.headers', headers, () => checkHeaders(headers));
    checkNames(headers);
    checkContentType(status, headers);
    checkLocation(status, headers);
    const write = this.#start(args as Parameters<StartResponse>);
    check(typeof write === 'function', 'start.write', write);
    this.#status = status;
    this.#headers = headers;
    this.#declared = contentLength;
    return this.#checkWrite(write);
  };

  #start(args: Parameters<StartResponse>): Write {
    try {
      return this.#gateway(...args);
    } catch (error) {
      if (args.length === 3 && error === args[2]) this.#rethrown = { error };
      throw error;
    }
  }

  #checkWrite(write: Write): Write {
    return (...args: unknown[]) => {
      check(args.length === 1, 'write.arguments', args);
      const [chunk] = args;
      check(chunk instanceof Uint8Array, 'write.chunk', chunk);
      if (chunk.length > 0) this.output(chunk);
      return write(chunk);
    };
  }

  output(chunk: Uint8Array, isCut = false): void {
    this.#checkState(chunk);
    if (isBodiless(this.#status!)) return; // the gateway drops it
    const hasType = this.#headers.some(isContentType);
    check(hasType, 'body.content-type', this.#headers, 'none in');
    this.#sent += chunk.length;
    const isLonger = this.#declared >= 0 && this.#sent > this.#declared;
    check(!isLonger || isCut, 'body.length', this.#sent, `${this.#declared} declared, came`);
  }

  end(): void {
    this.#checkState('end of the body');
    if (this.#isHead || isBodiless(this.#status!)) return;
    const isShorter = this.#sent < this.#declared;
    check(!isShorter, 'body.length', this.#sent, `${this.#declared} declared, came`);
  }

  /** Checks whether the body may go on or end now. */
  #checkState(what: unknown): void {
    if (this.#rethrown !== undefined) {
      throw violation('start.swallowed', what, undefined, { cause: this.#rethrown.error });
    }
    check(this.#status !== undefined, 'body.not-started', what, 'without it came');
  }
}

/** Uses a check of the gateway: its message says best what is wrong. */
function delegate<T>(rule: ValidationRule, value: unknown, checkIt: () => T): T {
  try {
    return checkIt();
  } catch (error) {
    throw violation(rule, value, (error as Error).message, { cause: error });
  }
}

function checkNames(headers: HeaderList): void {
  for (const [name] of headers) {
    check(!/[-_]$/.test(name), 'start.headers', name, 'a name must not end with - or _');
  }
}

function checkContentType(status: string, headers: HeaderList): void {
  if (isBodiless(status)) {
    check(!headers.some(isContentType), 'start.content-type', headers, `with ${status}`);
  }
}

function checkLocation(status: string, headers: HeaderList): void {
  const hasLocation = headers.some(([name]) => name.toLowerCase() === 'location');
  check(!hasLocation || !status.startsWith('200'), 'start.location', headers);
}

function isContentType([name]: Header): boolean {
  return name.toLowerCase() === 'content-type';
}
