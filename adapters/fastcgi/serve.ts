/** The FastCGI server: `runWithFastCgi`. */

import { Admission } from '../../src/admission.ts';
import { toFunction } from '../../src/application.ts';
import { Deadlines } from '../../src/deadlines.ts';
import { isWanted } from '../../src/environ.ts';
import { DEFAULT_LOG } from '../../src/log.ts';
import { SocketServer } from '../../src/server.ts';
import type { Server } from '../../src/server.ts';
import type { Application } from '../../src/types.ts';
import { FastCgiConnection } from './connection.ts';
import type { Gateway } from './gateway.ts';
import { resolveLimits } from './options.ts';
import type { FastCgiOptions } from './options.ts';
import { ParamsDecoder } from './params.ts';

/**
 * Serves an application over FastCGI 1.0.
 *
 * @param options `listen` is where: `'127.0.0.1:9000'`, `'unix:/run/app.sock'`, or `'fd:0'` under a
 *   process manager
 * @returns the running server
 * @throws {UsageError} when the application is none, or the address cannot be used
 */
export async function runWithFastCgi(
  application: Application,
  options: FastCgiOptions,
): Promise<Server> {
  const log = options.log ?? DEFAULT_LOG;
  const gateway: Gateway = {
    application: toFunction(application),
    options,
    limits: resolveLimits(options),
    log,
    decoder: new ParamsDecoder(isWanted),
    deadlines: new Deadlines<object>(),
    requests: 0,
    track: (run) => server.track(run),
  };
  const { maxConnections } = gateway.limits;
  const admission = new Admission('fastcgi', maxConnections, allowedPeers(options), log);
  const server: SocketServer = await SocketServer.start(options, (socket) =>
    admission.admits(socket, server.connections.size)
      ? new FastCgiConnection(socket, gateway)
      : undefined,
  );
  return server;
}

/** FCGI_WEB_SERVER_ADDRS lists the peers that may connect, separated by commas (§ 3.2). */
function allowedPeers({ allow }: FastCgiOptions): readonly string[] | undefined {
  // Empty is as good as not there, as for libfcgi.
  const bound = process.env['FCGI_WEB_SERVER_ADDRS'] || undefined;
  return allow ?? bound?.split(',');
}
