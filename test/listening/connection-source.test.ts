/** Servers whose connections are accepted elsewhere. */

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

import { expect, onTestFinished, test } from 'vitest';

import { runWithHttp } from '../../adapters/http/index.ts';
import type { HttpOptions } from '../../adapters/http/index.ts';
import type { ConnectionSource } from '../../src/listening/connection-source.ts';
import type { Server } from '../../src/listening/server.ts';
import type { Application } from '../../src/types.ts';
import { signal } from '../http/kit.ts';

/** A server that gets its connections from another one, and the port of that. */
async function serve(
  application: Application,
  options: Partial<HttpOptions> = {},
): Promise<[Server, port: number]> {
  const outer = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(outer, 'listening');
  onTestFinished(() => void outer.close());
  const source: ConnectionSource = {
    bound: outer.address(),
    open: (accept) =>
      void outer.on('connection', (socket: Socket) => {
        accept(socket);
        socket.resume();
      }),
    close: () => void outer.close(),
  };
  const server = await runWithHttp(application, { listen: source, ...options });
  return [server, (outer.address() as AddressInfo).port];
}

async function untilRefused(port: number): Promise<void> {
  for (;;) {
    try {
      const socket = connect(port, '127.0.0.1').on('error', () => {});
      await once(socket.end().resume(), 'connect');
    } catch {
      return;
    }
  }
}

const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';

test('serve them, and say where they come in', async () => {
  const [server, port] = await serve((environ, startResponse) => {
    startResponse('200 OK', []);
    return [Buffer.from(`port ${environ.SERVER_PORT}`)];
  });
  expect(server.address()).toMatchObject({ address: '127.0.0.1', port });
  const socket = connect(port, '127.0.0.1');
  socket.write(REQUEST);
  const [response] = (await once(socket, 'data')) as [Buffer];
  expect(response.toString()).toMatch(
    new RegExp(`^HTTP/1\\.1 200 OK\r\n[^]*\r\n\r\nport ${port}$`),
  );
  const end = once(socket.resume(), 'end');
  await server.close();
  await end; // an idle connection does not hold up the stop
});

test('wait for requests in flight when they stop', async () => {
  const [begun, finish] = [signal(), signal()];
  const [server, port] = await serve(async (_environ, startResponse) => {
    begun.fire();
    await finish.promise;
    startResponse('200 OK', []);
    return [Buffer.from('finished')];
  });
  const socket = connect(port, '127.0.0.1');
  socket.write(REQUEST);
  await begun.promise;
  const closing = server.close();
  await untilRefused(port);
  finish.fire();
  expect((await socket.toArray()).join('')).toMatch(/\r\n\r\nfinished$/);
  await closing;
});

test('cut off what takes too long', async () => {
  const [server, port] = await serve(() => new Promise(() => {}));
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  socket.write(REQUEST);
  await once(socket, 'connect');
  const closed = once(socket, 'close');
  await server.close({ timeout: 0 });
  await closed;
});

test('keep to their time limits', async () => {
  const [server, port] = await serve(() => [], { headersTimeout: 50 });
  const socket = connect(port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\n');
  expect((await socket.toArray()).join('')).toMatch(/^HTTP\/1\.1 408 /);
  await server.close();
});
