/** A connection that carries one request. */

import { once } from 'node:events';
import { connect } from 'node:net';

import { Arrivals } from './arrivals.ts';
import type { SuiteRequest, Wire } from './types.ts';
import { bodyOf, requestHeaders } from './variables.ts';

/**
 * Sends a request on a connection of its own.
 *
 * @param head what the protocol puts before the body
 * @param framed whether a response says where it ends; otherwise the connection does
 */
export async function openSocket(
  port: number,
  style: Wire['style'],
  head: Uint8Array,
  framed: boolean,
  request: SuiteRequest,
): Promise<Wire> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  const arrivals = new Arrivals(socket);
  let broken: Error | undefined;
  socket.on('data', (chunk: Buffer) => arrivals.push(chunk));
  socket.on('error', (error) => (broken = error));
  const clean = new Promise<boolean>((resolve) => {
    const settle = (error?: Error | null): void => {
      arrivals.end();
      resolve(!error);
    };
    socket.on('end', () => {
      // libuv takes a reset that comes together with the last bytes for an end. Writing tells, where the
      // response itself does not.
      if (framed || socket.writableLength > 0) settle();
      else socket.write('x', settle);
      socket.end();
    });
    socket.on('close', () => {
      arrivals.end(broken ?? new Error('the connection was closed'));
      resolve(false);
    });
  });
  const body = bodyOf(request);
  socket.write(head);
  socket.write(body);
  if (request.excess !== undefined) socket.write(request.excess);
  // A body that ends short is one that is ended, and does not merely pause.
  const declared = requestHeaders(request).find(([name]) => name === 'Content-Length')?.[1];
  if (request.unfinished !== true && Number(declared) > body.length) socket.end();
  return {
    output: arrivals,
    style,
    clean,
    isSent: () => socket.writableLength === 0,
    leave: () => void socket.destroy(),
  };
}
