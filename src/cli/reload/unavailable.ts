/** What stands in for an application that cannot be loaded: it says so to the one who is writing it. */

import type { Socket } from 'node:net';

import type { Application, Environ } from '../../types.ts';
import { Gateways } from '../gateways.ts';
import type { Settings } from '../options.ts';
import type { BoundListener } from './messages.ts';
import type { Server } from './process.ts';

/** Serves the message in this process. */
export class Unavailable implements Server {
  readonly #gateways: Gateways;
  readonly #settings: Settings;
  readonly #accept: ((socket: Socket) => void)[] = [];

  private constructor(message: string, settings: Settings) {
    this.#settings = settings;
    this.#gateways = new Gateways(telling(message), settings);
  }

  static async start(
    message: string,
    listeners: readonly BoundListener[],
    settings: Settings,
  ): Promise<Unavailable> {
    const server = new Unavailable(message, settings);
    for (const [i, { gateway, bound }] of listeners.entries()) {
      await server.#gateways.start(gateway, {
        bound,
        open: (accept) => void (server.#accept[i] = accept),
        close() {},
      });
    }
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

/** Only who sits at this machine is told why; the message names files. */
function telling(message: string): Application {
  return (environ, startResponse) => {
    startResponse('500 Internal Server Error', [
      ['Content-Type', 'text/plain; charset=utf-8'],
      ['Cache-Control', 'no-store'],
    ]);
    const why = isLocal(environ) ? `\n${message}\n\nIt is loaded again when it has changed.\n` : '';
    return [Buffer.from(`The application is not available.\n${why}`)];
  };
}

/** A site whose name leads here (DNS rebinding) comes from this machine too, but with its own name. */
function isLocal(environ: Environ): boolean {
  const { REMOTE_ADDR: peer = '', HTTP_HOST: host = '' } = environ;
  const isPeer = /^(?:127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/.test(String(peer));
  return isPeer && /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/i.test(String(host));
}
