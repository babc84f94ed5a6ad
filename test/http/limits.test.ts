import { describe, expect, test, vi } from 'vitest';

import type { Application } from '../../src/types.ts';
import {
  Client,
  echo,
  endlessBody,
  hello,
  parse,
  request,
  serve,
  takeNothing,
  until,
} from './kit.ts';

const CLOSE = 'Connection: close';

/** Never answers. */
const silent: Application = () => new Promise(() => {});

/** A request with a header of some length. */
function long(length: number): string {
  return request('GET / HTTP/1.1', CLOSE, `X: ${'x'.repeat(length)}`);
}

/** A request with so many header lines. */
function lines(count: number): string {
  const more = Array.from({ length: count - 2 }, (_, i) => `X: ${i}`);
  return request('GET / HTTP/1.1', CLOSE, ...more);
}

/** A request with a body of some length. */
function post(length: number): string {
  const head = request('POST / HTTP/1.1', CLOSE, `Content-Length: ${length}`);
  return head + 'x'.repeat(length);
}

describe('sizes', () => {
  test('a request line up to maxRequestLineSize is served, a longer one answered 414', async () => {
    const application = vi.fn(hello);
    const gateway = await serve(application, { maxRequestLineSize: 100 });
    const line = `GET /${'x'.repeat(86)} HTTP/1.1`;
    expect(line).toHaveLength(100);
    expect(await gateway.talk(request(line, CLOSE))).toMatch(/^HTTP\/1\.1 200 /);
    const { status, headers } = parse(await gateway.talk(request(line.replace('x', 'xx'))));
    expect(status).toBe('HTTP/1.1 414 URI Too Long');
    expect(headers).toContain('Connection: close');
    expect(gateway.log).toEqual(['http: 127.0.0.1: 414: longer than maxRequestLineSize (100)']);
    expect(application).toHaveBeenCalledOnce();
  });

  test('headers beyond maxHeaderSize are answered 431', async () => {
    const gateway = await serve(hello, { maxHeaderSize: 2000 });
    expect(await gateway.talk(long(1500))).toMatch(/^HTTP\/1\.1 200 /);
    expect(parse(await gateway.talk(long(2500))).status).toMatch(/^HTTP\/1\.1 431 /);
    expect(gateway.log).toEqual([
      expect.stringMatching(/^http: [\d.]+:\d+: 431: more than maxHeaderSize/),
    ]);
  });

  test('a header line of a megabyte is answered before it has ended', async () => {
    const gateway = await serve(hello);
    const client = await gateway.connect();
    client.send(`GET / HTTP/1.1\r\nX: ${'x'.repeat(1024 * 1024)}`);
    expect(await client.rest()).toMatch(/^HTTP\/1\.1 431 /);
  });

  test('more lines than maxHeaders are answered 431, and none is dropped silently', async () => {
    const gateway = await serve(
      (environ, startResponse) => {
        startResponse('200 OK', []);
        return [Buffer.from(String(environ.HTTP_X))];
      },
      { maxHeaders: 5 },
    );
    expect(parse(await gateway.talk(lines(5))).body).toBe('0, 1, 2');
    for (const count of [6, 7, 300]) {
      expect(parse(await gateway.talk(lines(count))).status).toMatch(/^HTTP\/1\.1 431 /);
    }
    expect(gateway.log[0]).toBe('http: 127.0.0.1: 431: more than maxHeaders (5)');
  });

  test('endless headers are answered', async () => {
    const gateway = await serve(hello);
    const client = (await gateway.connect()).send('GET / HTTP/1.1\r\n');
    for (let i = 0; client.ending === undefined && i < 100_000; i++) {
      client.send(`X-${i}: ${'x'.repeat(100)}\r\n`);
      if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(client.text).toMatch(/^HTTP\/1\.1 431 /);
  });

  describe('a body beyond maxBodySize is answered 413', () => {
    test('before it is read, when its length is known', async () => {
      const application = vi.fn(echo);
      const gateway = await serve(application, { maxBodySize: 10 });
      expect(parse(await gateway.talk(post(10))).body).toBe('x'.repeat(10));
      expect(parse(await gateway.talk(post(11))).status).toBe('HTTP/1.1 413 Content Too Large');
      expect(application).toHaveBeenCalledOnce();
      expect(gateway.log).toEqual([
        'http: 127.0.0.1: 413: Content-Length 11 is over maxBodySize (10)',
      ]);
    });

    test('and without asking for it', async () => {
      const gateway = await serve(echo, { maxBodySize: 10 });
      const head = request('POST / HTTP/1.1', 'Content-Length: 11', 'Expect: 100-continue');
      expect(await gateway.talk(head)).toMatch(/^HTTP\/1\.1 413 /);
    });

    test('while it is read, when it is chunked', async () => {
      const gateway = await serve(echo, { maxBodySize: 10 });
      const head = request('POST / HTTP/1.1', 'Transfer-Encoding: chunked');
      const whole = await gateway.connect();
      whole.send(`${head}a\r\n${'x'.repeat(10)}\r\n0\r\n\r\n`);
      expect(parse(await whole.until(/x$/)).body).toBe('x'.repeat(10));
      const { status, headers } = parse(await gateway.talk(`${head}b\r\n${'x'.repeat(11)}\r\n`));
      expect(status).toBe('HTTP/1.1 413 Content Too Large');
      expect(headers).toContain('Connection: close');
      expect(gateway.log).toEqual([
        'http: 127.0.0.1: 413: the body is longer than maxBodySize (10)',
      ]);
      expect(gateway.errors).toEqual([]);
    });

    test('an application may answer by itself', async () => {
      const gateway = await serve(
        async (environ, startResponse) => {
          try {
            return await echo(environ, startResponse);
          } catch (error) {
            startResponse('400 Too much', []);
            const { name, limit } = error as { name: string; limit: string };
            return [Buffer.from(`${name} ${limit}`)];
          }
        },
        { maxBodySize: 2 },
      );
      const head = request('POST / HTTP/1.1', 'Transfer-Encoding: chunked');
      const { status, body } = parse(await gateway.talk(`${head}3\r\nabc\r\n`));
      expect([status, body]).toEqual(['HTTP/1.1 400 Too much', 'LimitError maxBodySize']);
    });
  });

  test('connections beyond maxConnections are closed, and served again when there is room', async () => {
    const gateway = await serve(hello, { maxConnections: 2 });
    const [first] = [await gateway.connect(), await gateway.connect()];
    await first.send(request()).until(/hello$/);
    const third = await gateway.connect();
    expect(await third.rest()).toBe('');
    expect(gateway.log).toEqual([
      expect.stringMatching(/^http: 127\.0\.0\.1:\d+: more than maxConnections \(2\)$/),
    ]);
    first.leave();
    let served = '';
    while (!served.endsWith('hello')) {
      served = await gateway.talk(request('GET / HTTP/1.1', CLOSE)).catch(() => '');
    }
  });
});

describe('times', () => {
  test('a connection that sends nothing is closed after headersTimeout', async () => {
    const gateway = await serve(hello, { headersTimeout: 50 });
    const client = await gateway.connect();
    expect(await client.rest()).toMatch(/^HTTP\/1\.1 408 /);
    expect(gateway.log).toEqual([expect.stringMatching(/: 408: .*headersTimeout/)]);
  });

  test('slow headers are answered 408', async () => {
    const gateway = await serve(hello, { headersTimeout: 50 });
    const client = (await gateway.connect()).send('GET / HTTP/1.1\r\nHost: a\r\n');
    const drip = setInterval(() => client.send('X: 1\r\n'), 5);
    const text = await client.rest().finally(() => clearInterval(drip));
    expect(parse(text).status).toBe('HTTP/1.1 408 Request Timeout');
  });

  test('a body that stalls while it is read is answered 408 after bodyTimeout', async () => {
    const gateway = await serve(echo, { bodyTimeout: 50 });
    const client = (await gateway.connect()).send(request('POST / HTTP/1.1', 'Content-Length: 9'));
    const { status, headers } = parse(await client.send('abc').rest());
    expect(status).toBe('HTTP/1.1 408 Request Timeout');
    expect(headers).toContain('Connection: close');
    expect(gateway.log).toEqual([expect.stringMatching(/: 408: .*bodyTimeout/)]);
  });

  test('a body that the application does not want does not stall', async () => {
    const gateway = await serve(
      async (environ, startResponse) => {
        await environ['wsgi.input'].read(1);
        // Waiting for longer than the limit, several times over.
        await new Promise((resolve) => setTimeout(resolve, 200));
        const rest = await environ['wsgi.input'].read();
        startResponse('200 OK', []);
        return [Buffer.from(String(rest.length))];
      },
      { bodyTimeout: 20 },
    );
    const size = 1024 * 1024;
    const client = await gateway.connect();
    client.send(request('POST / HTTP/1.1', CLOSE, `Content-Length: ${size}`));
    client.send(Buffer.alloc(size));
    expect(parse(await client.rest()).body).toBe(String(size - 1));
  });

  test('a body that drips is answered 408 after requestTimeout', async () => {
    const gateway = await serve(echo, { requestTimeout: 100 });
    const client = await gateway.connect();
    client.send(request('POST / HTTP/1.1', 'Content-Length: 100000'));
    const drip = setInterval(() => client.send('x'), 5);
    const text = await client.rest().finally(() => clearInterval(drip));
    expect(parse(text).status).toBe('HTTP/1.1 408 Request Timeout');
  });

  test('an application that does not answer is given up after responseTimeout', async () => {
    const aborted = vi.fn();
    const gateway = await serve(
      (environ) => {
        environ['postern.signal'].addEventListener('abort', aborted);
        return new Promise(() => {});
      },
      { responseTimeout: 50 },
    );
    const { status } = parse(await gateway.talk(request('GET / HTTP/1.1', CLOSE)));
    expect(status).toBe('HTTP/1.1 503 Service Unavailable');
    expect(aborted).toHaveBeenCalledOnce();
    expect(gateway.log).toEqual(['http: 127.0.0.1: 503: no response within responseTimeout']);
  });

  test('one that has begun to answer is not', async () => {
    const gateway = await serve(
      async function* (_environ, startResponse) {
        startResponse('200 OK', []);
        yield Buffer.from('first');
        await new Promise((resolve) => setTimeout(resolve, 200));
        yield Buffer.from('last');
      },
      { responseTimeout: 20 },
    );
    expect(await gateway.talk(request('GET / HTTP/1.1', CLOSE))).toMatch(/last\r\n0\r\n\r\n$/);
  });

  test('a client that takes nothing is let go after sendTimeout', async () => {
    const closed = vi.fn();
    const gateway = await serve(
      (_environ, startResponse) => {
        startResponse('200 OK', []);
        return Object.assign(endlessBody(), { close: closed });
      },
      { sendTimeout: 50 },
    );
    await takeNothing(gateway);
    await until(() => closed.mock.calls.length > 0);
  });

  test('also when all has been handed over', async () => {
    const gateway = await serve(
      (_environ, startResponse) => {
        startResponse('200 OK', []);
        return [Buffer.alloc(50 * 1024 * 1024)];
      },
      { sendTimeout: 50 },
    );
    await takeNothing(gateway);
  });

  test('an idle connection is closed after idleTimeout, one with a request is not', async () => {
    const gateway = await serve(
      async (environ, startResponse) => {
        if (environ.PATH_INFO === '/long') await new Promise((resolve) => setTimeout(resolve, 900));
        return hello(environ, startResponse);
      },
      { idleTimeout: 500 },
    );
    const client = (await gateway.connect()).send(request('GET /long HTTP/1.1'));
    await client.until(/hello$/);
    client.send(request());
    expect((await client.rest()).match(/hello/g)).toHaveLength(2);
    expect(client.ending).toBe('closed');
    expect(gateway.log).toEqual([]);
  });

  test('a time of 0 is none', async () => {
    const gateway = await serve(hello, {
      headersTimeout: 0,
      bodyTimeout: 0,
      requestTimeout: 0,
      responseTimeout: 0,
      sendTimeout: 0,
      idleTimeout: 0,
    });
    const text = await gateway.talk(request('GET / HTTP/1.1', CLOSE));
    expect(text).toMatch(/hello$/);
  });

  test('a thousand silent connections do not keep others out', async () => {
    const gateway = await serve(hello, { headersTimeout: 200 });
    const idle = await Promise.all(Array.from({ length: 1000 }, () => gateway.connect()));
    expect(await gateway.talk(request('GET / HTTP/1.1', CLOSE))).toMatch(/hello$/);
    await Promise.all(idle.map((client) => client.rest()));
  });
});

test('an application that never answers keeps a stop waiting no longer than told', async () => {
  const gateway = await serve(silent);
  const client = await Client.connect(gateway.server.address()!);
  client.send(request());
  client.leave();
  await gateway.server.close({ timeout: 20 });
});
