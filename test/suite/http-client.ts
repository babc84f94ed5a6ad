/** Requests of HTTP, byte for byte as they are said to be. */

import { openSocket } from './socket-client.ts';
import type { SuiteRequest, Wire } from './types.ts';
import { requestHeaders } from './variables.ts';

/** Sends a request on a connection of its own. */
export async function openHttp(port: number, request: SuiteRequest): Promise<Wire> {
  const wire = await openSocket(port, 'http', requestHead(request), true, request);
  // The framing of the response tells whether it is complete, however the connection ends.
  return { ...wire, clean: Promise.resolve(true) };
}

function requestHead(request: SuiteRequest): Buffer {
  const lines = [
    `${request.method ?? 'GET'} ${request.target ?? '/'} HTTP/1.1`,
    'Host: localhost',
    'Connection: close',
    ...requestHeaders(request).map(([name, value]) => `${name}: ${value}`),
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}
