import { describe, expect, test, vi } from 'vitest';

import { runWithHttp } from '../../adapters/http/index.ts';
import { Client, hello, parse, request, serve, signal } from './kit.ts';

const CLOSE = 'Connection: close';

describe('a graceful stop', () => {
  test('closes idle connections, and accepts no more', async () => {
    const gateway = await serve(hello);
    const fresh = await gateway.connect();
    const kept = (await gateway.connect()).send(request());
    await kept.until(/hello$/);
    await gateway.server.close();
    await Promise.all([fresh.rest(), kept.rest()]);
    expect(fresh.text).toBe('');
    expect([fresh.ending, kept.ending]).toEqual(['closed', 'closed']);
    await expect(gateway.connect()).rejects.toThrow('ECONNREFUSED');
    expect(gateway.log).toEqual([]);
  });

  test('lets a request finish whose response has not begun, and closes its connection', async () => {
    const go = signal();
    const begun = signal();
    const gateway = await serve(async (environ, startResponse) => {
      begun.fire();
      await go.promise;
      return hello(environ, startResponse);
    });
    const client = (await gateway.connect()).send(request());
    await begun.promise;
    const stopped = gateway.server.close();
    go.fire();
    const { headers, body } = parse(await client.rest());
    expect(body).toBe('hello');
    expect(headers).toContain('Connection: close');
    await stopped;
  });

  test('lets a response finish that has begun', async () => {
    const go = signal();
    const gateway = await serve(async function* (_environ, startResponse) {
      startResponse('200 OK', []);
      yield Buffer.from('first');
      await go.promise;
      yield Buffer.from('last');
    });
    const client = (await gateway.connect()).send(request());
    await client.until(/first/);
    const stopped = gateway.server.close();
    go.fire();
    expect(await client.rest()).toMatch(/last\r\n0\r\n\r\n$/);
    await stopped;
  });

  test('lets a client take what has been handed over', async () => {
    const size = 50 * 1024 * 1024;
    const gateway = await serve((_environ, startResponse) => {
      startResponse('200 OK', []);
      return [Buffer.alloc(size, 'x')];
    });
    const client = (await gateway.connect()).send(request());
    await client.until(/\r\n\r\nx/);
    client.socket.pause();
    const stopped = gateway.server.close();
    client.socket.resume();
    expect(parse(await client.rest()).body).toHaveLength(size);
    await stopped;
  });

  test('serves a request that has come, but was not read yet', async () => {
    const gateway = await serve(hello);
    const client = await gateway.connect();
    client.send(request());
    const stopped = gateway.server.close();
    expect(await client.rest()).toMatch(/Connection: close[^]*hello$/);
    await stopped;
  });

  test('serves a request whose headers are still coming', async () => {
    const gateway = await serve(hello);
    const client = (await gateway.connect()).send('GET / HTTP/1.1\r\n');
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    const stopped = gateway.server.close();
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    client.send('Host: a\r\n\r\n');
    expect(await client.rest()).toMatch(/Connection: close[^]*hello$/);
    await stopped;
  });

  test('waits for close() of a body, after its response', async () => {
    const go = signal();
    const closed = vi.fn();
    const server = await runWithHttp(
      (_environ, startResponse) => {
        startResponse('200 OK', []);
        return Object.assign([Buffer.from('x')], {
          async close() {
            await go.promise;
            closed();
          },
        });
      },
      { listen: '127.0.0.1:0' },
    );
    const client = await Client.connect(server.address()!);
    client.send(request('GET / HTTP/1.1', CLOSE));
    await client.rest();
    const stopped = server.close();
    go.fire();
    await stopped;
    expect(closed).toHaveBeenCalledOnce();
  });

  test('cuts off what is left after its time', async () => {
    const aborted = vi.fn();
    const begun = signal();
    const gateway = await serve((environ) => {
      environ['postern.signal'].addEventListener('abort', aborted);
      begun.fire();
      return new Promise(() => {});
    });
    const client = (await gateway.connect()).send(request());
    await begun.promise;
    await gateway.server.close({ timeout: 20 });
    await client.rest();
    expect(aborted).toHaveBeenCalledOnce();
    expect(client.text).toBe('');
  });

  test('may be asked for again', async () => {
    const gateway = await serve(hello);
    await Promise.all([gateway.server.close(), gateway.server.close()]);
    await gateway.server.close();
    await gateway.server.closed;
    expect(gateway.server.address()).toBeNull();
  });

  test('comes with the end of a scope', async () => {
    let client: Client;
    const { server } = await serve(hello);
    {
      await using scoped = server;
      client = await Client.connect(scoped.address()!);
    }
    await client.rest();
    await server.closed;
  });
});
