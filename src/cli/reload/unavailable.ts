/** The substitute for an application that cannot be loaded: it answers every request with that error. */

import type { Socket } from 'node:net';

import type { Application, ErrorStream } from '../../types.ts';
import { Gateways } from '../serve/gateways.ts';
import type { Settings } from '../options/options.ts';
import { startGateways } from './start-gateways.ts';
import type { BoundListener, Failure } from './messages.ts';
import type { Backend } from './process.ts';

/** Drops everything: the error has been logged already. */
const NULL_STREAM: ErrorStream = { write() {}, writelines() {}, flush() {} };

/** Answers with the error, in this process. */
export class Unavailable implements Backend {
  readonly #gateways: Gateways;
  readonly #settings: Settings;
  #accept: ((socket: Socket) => void)[] = [];

  private constructor(failure: Failure, settings: Settings) {
    this.#settings = settings;
    this.#gateways = new Gateways(failing(failure), settings, { errors: NULL_STREAM });
  }

  static async start(
    failure: Failure,
    listeners: readonly BoundListener[],
    settings: Settings,
  ): Promise<Unavailable> {
    const server = new Unavailable(failure, settings);
    server.#accept = await startGateways(server.#gateways, listeners);
    return server;
  }

  take(socket: Socket, listener: number): void {
    this.#accept[listener]!(socket);
    socket.resume();
  }

  stop(): Promise<void> {
    return this.#gateways.stop(this.#settings.shutdownTimeout);
  }

  reopen(): void {
    this.#gateways.accessLogFile?.reopen();
  }
}

/** An application that throws the error. The error page of the gateway may show it to a browser on this machine. */
function failing({ message, stack }: Failure): Application {
  return () => {
    const error = new Error(message);
    error.name = 'postern';
    error.stack = stack ?? `${error.name}: ${message}`;
    throw error;
  };
}
