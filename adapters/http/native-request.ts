/** What a Node listener sees of its request: what the environ tells, on node:http's own object. */

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

import { setTarget } from '../../src/apps/node/native.ts';
import { familyOf, portOf } from '../../src/apps/node/objects/socket.ts';
import type { Environ } from '../../src/types.ts';
import { isOfConnection } from './header-names.ts';

/**
 * Gives a request the target, the headers and the client of its environ.
 *
 * @param variableOf the variable of a header; `''` if it has none
 * @param isForwarded whether a trusted proxy has told of the client
 */
export function describeRequest(
  request: IncomingMessage,
  environ: Environ,
  variableOf: (header: string) => string,
  isForwarded: boolean,
): void {
  setTarget(request, environ);
  describeHeaders(request, environ, variableOf);
  if (isForwarded) request.socket = describeSocket(request.socket, environ);
}

/** Removes the headers that the environ has not, and replaces Host. */
function describeHeaders(
  request: IncomingMessage,
  environ: Environ,
  variableOf: (header: string) => string,
): void {
  // Both are made from rawHeaders when they are first read.
  const { headers, headersDistinct, rawHeaders } = request;
  const raw: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    const lower = name.toLowerCase();
    const variable = variableOf(name);
    if (variable === 'HTTP_HOST') raw.push(name, environ['HTTP_HOST'] as string);
    else if (environ[variable] !== undefined || isOfConnection(name)) {
      raw.push(name, rawHeaders[i + 1]!);
    } else if (!variable.startsWith('CONTENT_')) {
      delete headers[lower];
      delete headersDistinct[lower];
    }
  }
  request.rawHeaders = raw;
  const host = environ['HTTP_HOST'] as string | undefined;
  if (host === undefined) return;
  headers.host = host;
  headersDistinct.host = [host];
}

/** The socket of the proxy, which tells of the client. */
function describeSocket(socket: Socket, environ: Environ): Socket {
  const address = environ['REMOTE_ADDR'] as string | undefined;
  const { localAddress, localFamily } = socket;
  const port = portOf(environ.SERVER_PORT);
  const client: Record<PropertyKey, unknown> = {
    __proto__: null,
    remoteAddress: address,
    remotePort: portOf(environ['REMOTE_PORT']),
    remoteFamily: familyOf(address),
    localPort: port,
    encrypted: environ['wsgi.url_scheme'] === 'https' ? true : undefined,
    address: () => ({ address: localAddress, family: localFamily, port }),
  };
  // An object of its own for each request: another request of the connection may be another client's.
  return new Proxy(socket, {
    get: (target, key) => (key in client ? client[key] : Reflect.get(target, key)) as unknown,
    has: (target, key) => key in client || key in target,
    set: (target, key, value) => Reflect.set(key in client ? client : target, key, value),
  });
}
