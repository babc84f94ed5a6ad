/** The server of gateways whose connections carry one request each. */

import { Admission } from '../listening/admission.ts';
import { toFunction } from '../handler/application.ts';
import { Deadlines } from '../resources/deadlines.ts';
import { createForwarding } from '../environ/forwarded/forwarding.ts';
import { DEFAULT_LOG } from '../logging/log.ts';
import { RequestConnection } from './connection.ts';
import type { Gateway, VariablesReader } from './gateway.ts';
import { RequestContexts } from '../handler/request-contexts.ts';
import type { RequestTransport, RequestHandler } from './handler.ts';
import { REQUEST_SERVER_OPTIONS, resolveLimits } from './options.ts';
import { Resources } from '../resources/resources.ts';
import type { RequestLimits, RequestServerOptions } from './options.ts';
import { SocketServer, checkServerOptions } from '../listening/server.ts';
import type { Server } from '../listening/server.ts';
import type { Application, GatewayName, GatewayOptions } from '../types.ts';
import { UnreadBodies } from '../resources/unread-bodies.ts';

/** A protocol of this kind: its name, codec and handler. */
export interface RequestProtocol {
  readonly name: GatewayName;
  /** The function that serves it, for messages: `runWithScgi`. */
  readonly caller: string;
  /** Its codec. */
  readonly Reader: new (limits: RequestLimits) => VariablesReader;
  readonly Handler: new (
    transport: RequestTransport,
    variables: readonly string[],
    options: GatewayOptions,
  ) => RequestHandler;
}

/**
 * Serves an application.
 *
 * @throws {UsageError} for something that is not an application, for a limit that is not a number, or when the address
 *   cannot be used
 */
export async function serveRequests(
  protocol: RequestProtocol,
  application: Application,
  given: RequestServerOptions,
): Promise<Server> {
  checkServerOptions(protocol.caller, given, REQUEST_SERVER_OPTIONS);
  const options: RequestServerOptions = { ...given, forwarding: createForwarding(given) };
  const { name, Reader, Handler } = protocol;
  const limits = resolveLimits(options);
  const log = options.log ?? DEFAULT_LOG;
  const admission = new Admission(name, limits.maxConnections, options.allow, log);
  const deadlines = new Deadlines<object>();
  const gateway: Gateway = {
    name,
    application: toFunction(application),
    limits,
    log,
    deadlines,
    resources: new Resources(limits, options, deadlines, log),
    unread: new UnreadBodies(limits.unreadTimeout),
    contexts: new RequestContexts(),
    createReader: () => new Reader(limits),
    createHandler: (transport, variables) => new Handler(transport, variables, options),
    track: (run, onEnd) => server.track(run, onEnd),
  };
  const server: SocketServer = await SocketServer.start(options, (socket) =>
    admission.admits(socket, server.connections.size)
      ? new RequestConnection(socket, gateway)
      : undefined,
  );
  return server;
}
