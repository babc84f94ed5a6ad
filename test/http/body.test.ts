import { setImmediate as turn } from 'node:timers/promises';

import { describe, expect, test, vi } from 'vitest';

import type { Environ } from '../../src/types.ts';
import { echo, hello, parse, request, serve, untilUnchanged, signal, until } from './kit.ts';

const CLOSE = 'Connection: close';
const upload = (length: number, ...headers: string[]): string =>
  request('POST / HTTP/1.1', `Content-Length: ${length}`, ...headers);
const KIB = 'x'.repeat(1024);

describe('a request body', () => {
  test('of known length', async () => {
    const gateway = await serve(echo);
    const text = await gateway.talk(`${upload(5, CLOSE)}hello`);
    expect(parse(text).body).toBe('hello');
  });

  test('in chunks, with extensions and trailers', async () => {
    const seen: Partial<Environ>[] = [];
    const gateway = await serve((environ, startResponse) => {
      seen.push(environ);
      return echo(environ, startResponse);
    });
    const chunks = '5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nX-Trailer: secret\r\n\r\n';
    const head = request('POST / HTTP/1.1', 'Transfer-Encoding: Chunked', CLOSE);
    expect(parse(await gateway.talk(head + chunks)).body).toBe('hello world');
    expect(seen[0]).not.toHaveProperty('CONTENT_LENGTH');
    expect(seen[0]).not.toHaveProperty('HTTP_X_TRAILER');
  });

  test('of GET is a body too', async () => {
    const gateway = await serve(echo);
    const text = await gateway.talk(`${request('GET / HTTP/1.1', 'Content-Length: 2', CLOSE)}hi`);
    expect(parse(text).body).toBe('hi');
  });

  test('that is not there ends at once', async () => {
    const gateway = await serve(echo);
    expect(parse(await gateway.talk(request('POST / HTTP/1.1', CLOSE))).body).toBe('');
    expect(parse(await gateway.talk(upload(0, CLOSE))).body).toBe('');
  });

  test('of HTTP/1.0', async () => {
    const gateway = await serve(echo);
    const text = await gateway.talk('POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi');
    expect(parse(text).body).toBe('hi');
  });
});

describe('Expect: 100-continue', () => {
  const head = upload(5, 'Expect: 100-continue');

  test('is answered when the application first reads', async () => {
    const go = signal();
    const gateway = await serve(async (environ, startResponse) => {
      await go.promise;
      return echo(environ, startResponse);
    });
    const client = await gateway.connect();
    client.send(head);
    for (let i = 0; i < 20; i++) await turn();
    expect(client.text).toBe('');
    go.fire();
    await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    client.send('hello');
    expect(await client.until(/\r\n\r\nhello$/)).toContain('Connection: keep-alive');
    client.text = '';
    client.send(request('GET / HTTP/1.1', CLOSE));
    expect(await client.rest()).toMatch(/^HTTP\/1\.1 200/);
  });

  test('is not answered by one that does not read: the connection is closed', async () => {
    const gateway = await serve(hello);
    const { status, headers, body } = parse(await gateway.talk(head));
    expect([status, body]).toEqual(['HTTP/1.1 200 OK', 'hello']);
    expect(headers).toContain('Connection: close');
  });

  test('a client that sends the body all the same gets its answer', async () => {
    const gateway = await serve(hello);
    expect(parse(await gateway.talk(`${head}hello`)).body).toBe('hello');
  });

  test('is ignored in HTTP/1.0', async () => {
    const gateway = await serve(echo);
    const old = 'POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi';
    expect(await gateway.talk(old)).toMatch(/^HTTP\/1\.1 200 OK[^]*hi$/);
  });
});

describe('a body that is not read', () => {
  test('and short: is dropped, and the connection kept', async () => {
    const gateway = await serve(hello);
    const client = await gateway.connect();
    client.send(`${upload(1024)}${KIB}${request('GET / HTTP/1.1', CLOSE)}`);
    expect((await client.rest()).match(/HTTP\/1\.1 200/g)).toHaveLength(2);
  });

  test('and chunked: the same', async () => {
    const gateway = await serve(hello);
    const client = await gateway.connect();
    const head = request('POST / HTTP/1.1', 'Transfer-Encoding: chunked');
    client.send(`${head}3\r\nabc\r\n0\r\n\r\n${request('GET / HTTP/1.1', CLOSE)}`);
    expect((await client.rest()).match(/HTTP\/1\.1 200/g)).toHaveLength(2);
  });

  test('and longer than the limit: the response says that the connection is closed', async () => {
    const gateway = await serve(hello, { maxDrainSize: 1023 });
    const client = await gateway.connect();
    client.send(upload(1024));
    expect(parse(await client.rest()).headers).toContain('Connection: close');
    expect(client.ending).toBe('closed');
  });

  test('and longer than the limit: a client that goes on sending gets the response first', async () => {
    const gateway = await serve(hello, { maxDrainSize: 64 * 1024 });
    const client = await gateway.connect();
    client.send(upload(200 * 1024));
    for (let i = 0; i < 20; i++) {
      client.send(KIB);
      await turn();
    }
    expect(await client.rest()).toMatch(/hello$/);
    expect(client.ending).toBe('closed');
  });

  test('and endless: the connection is closed at the limit', async () => {
    const gateway = await serve(hello, { maxDrainSize: 1024 * 1024 });
    const client = await gateway.connect();
    client.send(request('POST / HTTP/1.1', 'Transfer-Encoding: chunked'));
    await client.until(/hello$/);
    const chunk = `400\r\n${KIB}\r\n`.repeat(64);
    let sent = 0;
    while (client.ending === undefined && sent < 64 * 1024 * 1024) {
      if (client.send(chunk).socket.writableNeedDrain) await turn();
      sent += chunk.length;
      await turn();
    }
    expect(client.ending).toBeDefined();
  });

  test('to its end after a streamed response: is dropped, and the connection kept', async () => {
    const gateway = await serve((_environ, startResponse) => {
      startResponse('200 OK', []);
      return [Buffer.from('one'), Buffer.from('two')];
    });
    const client = await gateway.connect();
    client.send(upload(1024));
    await client.until(/0\r\n\r\n$/);
    client.text = '';
    client.send(KIB + request('GET / HTTP/1.1', CLOSE));
    expect(await client.rest()).toMatch(/^HTTP\/1\.1 200/);
  });

  test('any further: what is left of it is dropped, and the connection kept', async () => {
    const gateway = await serve(async (environ, startResponse) => {
      const first = await environ['wsgi.input'].read(1);
      startResponse('200 OK', []);
      return [first];
    });
    const client = await gateway.connect();
    client.send(`${upload(1024)}a`);
    await client.until(/\r\n\r\na$/);
    client.text = '';
    client.send('b'.repeat(1023) + request('POST / HTTP/1.1', 'Content-Length: 1', CLOSE));
    client.send('c');
    expect(await client.rest()).toMatch(/\r\n\r\nc$/);
  });
});

describe('backpressure', () => {
  test('an upload that the application does not read stays with the client', async () => {
    const go = signal();
    const gateway = await serve(async (environ, startResponse) => {
      await environ['wsgi.input'].read(1);
      await go.promise;
      return hello(environ, startResponse);
    });
    const client = await gateway.connect();
    const size = 200 * 1024 * 1024;
    const chunk = Buffer.alloc(1024 * 1024);
    client.send(upload(size));
    for (let sent = 0; sent < size; sent += chunk.length) client.send(chunk);
    const left = await untilUnchanged(() => client.socket.writableLength);
    expect(left).toBeGreaterThan(size / 2); // the rest is in the system's buffers
    go.fire();
    await client.until(/hello$/);
    client.leave();
  });

  test('a response that the client does not read stays with the application', async () => {
    let made = 0;
    const gateway = await serve((_environ, startResponse) => {
      startResponse('200 OK', []);
      return (function* () {
        const chunk = Buffer.alloc(64 * 1024);
        for (; made < 200 * 1024 * 1024; made += chunk.length) yield chunk;
      })();
    });
    const client = await gateway.connect();
    client.socket.pause();
    client.send(request());
    expect(await untilUnchanged(() => made)).toBeLessThan(100 * 1024 * 1024);
    expect(made).toBeGreaterThan(0);
    client.leave();
  });
});

describe('32 MiB arrive byte for byte', () => {
  const size = 32 * 1024 * 1024;
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < size; i += 4) bytes.writeUInt32LE((i * 2654435761) % 4294967296, i);

  test('there, in pieces and in chunks', async () => {
    const gateway = await serve(async (environ, startResponse) => {
      const body = await environ['wsgi.input'].read();
      startResponse('200 OK', []);
      return [Buffer.from(body.equals(bytes) ? 'equal' : 'different')];
    });
    const plain = await gateway.connect();
    plain.send(upload(size, CLOSE)).send(bytes);
    expect(parse(await plain.rest()).body).toBe('equal');
    const chunked = await gateway.connect();
    chunked.send(request('POST / HTTP/1.1', 'Transfer-Encoding: chunked', CLOSE));
    for (let at = 0; at < size; at += 1_000_000) {
      const chunk = bytes.subarray(at, at + 1_000_000);
      chunked
        .send(`${chunk.length.toString(16)}\r\n`)
        .send(chunk)
        .send('\r\n');
    }
    chunked.send('0\r\n\r\n');
    expect(parse(await chunked.rest()).body).toBe('equal');
  });

  test('and back', async () => {
    const gateway = await serve((_environ, startResponse) => {
      startResponse('200 OK', [['Content-Length', String(size)]]);
      return (function* () {
        for (let at = 0; at < size; at += 1_000_003) yield bytes.subarray(at, at + 1_000_003);
      })();
    });
    const { body } = parse(await gateway.talk(request('GET / HTTP/1.1', CLOSE)));
    expect(Buffer.from(body, 'latin1').equals(bytes)).toBe(true);
  });
});

describe('a client that leaves', () => {
  const rejections: unknown[] = [];
  const onRejection = (reason: unknown): void => void rejections.push(reason);

  /** Lets a client leave in one phase of a request, and waits for the end of everything. */
  async function leaveAfter(bytes: string, phase: RegExp | undefined): Promise<void> {
    process.on('unhandledRejection', onRejection);
    const ended: string[] = [];
    const closed = vi.fn();
    const gateway = await serve((environ, startResponse) => {
      environ['postern.signal'].addEventListener('abort', () => ended.push('abort'));
      const write = startResponse('200 OK', []);
      if (environ.PATH_INFO === '/write') void write(Buffer.alloc(10 * 1024 * 1024));
      return {
        async *[Symbol.asyncIterator]() {
          try {
            if (environ.PATH_INFO === '/read') await environ['wsgi.input'].read();
            yield Buffer.from('first');
            if (environ.PATH_INFO === '/flood') for (;;) yield Buffer.alloc(65536);
            await new Promise(() => {});
          } catch (error) {
            ended.push((error as Error).name);
            throw error;
          }
        },
        close: closed,
      };
    });
    const client = await gateway.connect();
    client.send(bytes);
    if (phase === undefined) for (let i = 0; i < 10; i++) await turn();
    else await client.until(phase);
    client.leave();
    await until(() => closed.mock.calls.length > 0);
    await gateway.server.close();
    for (let i = 0; i < 10; i++) await turn();
    process.off('unhandledRejection', onRejection);
    expect(closed).toHaveBeenCalledOnce();
    expect(ended).toContain('abort');
    expect(rejections).toEqual([]);
    expect(gateway.errors).toEqual([]);
    expect(gateway.log).toEqual([]);
  }

  test('while the body is read', () =>
    leaveAfter(`${request('POST /read HTTP/1.1', 'Content-Length: 9')}abc`, undefined));
  test('while a chunked body is read', () =>
    leaveAfter(
      `${request('POST /read HTTP/1.1', 'Transfer-Encoding: chunked')}3\r\nabc`,
      undefined,
    ));
  test('before it has sent what it expects to be asked for', () =>
    leaveAfter(request('POST /read HTTP/1.1', 'Content-Length: 9', 'Expect: 100-continue'), /100/));
  test('between two chunks', () => leaveAfter(request(), /first/));
  test('while it takes nothing', () => leaveAfter(request('GET /flood HTTP/1.1'), /first/));
  test('while write() waits', () => leaveAfter(request('GET /write HTTP/1.1'), /HTTP/));
  test('with more requests in the pipeline', () => leaveAfter(request() + request(), /first/));
});
