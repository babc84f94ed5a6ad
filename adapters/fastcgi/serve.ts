/** The FastCGI server: `runWithFastCgi`. */

import type { Socket } from 'node:net';

import { createAllowList } from '../../src/allow-list.ts';
import { toFunction } from '../../src/application.ts';
import { Deadlines } from '../../src/deadlines.ts';
import { isWanted } from '../../src/environ.ts';
import { DEFAULT_LOG } from '../../src/log.ts';
import { SocketServer } from '../../src/server.ts';
import type { Connection, Server } from '../../src/server.ts';
import { isTcp, peerOf } from '../../src/sockets.ts';
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
  const isAllowed = allowedPeers(options);
  const server: SocketServer = await SocketServer.start(options, accept);
  return server;

  function accept(socket: Socket): Connection | undefined {
    // Unix sockets have permissions instead of addresses.
    if (isTcp(socket) && !isAllowed(socket.remoteAddress)) {
      log.warn(`fastcgi: ${peerOf(socket)}: not among the addresses that may connect`);
      return undefined;
    }
    const { maxConnections } = gateway.limits;
    if (server.connections.size >= maxConnections) {
      log.warn(`fastcgi: ${peerOf(socket)}: more than maxConnections (${maxConnections})`);
      return undefined;
    }
    return new FastCgiConnection(socket, gateway);
  }
}

/** FCGI_WEB_SERVER_ADDRS lists the peers that may connect, separated by commas (§ 3.2). */
function allowedPeers(options: FastCgiOptions): (address: string | undefined) => boolean {
  // Empty is as good as not there, as for libfcgi.
  const bound = process.env['FCGI_WEB_SERVER_ADDRS'] || undefined;
  const list = options.allow ?? bound?.split(',');
  return list === undefined ? () => true : createAllowList(list);
}
