/** Node's `IncomingMessage`, filled from an environ instead of from a parser. */

import { IncomingMessage } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';

import type { Environ } from '../../types.ts';
import type { MountedRequest } from './native.ts';
import type { GatewaySocket } from './socket.ts';
import { forEachHeader } from '../request/headers.ts';
import { localTarget } from '../request/target.ts';

/**
 * Makes the request of an environ, without its body.
 *
 * Everything is put onto the instance: frameworks replace the prototype.
 */
export function createRequest(environ: Environ, socket: GatewaySocket): MountedRequest {
  // The declarations ask for a net.Socket, the implementation for less.
  const req = new IncomingMessage(socket as unknown as Socket) as MountedRequest;
  req.method = environ.REQUEST_METHOD;
  req.url = localTarget(environ);
  if (environ.SCRIPT_NAME !== '') {
    req.baseUrl = environ.SCRIPT_NAME;
    req.originalUrl = environ.REQUEST_URI;
  }
  setVersion(req, '1.1');
  const headers: Record<string, string> = {};
  const { rawHeaders } = req;
  forEachHeader(environ, ({ lower, canonical }, value) => {
    headers[lower] = value;
    rawHeaders.push(canonical, value);
  });
  // The one header whose values Node keeps apart. Here they come joined.
  const cookies = headers['set-cookie'];
  req.headers = headers as IncomingHttpHeaders;
  if (cookies !== undefined) req.headers['set-cookie'] = [cookies];
  Object.defineProperty(req, 'headersDistinct', HEADERS_DISTINCT);
  return req;
}

/**
 * The version that the client speaks, as far as this interface goes: HTTP/2 and HTTP/3 requests of a
 * front end are served as 1.1, as they are by a front end that is a proxy.
 *
 * To be set after the response was made: what goes to the front end is not the client's version.
 */
export function setClientVersion(req: IncomingMessage, protocol: string): void {
  if (protocol === 'HTTP/1.0' || protocol === 'HTTP/0.9') setVersion(req, '1.0');
}

function setVersion(req: IncomingMessage, version: '1.0' | '1.1'): void {
  req.httpVersion = version;
  req.httpVersionMajor = 1;
  req.httpVersionMinor = version === '1.1' ? 1 : 0;
}

const HEADERS_DISTINCT: PropertyDescriptor = {
  get(this: IncomingMessage) {
    const distinct: Record<string, string[]> = {};
    for (const [name, value] of Object.entries(this.headers)) {
      distinct[name] = Array.isArray(value) ? value : [value!];
    }
    return distinct;
  },
  configurable: true,
  enumerable: false,
};
