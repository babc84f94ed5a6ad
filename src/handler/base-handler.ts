/**
 * One request's run through an application, the same behind every gateway (PEP 3333, "The Server /
 * Gateway Side").
 *
 *     run → setupEnviron → application → sendBody → close
 *                               └── an error → handleError: 500, or a broken response
 *
 * Four classes, each on top of the one before: handler-hooks.ts what a gateway fills in, response-sender.ts the
 * response, body-sender.ts its body, and here the order of the steps.
 */

import type { AsyncResource } from 'node:async_hooks';

import { asEnviron, completeEnviron, createEnviron } from '../environ/environ.ts';
import { DisconnectError, RequestError, isInstance } from '../errors.ts';
import { isPromise } from '../response/chunk.ts';
import type {
  AccessEntry,
  Application,
  ApplicationFunction,
  Awaitable,
  Environ,
} from '../types.ts';
import { toFunction } from './application.ts';
import { BodySender } from './body-sender.ts';
import type { InputStream } from '../input/input-stream.ts';
import { RequestContexts } from './request-contexts.ts';

/**
 * The steps of a request, in their order. A gateway subclasses it and fills in seven members:
 * {@link getStdin}, {@link getStderr}, {@link addCgiVars}; {@link send}, {@link drained},
 * {@link finish} and {@link abandon}. What else differs between gateways is a flag.
 */
export abstract class BaseHandler extends BodySender {
  #input: InputStream | undefined;
  #context: AsyncResource | undefined; // in which the application runs
  #goneReason: Error | undefined; // why nothing more is sent
  #controller: AbortController | undefined; // of postern.signal, once somebody has asked for it
  #startedAt = 0; // by the clock that nobody sets
  #isClosed = false; // nothing of the request is left to be done
  #onClosed: (() => void) | undefined;

  // ---- the run

  /**
   * Serves the request, in an async context of its own. It never rejects, whatever the application does.
   *
   * @param application in any of its shapes
   * @returns `undefined` when all was done at once, or a promise of the end: response sent as far as
   *   the gateway is concerned, body closed
   * @throws {UsageError} at once, when the application is none
   */
  run(application: Application): Awaitable<void> {
    const run = toFunction(application);
    // The only request of its process has no other one to be kept apart from.
    if (this.runOnce) return this.serve(run);
    return this.runIn(new RequestContexts(), run);
  }

  /** {@link run} in the next of the contexts of a gateway. @internal */
  runIn(contexts: RequestContexts, application: ApplicationFunction): Awaitable<void> {
    const context = (this.#context = contexts.next);
    return context.runInAsyncScope(this.#runHere, this, contexts, application);
  }

  #runHere(contexts: RequestContexts, application: ApplicationFunction): Awaitable<void> {
    contexts.renew();
    return this.serve(application);
  }

  /** Serves the request in the current async context. @internal */
  protected serve(application: ApplicationFunction): Awaitable<void> {
    if (this.options.accessLog !== undefined) this.#startedAt = performance.now();
    try {
      const environ = this.setupEnviron();
      const body = application(environ, this.makeStartResponse());
      if (isPromise(body)) this.#sendBodyLater(body);
      else this.sendBody(body);
    } catch (error) {
      this.bodyFailed(error);
    }
    if (this.#isClosed) return undefined;
    return new Promise((resolve) => (this.#onClosed = resolve));
  }

  #sendBodyLater(body: PromiseLike<unknown>): void {
    // Not the `then` of an object of unknown origin: it might call both functions, or one twice.
    Promise.resolve(body).then(
      (made) => this.sendBody(made),
      (error: unknown) => this.bodyFailed(error),
    );
  }

  /** @internal */
  protected override bodySent(): void {
    this.#close();
  }

  /** @internal */
  protected override bodyFailed(error: unknown): void {
    const answer = this.#handleError(error);
    if (answer === undefined) this.#close();
    else this.#closeAfter(answer);
  }

  // ---- the environ

  /** Makes the environ: variables of the gateway, repaired and completed, then `wsgi.*` and `postern.*`. */
  protected setupEnviron(): Environ {
    const environ = (this.environ = createEnviron(this));
    this.addCgiVars(environ);
    this.options.forwarding?.applyVariables(environ);
    if (this.originServer && this.serverSoftware !== '') {
      environ['SERVER_SOFTWARE'] ??= this.serverSoftware;
    }
    environ['postern.gateway'] = this.gateway;
    environ['postern.role'] = this.getRole();
    environ['wsgi.errors'] = this.getErrors();
    environ['wsgi.multiprocess'] = this.isMultiprocess();
    environ['wsgi.run_once'] = this.runOnce;
    environ['wsgi.file_wrapper'] = this.fileWrapper;
    this.isHead = environ['REQUEST_METHOD'] === 'HEAD';
    this.contentLength = completeEnviron(environ, this.options);
    environ['wsgi.url_scheme'] = this.getScheme();
    environ['wsgi.input'] = this.#input = this.getStdin();
    if (this.#goneReason !== undefined) this.#input.destroy(this.#goneReason);
    return asEnviron(environ);
  }

  // ---- an error

  /**
   * Answers an error: with its status where nothing was sent yet, or else with a broken response.
   *
   * @returns a promise when the answer takes more than this turn; it is never rejected
   */
  #handleError(error: unknown): Promise<void> | undefined {
    if (this.isOver) {
      // A client that left is nobody's error; what the application throws then follows from it.
      if (!this.gone) this.report(error);
      return undefined;
    }
    if (isInstance(error, RequestError)) this.#logRefusal(error);
    else this.report(error);
    if (this.headersSent) {
      this.breakOff();
      return undefined;
    }
    this.failed = true;
    try {
      return this.#sendErrorAnswer(error);
    } catch (second) {
      this.#errorAnswerFailed(second);
      return undefined;
    }
  }

  /** A request that cannot be served is the client's fault: a line of the gateway's log. */
  #logRefusal(error: RequestError): void {
    const peer = this.environ?.['REMOTE_ADDR'];
    const source = peer === undefined ? this.gateway : `${this.gateway}: ${peer as string}`;
    this.log.warn(`${source}: ${String(error.status).slice(0, 3)}: ${error.message}`);
  }

  #sendErrorAnswer(error: unknown): Promise<void> | undefined {
    const startResponse = this.makeStartResponse(true);
    if (isInstance(error, RequestError)) {
      startResponse(error.status, this.errorHeaders, error);
      this.complete(Buffer.from(`${error.status.slice(4)}\n`));
      return undefined;
    }
    const chunks = this.errorOutput(this.environ ?? {}, startResponse, error);
    if (isPromise(chunks)) return this.#sendErrorOutput(chunks);
    this.complete(Buffer.concat(chunks));
    return undefined;
  }

  async #sendErrorOutput(chunks: PromiseLike<Uint8Array[]>): Promise<void> {
    try {
      const body = Buffer.concat(await chunks);
      // Unless a time limit has answered in between.
      if (!this.ended) this.complete(body);
    } catch (error) {
      this.#errorAnswerFailed(error);
    }
  }

  /** Only an overridden errorOutput can fail. */
  #errorAnswerFailed(error: unknown): void {
    this.report(error);
    if (!this.isOver) this.breakOff();
  }

  // ---- the end

  /** After the response: the rest of the input is given up, the access is logged, the body is closed. */
  #close(): void {
    this.#input?.discard();
    if (this.options.accessLog !== undefined) this.#logAccess(this.options.accessLog);
    const closing = this.closeBody();
    if (closing === undefined) this.#closed();
    else void closing.then(() => this.#closed());
  }

  #closeAfter(answer: Promise<void>): void {
    void answer.then(() => this.#close());
  }

  #closed(): void {
    this.#isClosed = true;
    this.#onClosed?.();
  }

  #logAccess(accessLog: (entry: AccessEntry) => void): void {
    const { headers, headersSent, status, sent } = this.responseState;
    if (headers === undefined || !headersSent || this.environ === undefined) return;
    const duration = performance.now() - this.#startedAt;
    try {
      accessLog({
        environ: asEnviron(this.environ),
        status,
        bytes: sent,
        startedAt: Math.round(Date.now() - duration),
        duration,
        headers: headers.list,
      });
    } catch (error) {
      this.report(error); // it is the response that counts
    }
  }

  // ---- an end from outside

  /**
   * The client has gone away (reset, broken pipe, abort record): the application is told, and nothing
   * more is sent. After the end of the response it does nothing.
   */
  disconnect(): void {
    if (!this.isOver) this.#giveUp(new DisconnectError());
  }

  /**
   * Gives the request up at a time limit: answered with the error's status if nothing was
   * sent, else broken. The application is told through `postern.signal`; what it does then is not sent.
   */
  cancel(error: RequestError): void {
    if (this.isOver) return;
    void this.#handleError(error); // at once: a RequestError has no page to be made
    this.#giveUp(error);
  }

  #giveUp(reason: Error): void {
    this.gone = true;
    this.#goneReason = reason;
    if (this.#context === undefined) this.#tellApplication(reason);
    else this.#context.runInAsyncScope(this.#tellApplication, this, reason);
  }

  #tellApplication(reason: Error): void {
    this.#input?.destroy(reason);
    this.#controller?.abort(reason);
    this.interruptBody();
  }

  /** `postern.signal`: aborted when the client leaves, and when the request is given up. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.gone) this.#controller.abort(this.#goneReason);
    }
    return this.#controller.signal;
  }
}
