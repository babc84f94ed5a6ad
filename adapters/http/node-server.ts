/** The server of node:http or node:https: its settings, and its events, which go to the connections. */

import { createServer } from 'node:http';
import type { Server as NodeServer, ServerOptions as NodeOptions, ServerResponse } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { UsageError } from '../../src/errors.ts';
import { peerOf } from '../../src/sockets/peer.ts';
import { readTlsOptions } from './certificate.ts';
import { HttpConnection } from './connection.ts';
import type { Gateway } from './gateway.ts';
import { CONNECTION, IncomingMessage } from './incoming.ts';
import type { HttpSocket as SocketOf } from './incoming.ts';
import type { HttpLimits, TlsOptions } from './options.ts';
import type { Exchange } from './pipeline.ts';

/**
 * Makes the server of a gateway; it does not listen yet.
 *
 * @throws {UsageError} for a certificate that cannot be used
 */
export async function createNodeServer(gateway: Gateway): Promise<NodeServer> {
  const { limits, options } = gateway;
  const settings: NodeOptions<typeof IncomingMessage> = {
    IncomingMessage,
    maxHeaderSize: limits.maxHeaderSize,
    headersTimeout: headersTimeout(limits),
    requestTimeout: limits.requestTimeout,
    keepAliveTimeout: 0, // idleTimeout does it without a timer for each request
    connectionsCheckingInterval: gateway.tick,
    requireHostHeader: false, // checked in environ.ts, which logs the refusal
  };
  const server =
    options.tls === undefined
      ? createServer(settings)
      : await createHttpsServer(settings, options.tls, limits);
  // node:http drops headers above its limit silently. One more than allowed reaches environ.ts, which refuses it.
  server.maxHeadersCount = limits.maxHeaders + 1;
  attach(server, gateway);
  return server;
}

/** node:http throws for a headersTimeout above requestTimeout. */
function headersTimeout({ headersTimeout, requestTimeout }: HttpLimits): number {
  const isWithin = requestTimeout === 0 || headersTimeout <= requestTimeout;
  return isWithin ? headersTimeout : requestTimeout;
}

// ---- HTTPS

async function createHttpsServer(
  settings: NodeOptions<typeof IncomingMessage>,
  options: TlsOptions,
  limits: HttpLimits,
): Promise<HttpsServer> {
  const tls = readTlsOptions(options);
  const { createServer: createHttps } = await import('node:https');
  try {
    return createHttps({ handshakeTimeout: limits.headersTimeout, ...settings, ...tls });
  } catch (error) {
    const { message } = error as Error;
    throw new UsageError(`certificate or key cannot be used: ${message}`, { cause: error });
  }
}

function logTlsError({ log }: Gateway, error: NodeJS.ErrnoException, socket: Socket): void {
  const peer = peerOf(socket);
  if (error.code === 'ERR_SSL_HTTP_REQUEST') {
    log.warn(`http: ${peer}: plain HTTP on an HTTPS port: should the URL begin with https://?`);
  } else {
    log.debug(`http: ${peer}: TLS: ${error.message}`);
  }
}

// ---- events

type HttpSocket = Socket & SocketOf<HttpConnection>;

/** The connection of a socket. With TLS there is none before the end of the handshake. */
export function connectionOf(socket: Duplex): HttpConnection | undefined {
  return (socket as SocketOf<HttpConnection>)[CONNECTION];
}

function begin(
  request: Exchange['request'],
  response: ServerResponse,
  expectsContinue: boolean,
): void {
  connectionOf(request.socket)?.begin({ request, response, expectsContinue });
}

/** Passes the events of node:http to the connections. */
function attach(server: NodeServer, gateway: Gateway): void {
  const all = new Set<HttpConnection>();
  const event = gateway.options.tls === undefined ? 'connection' : 'secureConnection';
  server.on(event, (socket: HttpSocket) => {
    const connection = new HttpConnection(socket, gateway);
    socket[CONNECTION] = connection;
    all.add(connection);
    socket.on('close', () => all.delete(connection));
    if (gateway.closesConnections) connection.shutdown();
  });
  server.on('request', (request, response) => begin(request, response, false));
  server.on('checkExpectation', (request, response) => begin(request, response, false));
  server.on('checkContinue', (request, response) => begin(request, response, true));
  server.on('clientError', (error, socket) => {
    const connection = connectionOf(socket);
    if (connection !== undefined) connection.clientError(error);
    else {
      logTlsError(gateway, error, socket as Socket);
      socket.destroy();
    }
  });
  // Called by close(). node:http's own method takes a connection for idle whose response waits in the socket, and cuts
  // that response off.
  server.closeIdleConnections = () => {
    for (const connection of all) connection.shutdown();
  };
}
