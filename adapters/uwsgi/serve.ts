/** The uwsgi server: `runWithUwsgi`. */

import type { RequestServerOptions } from '../../src/one-request/options.ts';
import { serveRequests } from '../../src/one-request/server.ts';
import type { Server } from '../../src/listening/server.ts';
import type { Application } from '../../src/types.ts';
import { UwsgiHandler } from './handler.ts';
import { PacketReader } from './packet.ts';

/** Options of {@link runWithUwsgi}. */
export type UwsgiOptions = RequestServerOptions;

const UWSGI = {
  name: 'uwsgi',
  caller: 'runWithUwsgi',
  Reader: PacketReader,
  Handler: UwsgiHandler,
} as const;

/**
 * Serves an application over the uwsgi protocol.
 *
 * @param options `listen` is where: `'127.0.0.1:3031'` or `'unix:/run/app.sock'`
 * @returns the running server
 * @throws {UsageError} when the application is none, or the address or an option cannot be used
 */
export function runWithUwsgi(application: Application, options: UwsgiOptions): Promise<Server> {
  return serveRequests(UWSGI, application, options);
}
