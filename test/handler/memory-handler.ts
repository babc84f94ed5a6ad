/** The smallest gateway there can be: one request from memory, of which everything that happens is written down. */

import { BaseHandler } from '../../src/handler/base-handler.ts';
import { EMPTY } from '../../src/bytes.ts';
import { addVariable } from '../../src/environ/environ.ts';
import type { Variables } from '../../src/environ/environ.ts';
import { InputStream } from '../../src/input/input-stream.ts';
import { createLog } from '../../src/logging/log.ts';
import { writeTo } from '../../src/handler/stream-handler.ts';
import type { ErrorStream, GatewayOptions } from '../../src/types.ts';

export class MemoryHandler extends BaseHandler {
  override readonly gateway = 'scgi';
  /** What the gateway was asked to do, in order: `send`, `finish` and `abandon`, with what they were given. */
  readonly events: string[] = [];
  /** Status line and headers as they were sent. */
  head: string[] = [];
  /** Bytes of the body as they were sent, as text. */
  body = '';
  /** Everything as it was sent, as a byte string. */
  output = '';
  /** What was written to `wsgi.errors`. */
  errors = '';
  /** Lines of the gateway's own log. */
  readonly logged: string[];
  /** Whether the sink takes no more until {@link release}. */
  isFull = false;
  readonly input: InputStream;
  /** Called at each point of the request's life that the gateway gets to see. */
  onPoint: (name: string) => void = () => {};
  readonly #variables: Readonly<Record<string, string>>;
  #waiting: (() => void)[] = [];

  constructor(variables: Readonly<Record<string, string>> = {}, options: GatewayOptions = {}) {
    const logged: string[] = [];
    super({ log: createLog('warn', (line) => void logged.push(line)), ...options });
    this.logged = logged;
    this.#variables = variables;
    this.input = new InputStream(Number(variables['CONTENT_LENGTH'] ?? 0));
  }

  /** Those who wait for the sink go on. */
  release(): void {
    this.isFull = false;
    for (const go of this.#waiting.splice(0)) go();
  }

  /** How many wait for the sink. */
  get waiting(): number {
    return this.#waiting.length;
  }

  override disconnect(): void {
    super.disconnect();
    this.release(); // nobody is there to take anything
  }

  protected override addCgiVars(environ: Variables): void {
    this.onPoint('addCgiVars');
    for (const [name, value] of Object.entries(this.#variables)) addVariable(environ, name, value);
  }

  protected override getStdin(): InputStream {
    this.onPoint('getStdin');
    return this.input;
  }

  protected override getStderr(): ErrorStream {
    return writeTo((text) => void (this.errors += text));
  }

  protected override send(head: string, chunk: Uint8Array): boolean {
    this.#take('send', head, chunk);
    return !this.isFull;
  }

  protected override drained(): Promise<void> {
    this.onPoint('drained');
    if (!this.isFull) return Promise.resolve();
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  protected override finish(head: string, last: Uint8Array | string | undefined): void {
    this.#take('finish', head, last);
  }

  protected override abandon(): void {
    this.events.push('abandon');
    this.onPoint('abandon');
    this.release();
  }

  #take(name: string, head: string, chunk: Uint8Array | string | undefined): void {
    const isText = typeof chunk === 'string';
    const text = isText ? chunk : Buffer.from(chunk ?? EMPTY).toString('latin1');
    const parts = [name, head === '' ? '' : 'head', isText ? 'text' : '', text];
    this.events.push(parts.filter((part) => part).join(' '));
    if (head !== '') this.head = head.trimEnd().split('\r\n');
    this.body += text;
    this.output += head + text;
    this.onPoint(name);
  }
}
