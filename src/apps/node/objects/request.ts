/** Makes Node's `IncomingMessage` from an environ. */

import { IncomingMessage } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';

import type { Environ } from '../../../types.ts';
import { setTarget } from '../native.ts';
import type { MountedRequest } from '../native.ts';
import type { GatewaySocket } from './socket.ts';
import { forEachHeader } from '../../request/headers.ts';

/**
 * Makes a request without its body.
 *
 * Everything is a property of the instance, because frameworks replace the prototype.
 */
export function createRequest(environ: Environ, socket: GatewaySocket): MountedRequest {
  // The type declarations require a net.Socket. The implementation needs only a part of it.
  const req = new IncomingMessage(socket as unknown as Socket) as MountedRequest;
  req.method = environ.REQUEST_METHOD;
  setTarget(req, environ);
  setVersion(req, '1.1');
  (req as { upgrade?: boolean }).upgrade = false;
  const headers: Record<string, string> = {};
  const { rawHeaders } = req;
  forEachHeader(environ, ({ lower, canonical }, value) => {
    headers[lower] = value;
    rawHeaders.push(canonical, value);
  });
  // The only header that is an array in Node. Here its values are joined already.
  const cookies = headers['set-cookie'];
  req.headers = headers as IncomingHttpHeaders;
  if (cookies !== undefined) req.headers['set-cookie'] = [cookies];
  Object.defineProperty(req, 'headersDistinct', HEADERS_DISTINCT);
  return req;
}

/**
 * Sets the HTTP version of the client. HTTP/2 and HTTP/3 become 1.1, as behind a front end that is a proxy.
 *
 * It is called after the response was made, which would otherwise be written in the version of the client.
 */
export function setClientVersion(req: IncomingMessage, protocol: string): void {
  if (protocol === 'HTTP/1.0' || protocol === 'HTTP/0.9') setVersion(req, '1.0');
}

function setVersion(req: IncomingMessage, version: '1.0' | '1.1'): void {
  req.httpVersion = version;
  req.httpVersionMajor = 1;
  req.httpVersionMinor = version === '1.1' ? 1 : 0;
}

/** Destroys a request as node:http does when the client leaves before the response is complete. */
export function abortRequest(req: IncomingMessage): void {
  req.destroy(requestAborted());
}

/** The error of such a request. */
export function requestAborted(): Error {
  return Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
}

/** The error of a connection that the client has cut off in its upload. */
export function connectionReset(cause?: unknown): Error {
  const error = new Error('read ECONNRESET', cause === undefined ? undefined : { cause });
  return Object.assign(error, { code: 'ECONNRESET', syscall: 'read' });
}

const HEADERS_DISTINCT: PropertyDescriptor = {
  get(this: IncomingMessage) {
    const distinct = Object.create(null) as Record<string, string[]>;
    for (const [name, value] of Object.entries(this.headers)) {
      distinct[name] = Array.isArray(value) ? value : [value!];
    }
    this.headersDistinct = distinct;
    return distinct;
  },
  set(this: IncomingMessage, value: unknown) {
    Object.defineProperty(this, 'headersDistinct', { value, writable: true });
  },
  configurable: true,
  enumerable: false,
};
