/** The SCGI server: `runWithScgi`. */

import type { RequestServerOptions } from '../../src/one-request/options.ts';
import { serveRequests } from '../../src/one-request/server.ts';
import type { Server } from '../../src/listening/server.ts';
import type { Application } from '../../src/types.ts';
import { ScgiHandler } from './handler.ts';
import { NetstringReader } from './netstring.ts';

/** Options of {@link runWithScgi}. */
export type ScgiOptions = RequestServerOptions;

const SCGI = {
  name: 'scgi',
  caller: 'runWithScgi',
  Reader: NetstringReader,
  Handler: ScgiHandler,
} as const;

/**
 * Serves an application over SCGI.
 *
 * @param options `listen` is where: `'127.0.0.1:4000'` or `'unix:/run/app.sock'`
 * @returns the running server
 * @throws {UsageError} when the application is none, or the address or an option cannot be used
 */
export function runWithScgi(application: Application, options: ScgiOptions): Promise<Server> {
  return serveRequests(SCGI, application, options);
}
