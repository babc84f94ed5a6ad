/** HTTP in the test's own process: a gateway, and a client that sends bytes and sees how its connection ends. */

import { once } from 'node:events';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

import { afterEach, expect } from 'vitest';

import { runWithHttp } from '../../adapters/http/index.ts';
import type { HttpOptions } from '../../adapters/http/index.ts';
import type { Server } from '../../src/listening/server.ts';
import type { Application, Environ, StartResponse } from '../../src/types.ts';
import { until } from '../kit.ts';

export { echo, endlessBody, hello, until, untilUnchanged } from '../kit.ts';

const running: Server[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close({ timeout: 0 })));
});

/** A gateway under test. */
export interface Running {
  readonly server: Server;
  readonly port: number;
  /** Warnings and errors of the gateway. */
  readonly log: string[];
  /** What was written to `wsgi.errors`. */
  readonly errors: string[];
  connect(): Promise<Client>;
  /** Sends bytes on a connection of its own, and takes what comes until it is closed. */
  talk(bytes: string): Promise<string>;
}

/** Serves an application until the end of the test. */
export async function serve(
  application: Application,
  options: Partial<HttpOptions> = {},
): Promise<Running> {
  const log: string[] = [];
  const errors: string[] = [];
  const keep = (message: string): void => void log.push(message);
  const server = await runWithHttp(application, {
    listen: '127.0.0.1:0',
    log: { error: keep, warn: keep, info() {}, debug() {} },
    errors: { write: (text) => void errors.push(text), writelines() {}, flush() {} },
    ...options,
  });
  running.push(server);
  const address = server.address();
  const open = (): Promise<Client> => Client.connect(address!);
  return {
    server,
    port: (address as AddressInfo).port,
    log,
    errors,
    connect: open,
    talk: async (bytes) => (await open()).send(bytes).rest(),
  };
}

/** A client that speaks bytes. */
export class Client {
  readonly socket: Socket;
  /** Bytes that have come, as a byte string. */
  text = '';
  /** How the connection has ended. */
  ending: 'closed' | 'reset' | undefined;
  #onChange: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('latin1');
      this.#onChange();
    });
    socket.on('error', () => (this.ending = 'reset'));
    socket.on('end', () => {
      this.ending ??= 'closed';
      this.#onChange();
    });
    socket.on('close', () => {
      this.ending ??= 'closed';
      this.#onChange();
    });
  }

  static async connect(address: AddressInfo | string): Promise<Client> {
    const socket =
      typeof address === 'string'
        ? connect({ path: address, allowHalfOpen: true })
        : connect({ host: address.address, port: address.port, allowHalfOpen: true });
    await once(socket, 'connect');
    return new Client(socket);
  }

  /** Sends a byte string, or bytes. */
  send(bytes: string | Uint8Array): this {
    if (typeof bytes === 'string') this.socket.write(bytes, 'latin1');
    else this.socket.write(bytes);
    return this;
  }

  /** Waits until what has come matches. @throws when the connection ends before */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.text)) {
      if (this.ending !== undefined) throw new Error(`${this.ending} after: ${this.text}`);
      await this.#change();
    }
    return this.text;
  }

  /** Waits for the server to end the connection. @returns all that has come */
  async rest(): Promise<string> {
    while (this.ending === undefined) await this.#change();
    this.socket.end();
    return this.text;
  }

  /** Goes away without a word. */
  leave(): void {
    this.socket.destroy();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => (this.#onChange = resolve));
  }
}

/** Answers with the path. */
export function where(environ: Environ, startResponse: StartResponse): Uint8Array[] {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return [Buffer.from(environ.PATH_INFO, 'latin1')];
}

/** A promise that the test fulfils. */
export function signal(): { promise: Promise<void>; fire: () => void } {
  let fire!: () => void;
  const promise = new Promise<void>((resolve) => (fire = resolve));
  return { promise, fire };
}

/** A request line, `Host` and more headers, and the empty line. */
export function request(line = 'GET / HTTP/1.1', ...headers: string[]): string {
  return [line, 'Host: example.test', ...headers, '', ''].join('\r\n');
}

/** Parts of the one response in a text. */
export function parse(text: string): { status: string; headers: string[]; body: string } {
  const end = text.indexOf('\r\n\r\n');
  const [status = '', ...headers] = text.slice(0, end).split('\r\n');
  return { status, headers, body: text.slice(end + 4) };
}

/** Sends a request, and reads nothing of the response until the gateway says that it has waited for sendTimeout. */
export async function takeNothing(gateway: Running): Promise<void> {
  const client = await gateway.connect();
  client.socket.pause();
  client.send(request());
  await until(() => gateway.log.length > 0);
  expect(gateway.log).toEqual([expect.stringMatching(/nothing .* sendTimeout$/)]);
  client.leave();
}
