/** The FastCGI gateway in the test's own process. */

import { afterEach, vi } from 'vitest';

import { runWithFastCgi } from '../../adapters/fastcgi/index.ts';
import type { FastCgiOptions } from '../../adapters/fastcgi/index.ts';
import type { Server, SocketServer } from '../../src/listening/server.ts';
import type { Application, ApplicationFunction, Environ } from '../../src/types.ts';
import { Peer } from './peer.ts';
import type { Answer, RequestParts } from './peer.ts';

export { echo, endlessBody, hello, until, untilUnchanged } from '../kit.ts';
export { controlTime, digest, pattern } from '../one-request/kit.ts';

/** A gateway under test. */
export class Running {
  readonly server: Server;
  /** Warnings and errors of the gateway. */
  readonly log: string[];

  constructor(server: Server, log: string[]) {
    this.server = server;
    this.log = log;
  }

  /** Open connections. */
  get connections(): number {
    return (this.server as SocketServer).connections.size;
  }

  connect(): Promise<Peer> {
    return Peer.connect(this.server.address());
  }

  /** One request on a connection of its own. */
  async request(parts: RequestParts = {}): Promise<Answer> {
    const peer = await this.connect();
    const answer = await peer.request(parts);
    peer.leave();
    return answer;
  }
}

const running: Server[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close({ timeout: 0 })));
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** Serves an application until the end of the test. */
export async function serve(
  application: Application,
  options: Partial<FastCgiOptions> = {},
): Promise<Running> {
  const log: string[] = [];
  const keep = (message: string): void => void log.push(message);
  const server = await runWithFastCgi(application, {
    listen: '127.0.0.1:0',
    log: { error: keep, warn: keep, info() {}, debug() {} },
    ...options,
  });
  running.push(server);
  return new Running(server, log);
}

/** An application of which the test decides when each request is answered. */
export class Held {
  readonly waiting = new Map<string, () => void>();

  readonly application: ApplicationFunction = async (environ, startResponse) => {
    const path = environ['PATH_INFO'];
    await new Promise<void>((resolve) => this.waiting.set(path, resolve));
    startResponse('200 OK', [['Content-Type', 'text/plain']]);
    return [Buffer.from(path)];
  };

  finish(path: string): void {
    const resolve = this.waiting.get(path)!;
    this.waiting.delete(path);
    resolve();
  }
}

/** Keeps the environ of every request. */
export function keeping(
  environs: Environ[],
  application: ApplicationFunction,
): ApplicationFunction {
  return (environ, startResponse) => {
    environs.push(environ);
    return application(environ, startResponse);
  };
}
