/** Request bodies that nobody reads, over HTTP: what waits, and whether the client is still there. */

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';

import { describe, expect, test } from 'vitest';

import type { HttpServer } from '../../adapters/http/serve.ts';
import { fromNode } from '../../src/apps/node/node.ts';
import type { Application, ApplicationFunction } from '../../src/types.ts';
import { digest, pattern } from '../one-request/kit.ts';
import { request, serve, signal, until } from './kit.ts';
import type { Client } from './kit.ts';

const MIB = 1024 * 1024;
/** In which a client that has left must have been noticed, in milliseconds. */
const NOTICED = 2000;

/** An application of one shape, which reads its body when it is told to, and answers with what it was. */
interface Shape {
  readonly name: string;
  make(mayRead: Promise<void>, seen: Seen): Application;
}

/** What the application has been told of. */
interface Seen {
  begun: number;
  left: number;
}

const SHAPES: readonly Shape[] = [
  {
    name: 'an application of the contract',
    make: (mayRead, seen): ApplicationFunction => {
      return async (environ, startResponse) => {
        seen.begun++;
        environ['postern.signal'].addEventListener('abort', () => seen.left++);
        await mayRead;
        const body = await environ['wsgi.input'].read();
        startResponse('200 OK', []);
        return [Buffer.from(digest(body))];
      };
    },
  },
  {
    name: 'a Node listener',
    make: (mayRead, seen) =>
      fromNode(async (req: IncomingMessage, res: ServerResponse) => {
        seen.begun++;
        res.on('close', () => void (res.writableFinished || seen.left++));
        await mayRead;
        const chunks: Buffer[] = [];
        req.on('data', (chunk: Buffer) => chunks.push(chunk));
        await once(req, 'end');
        res.end(digest(Buffer.concat(chunks)));
      }),
  },
];

/** How the body is announced, and a piece of it as it is sent. */
const FRAMINGS = [
  [
    'with its length',
    (length: number) => `Content-Length: ${length}`,
    (body: Buffer): Buffer => body,
    '',
  ],
  [
    'chunked',
    () => 'Transfer-Encoding: chunked',
    (body: Buffer): Buffer =>
      Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')]),
    '0\r\n\r\n',
  ],
] as const;

describe.each(SHAPES)('$name', ({ make }) => {
  describe.each(FRAMINGS)('%s', (_, header, encode, end) => {
    async function open(length: number): Promise<{
      gateway: Awaited<ReturnType<typeof serve>>;
      client: Client;
      seen: Seen;
      read: () => void;
    }> {
      const mayRead = signal();
      const seen = { begun: 0, left: 0 };
      const gateway = await serve(make(mayRead.promise, seen));
      const client = await gateway.connect();
      client.send(request('POST / HTTP/1.1', header(length)));
      await until(() => seen.begun === 1);
      return { gateway, client, seen, read: mayRead.fire };
    }

    function send(client: Client, body: Buffer): Promise<void> {
      for (let at = 0; at < body.length; at += 100_000) {
        client.send(encode(body.subarray(at, at + 100_000)));
      }
      return new Promise((resolve) => client.socket.write('', () => resolve()));
    }

    test.each([
      ['100 kB', 100_000],
      ['40 MiB', 40 * MIB],
    ])('%s of it, and the client leaves: noticed within two seconds', async (_, size) => {
      const { gateway, client, seen, read } = await open(100 * MIB);
      await send(client, Buffer.alloc(size));
      const left = performance.now();
      client.leave();
      const { connections } = gateway.server as HttpServer;
      await until(() => seen.left === 1 && connections.size === 0);
      expect(performance.now() - left).toBeLessThan(NOTICED);
      expect(gateway.log).toEqual([]);
      read();
    });

    test('what waits in a spool file is read like any other body', async () => {
      const body = pattern(30 * MIB);
      const { client, read } = await open(body.length);
      await send(client, body);
      client.send(end);
      read();
      await client.until(/\r\n\r\n[0-9a-f]{64}/);
      expect(client.text).toContain(digest(body));
      client.leave();
    });

    test('read while it still comes', async () => {
      const body = pattern(30 * MIB);
      const { client, read } = await open(body.length);
      await send(client, body.subarray(0, 20 * MIB));
      read();
      await send(client, body.subarray(20 * MIB));
      client.send(end);
      await client.until(/\r\n\r\n[0-9a-f]{64}/);
      expect(client.text).toContain(digest(body));
      client.leave();
    });
  });
});

describe('a listener that has answered', () => {
  test('without reading: what still comes is dropped, and the next request served', async () => {
    const gateway = await serve(
      fromNode((req, res) => void setTimeout(() => res.end('y'), req.method === 'GET' ? 0 : 700)),
    );
    const client = await gateway.connect();
    client.send(request('POST / HTTP/1.1', 'Content-Length: 1000000'));
    client.send(Buffer.alloc(500_000));
    await client.until(/200 OK[^]*y$/);
    client.send(Buffer.alloc(500_000));
    client.send(request('GET / HTTP/1.1'));
    await client.until(/200 OK[^]*200 OK/);
    client.leave();
  });

  test('and reads on gets all of it', async () => {
    let received = 0;
    const ended = signal();
    const gateway = await serve(
      fromNode((req, res) => {
        req.on('data', (chunk: Buffer) => {
          if (received === 0) {
            req.pause();
            setTimeout(() => res.end('y'), 700); // when some of it waits in the spool
            res.on('close', () => req.resume());
          }
          received += chunk.length;
        });
        req.on('end', ended.fire);
      }),
    );
    const client = await gateway.connect();
    client.send(request('POST / HTTP/1.1', `Content-Length: ${8 * MIB}`));
    client.send(Buffer.alloc(8 * MIB));
    await ended.promise;
    expect(received).toBe(8 * MIB);
    client.leave();
  });
});

test('a client that waits for 100 Continue is not asked for what nobody reads', async () => {
  const mayRead = signal();
  const seen = { begun: 0, left: 0 };
  const gateway = await serve(SHAPES[0]!.make(mayRead.promise, seen));
  const client = await gateway.connect();
  client.send(request('POST / HTTP/1.1', 'Content-Length: 5', 'Expect: 100-continue'));
  await until(() => seen.begun === 1);
  await new Promise((resolve) => setTimeout(resolve, 600)); // longer than a connection is held back
  expect(client.text).toBe('');
  mayRead.fire();
  await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
  client.send('12345');
  await client.until(/200 OK/);
  client.leave();
});
