/** The gateway in a process of its own, of which the test sees what it holds. */

import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';

import type { FastCgiOptions } from '../../adapters/fastcgi/index.ts';
import type { ServerName } from '../../src/cli/registry.ts';
import { Peer } from './peer.ts';

/** What a process holds. Sizes in bytes. */
export interface Holdings {
  rss: number;
  /** Live objects and buffers. */
  held: number;
  /** The most that it has ever held. */
  peak: number;
  descriptors: number;
  /** Kinds of what keeps the process alive, sorted. */
  resources: string[];
  /** Errors that nobody has caught. */
  unhandled: number;
  /** Bodies of responses that were not closed. */
  openBodies: number;
  /** Times that one was closed again. */
  closedTwice: number;
}

export class Service {
  readonly #child: ChildProcess;
  readonly address: AddressInfo | string;
  readonly #exit: Promise<[code: number | null, signal: string | null]>;

  /** @param gateway which one, if it is not FastCGI */
  static async start(
    options: Partial<FastCgiOptions> = {},
    gateway: ServerName = 'fastcgi',
  ): Promise<Service> {
    const script = join(import.meta.dirname, 'fixtures/service.mjs');
    const child = fork(script, [JSON.stringify(options), gateway], {
      execArgv: ['--expose-gc'],
      // Only FastCGI has a place of its own for what goes wrong in applications.
      stdio: ['ignore', 'inherit', gateway === 'fastcgi' ? 'inherit' : 'ignore', 'ipc'],
    });
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`the service has not started: exit code ${String(code)}`);
    });
    const started = once(child, 'message') as Promise<[{ address: AddressInfo | string }]>;
    const [{ address }] = await Promise.race([started, ended]);
    ended.catch(() => {}); // its end is awaited in stop()
    return new Service(child, address);
  }

  private constructor(child: ChildProcess, address: AddressInfo | string) {
    this.#child = child;
    this.address = address;
    this.#exit = once(child, 'exit') as Promise<[number | null, string | null]>;
  }

  /** A connection of which nothing is known. */
  async open(): Promise<Socket> {
    const { port } = this.address as AddressInfo;
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  }

  connect(): Promise<Peer> {
    return Peer.connect(this.address);
  }

  async holdings(): Promise<Holdings> {
    this.#child.send('holdings');
    const [holdings] = (await once(this.#child, 'message')) as [Holdings];
    return holdings;
  }

  /** @returns the exit code; null when it was killed */
  async stop(): Promise<number | null> {
    if (this.#child.connected) this.#child.send('stop');
    const [code] = await this.#exit;
    return code;
  }
}
