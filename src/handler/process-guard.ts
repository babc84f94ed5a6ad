/**
 * Errors outside of any request's own promise chain: thrown by a timer or an event, or a rejection
 * that nobody awaits. They take no process down silently (src/README.md, rule 15).
 */

import { AsyncLocalStorage } from 'node:async_hooks';

import { escapeLine } from '../bytes.ts';
import { formatError } from '../logging/log.ts';
import { prepareStream } from '../logging/standard-streams.ts';
import type { ApplicationFunction, Environ } from '../types.ts';

/** What {@link guardProcess} does with such an error. */
export interface GuardOptions {
  /** The request that an error belongs to, as `GET /path`, where that is known. Asked at the error. */
  request?: (() => string | undefined) | undefined;
  /** Called after an error was told of. */
  onError?: (() => void) | undefined;
  /** Takes the message, newline included. Default: stderr. */
  write?: ((text: string) => void) | undefined;
}

/**
 * Logs errors that escaped, with their stack, and lets the process go on.
 *
 * @returns a function that ends it
 */
export function guardProcess(options: GuardOptions = {}): () => void {
  // A log that nobody reads any more is no error to be logged: that would go on for ever.
  const stderr = prepareStream('stderr', (stream) => stream.on('error', ignore));
  const write = options.write ?? ((text: string) => void process.stderr.write(text));
  const report = (kind: string, error: unknown): void => {
    const request = options.request?.();
    const where = request === undefined ? '' : ` while serving ${escapeLine(request)}`;
    write(`postern: ${kind}${where}: ${formatError(error)}\n`);
    options.onError?.();
  };
  const onException = (error: unknown): void => report('uncaught exception', error);
  const onRejection = (reason: unknown): void => report('unhandled rejection', reason);
  process.on('uncaughtException', onException).on('unhandledRejection', onRejection);
  return () => {
    process.off('uncaughtException', onException).off('unhandledRejection', onRejection);
    stderr().off('error', ignore);
  };
}

function ignore(): void {}

/** The request, for the log: `GET /path`. */
export function describeRequest(environ: Readonly<Environ>): string {
  return `${environ.REQUEST_METHOD} ${environ.REQUEST_URI}`;
}

/**
 * Lets errors be traced to the request that they come from, through timers, events and promises.
 *
 * Not for everyday use: following every asynchronous step costs a tenth of the time of a small request
 * on Node 20, and half of that on Node 26.
 *
 * @returns the application to serve instead, and the `request` of {@link GuardOptions}
 */
export function traceRequests(application: ApplicationFunction): {
  application: ApplicationFunction;
  request: () => string | undefined;
} {
  const storage = new AsyncLocalStorage<Environ>();
  return {
    application(environ, startResponse) {
      // Not run(): the body is iterated after the application has returned.
      storage.enterWith(environ);
      return application(environ, startResponse);
    },
    request() {
      const environ = storage.getStore();
      return environ && describeRequest(environ);
    },
  };
}
