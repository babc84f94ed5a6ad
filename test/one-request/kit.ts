/** SCGI and uwsgi as one: gateways in the test's own process, whose connections carry one request each. */

import { createHash } from 'node:crypto';

import { afterEach, vi } from 'vitest';

import { runWithScgi } from '../../adapters/scgi/index.ts';
import { runWithUwsgi } from '../../adapters/uwsgi/index.ts';
import type { RequestServerOptions } from '../../src/one-request/options.ts';
import type { Server, SocketServer } from '../../src/listening/server.ts';
import type { Application } from '../../src/types.ts';
import { FrontEnd } from './client.ts';
import type { Reply } from './client.ts';
import { encodeRequest as encodeScgi } from '../scgi/client.ts';
import { encodeRequest as encodeUwsgi } from '../uwsgi/client.ts';

export { echo, endlessBody, hello, until, untilUnchanged } from '../kit.ts';

type Variables = Readonly<Record<string, string>>;

/** A protocol, and the two sides of it. */
export interface Protocol {
  name: 'scgi' | 'uwsgi';
  run(application: Application, options: RequestServerOptions): Promise<Server>;
  encode(variables: Iterable<readonly [string, string]>, body?: Uint8Array | string): Buffer;
  /** How a response begins: as in CGI, or with a status line. */
  style: 'cgi' | 'http';
  /** The first line of a response. */
  statusLine(status: string): string;
}

export const SCGI: Protocol = {
  name: 'scgi',
  run: runWithScgi,
  encode: encodeScgi,
  style: 'cgi',
  statusLine: (status) => `Status: ${status}`,
};

export const UWSGI: Protocol = {
  name: 'uwsgi',
  run: runWithUwsgi,
  encode: encodeUwsgi,
  style: 'http',
  statusLine: (status) => `HTTP/1.1 ${status}`,
};

export const PROTOCOLS: readonly Protocol[] = [SCGI, UWSGI];

/** A gateway under test. */
export class Running {
  readonly protocol: Protocol;
  readonly server: Server;
  /** Warnings and errors of the gateway. */
  readonly log: string[];

  constructor(protocol: Protocol, server: Server, log: string[]) {
    this.protocol = protocol;
    this.server = server;
    this.log = log;
  }

  /** Open connections. */
  get connections(): number {
    return (this.server as SocketServer).connections.size;
  }

  connect(): Promise<FrontEnd> {
    return FrontEnd.connect(this.server.address());
  }

  /** Sends a request on a connection of its own. */
  async open(variables: Variables = {}, body?: Uint8Array | string): Promise<FrontEnd> {
    const frontEnd = await this.connect();
    frontEnd.send(this.encode(variables, body));
    return frontEnd;
  }

  async request(variables: Variables = {}, body?: Uint8Array | string): Promise<Reply> {
    return (await this.open(variables, body)).reply();
  }

  encode(variables: Variables, body?: Uint8Array | string): Buffer {
    const all = { REQUEST_METHOD: 'GET', REQUEST_URI: '/', PATH_INFO: '/', ...variables };
    return this.protocol.encode(Object.entries(all), body);
  }
}

const running: Server[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close({ timeout: 0 })));
  vi.restoreAllMocks();
});

/** Serves an application until the end of the test. */
export async function serve(
  protocol: Protocol,
  application: Application,
  options: Partial<RequestServerOptions> = {},
): Promise<Running> {
  const log: string[] = [];
  const keep = (message: string): void => void log.push(message);
  const server = await protocol.run(application, {
    listen: '127.0.0.1:0',
    log: { error: keep, warn: keep, info() {}, debug() {} },
    ...options,
  });
  running.push(server);
  return new Running(protocol, server, log);
}

/** Makes the time of time limits a matter of the test. @returns a function that lets a second of it pass */
export function controlTime(): () => void {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  return () => void vi.advanceTimersByTime(1000);
}

/** Bytes that do not repeat at any power of two. */
export function pattern(size: number): Buffer {
  const unit = Buffer.from(Array.from({ length: 65_521 }, (_, i) => (i * i) % 251));
  return Buffer.alloc(size, unit);
}

/** For comparisons of what is too large to be compared byte by byte in a message. */
export function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
