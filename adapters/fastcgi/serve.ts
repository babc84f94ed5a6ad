/** The FastCGI server: `runWithFastCgi`. */

import { Admission } from '../../src/listening/admission.ts';
import { toFunction } from '../../src/handler/application.ts';
import { Deadlines } from '../../src/resources/deadlines.ts';
import { RequestContexts } from '../../src/handler/request-contexts.ts';
import { createForwarding } from '../../src/environ/forwarded/forwarding.ts';
import { isWanted } from '../../src/environ/environ.ts';
import type { TextList } from '../../src/options.ts';
import { UsageError } from '../../src/errors.ts';
import { DEFAULT_LOG } from '../../src/logging/log.ts';
import { Resources } from '../../src/resources/resources.ts';
import { SocketServer, checkServerOptions } from '../../src/listening/server.ts';
import type { Server } from '../../src/listening/server.ts';
import type { Application, ApplicationFunction } from '../../src/types.ts';
import { UnreadBodies } from '../../src/resources/unread-bodies.ts';
import { FastCgiConnection } from './connection.ts';
import type { Gateway } from './gateway.ts';
import { FASTCGI_OPTIONS, resolveLimits } from './options.ts';
import type { FastCgiLimits, FastCgiOptions } from './options.ts';
import { ParamsDecoder } from './params.ts';

/**
 * Serves an application over FastCGI 1.0.
 *
 * @param given `listen` is where: `'127.0.0.1:9000'`, `'unix:/run/app.sock'`, or `'fd:0'` under a
 *   process manager
 * @returns the running server
 * @throws {UsageError} when the application is none, or the address or another option cannot be used
 */
export async function runWithFastCgi(
  application: Application,
  given: FastCgiOptions,
): Promise<Server> {
  const run = toFunction(application);
  checkServerOptions('runWithFastCgi', given, FASTCGI_OPTIONS);
  const options: FastCgiOptions = { ...given, forwarding: createForwarding(given) };
  const { engine = 'postern', log = DEFAULT_LOG } = options;
  const limits = resolveLimits(options);
  const admission = new Admission('fastcgi', limits.maxConnections, allowedPeers(options), log);
  switch (engine) {
    case 'postern':
      return serve(run, options, limits, admission);
    case 'node-fastcgi': {
      const { serveWithNodeFastCgi } = await import('./engines/serve.ts');
      return serveWithNodeFastCgi(run, options, admission);
    }
    default:
      throw new UsageError(`engine ${JSON.stringify(engine)} is neither postern nor node-fastcgi`);
  }
}

/** Serves with postern's own engine. */
async function serve(
  application: ApplicationFunction,
  options: FastCgiOptions,
  limits: FastCgiLimits,
  admission: Admission,
): Promise<Server> {
  const { log = DEFAULT_LOG } = options;
  const deadlines = new Deadlines<object>();
  const gateway: Gateway = {
    application,
    options,
    limits,
    log,
    decoder: new ParamsDecoder(isWanted),
    deadlines,
    resources: new Resources(limits, options, deadlines, log),
    unread: new UnreadBodies(limits.unreadTimeout),
    contexts: new RequestContexts(),
    isManaged: isDescriptorZero(options.listen),
    isMultiplexed: false,
    track: (run, onEnd) => server.track(run, onEnd),
  };
  const server: SocketServer = await SocketServer.start(options, (socket) =>
    admission.admits(socket, server.connections.size)
      ? new FastCgiConnection(socket, gateway)
      : undefined,
  );
  return server;
}

function isDescriptorZero(listen: FastCgiOptions['listen']): boolean {
  return listen === 'fd:0' || (typeof listen === 'object' && 'fd' in listen && listen.fd === 0);
}

/** FCGI_WEB_SERVER_ADDRS lists the peers that may connect, separated by commas (§ 3.2). */
function allowedPeers({ allow }: FastCgiOptions): TextList | undefined {
  // An empty variable counts as missing, as for libfcgi.
  return allow ?? (process.env['FCGI_WEB_SERVER_ADDRS'] || undefined);
}
