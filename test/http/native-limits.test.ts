/** Limits and messages of the connection: an application and a Node listener get the same, and so does the client. */

import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';

import { describe, expect, onTestFinished, test } from 'vitest';

import type { HttpOptions } from '../../adapters/http/index.ts';
import { fromNode } from '../../src/apps/node/node.ts';
import type { AccessEntry, Application } from '../../src/types.ts';
import { CERTIFICATE, KEY } from './certificate.ts';
import {
  echo,
  endlessBody,
  hello,
  parse,
  request,
  serve,
  signal,
  takeNothing,
  until,
} from './kit.ts';

const POST = 'POST / HTTP/1.1';
const CLOSE = 'Connection: close';
const CHUNKED = 'Transfer-Encoding: chunked';
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;

/** The same application in two shapes. */
const both = (application: Application, listener: RequestListener): [string, Application][] => [
  ['an application', application],
  ['a Node listener', fromNode(listener)],
];

const ECHOES = both(echo, (req, res) => void req.pipe(res));
const UNREAD = both(hello, (_req, res) => void res.end('hello'));

describe.each(ECHOES)('%s that reads the body', (_shape, application) => {
  test('bodyTimeout is answered 408', async () => {
    const gateway = await serve(application, { bodyTimeout: 40 });
    const text = await gateway.talk(request(POST, 'Content-Length: 10') + 'hello');
    expect(text).toMatch(/^HTTP\/1.1 (?:408 |200 OK[^]*\r\nhello\r\n$)/); // `pipe` has begun to answer
  });

  test('100 Continue is sent when it reads', async () => {
    const gateway = await serve(application);
    const client = await gateway.connect();
    client.send(request(POST, 'Content-Length: 5', 'Expect: 100-continue', CLOSE));
    await client.until(/^HTTP\/1.1 100 Continue\r\n\r\n$/);
    client.send('hello');
    expect(await client.rest()).toMatch(/HTTP\/1.1 200 OK\r\n[^]*hello/);
  });

  test('a body that came before 100 Continue is read', async () => {
    const gateway = await serve(application);
    const text = await gateway.talk(
      `${request(POST, 'Content-Length: 5', 'Expect: 100-continue', CLOSE)}hello`,
    );
    expect(text).toMatch(/HTTP\/1.1 200 OK\r\n[^]*hello/);
  });
});

describe.each(UNREAD)('%s that does not read the body', (_shape, application) => {
  test('asks for none, and says that the connection ends', async () => {
    const gateway = await serve(application);
    const client = await gateway.connect();
    client.send(request(POST, 'Content-Length: 5', 'Expect: 100-continue'));
    const text = await client.until(/hello$/);
    expect(text).not.toContain('100 Continue');
    expect(parse(text).headers).toContain(CLOSE);
    await client.rest();
  });

  test('another expectation is refused', async () => {
    const gateway = await serve(application);
    const text = await gateway.talk(request(POST, 'Content-Length: 5', 'Expect: wonders', CLOSE));
    expect(text).toMatch(/^HTTP\/1.1 417 /);
  });

  test('Keep-Alive says for how long', async () => {
    const gateway = await serve(application, { idleTimeout: 30_000 });
    const client = (await gateway.connect()).send(request());
    expect(parse(await client.until(/hello$/)).headers).toContain('Keep-Alive: timeout=30');
    client.leave();
  });

  test('up to maxDrainSize of it is read, to keep the connection', async () => {
    const gateway = await serve(application, { maxDrainSize: 1000 });
    const client = await gateway.connect();
    client.send(request(POST, 'Content-Length: 900'));
    await client.until(/hello$/);
    client.send('x'.repeat(900) + request('GET / HTTP/1.1', CLOSE));
    expect((await client.rest()).match(/hello/g)).toHaveLength(2);
  });

  test('with a Content-Length over maxDrainSize the response says that the connection ends', async () => {
    const gateway = await serve(application, { maxDrainSize: 1000 });
    const client = await gateway.connect();
    client.send(request(POST, 'Content-Length: 90000'));
    expect(parse(await client.until(/hello$/)).headers).toContain(CLOSE);
    await client.rest();
  });

  test('a chunked one that grows over maxDrainSize ends the connection', async () => {
    const gateway = await serve(application, { maxDrainSize: 1000, closeTimeout: 100 });
    const client = await gateway.connect();
    client.send(request(POST, CHUNKED) + chunk('x'.repeat(600)));
    await client.until(/hello/);
    client.send(chunk('x'.repeat(1200)));
    await client.rest();
  });

  test('bodyTimeout ends the connection', async () => {
    const gateway = await serve(application, { bodyTimeout: 40, closeTimeout: 100 });
    const client = await gateway.connect();
    client.send(request(POST, 'Content-Length: 900'));
    await client.until(/hello/);
    await client.rest();
  });
});

describe.each(
  both(
    async (environ) => {
      await environ['wsgi.input'].read();
      return [];
    },
    (req) => void req.resume(),
  ),
)('%s that waits for the body', (_shape, application) => {
  test.each([
    ['bodyTimeout', { bodyTimeout: 40 }, 408],
    ['requestTimeout', { requestTimeout: 40 }, 408],
  ])('%s is answered, and logged', async (_limit, options, code) => {
    const entries: AccessEntry[] = [];
    const gateway = await serve(application, {
      ...options,
      accessLog: (entry) => void entries.push(entry),
    });
    const text = await gateway.talk(request(POST, 'Content-Length: 10') + 'hello');
    expect(parse(text).status).toContain(` ${code} `);
    expect(parse(text).headers).toContain(CLOSE);
    await until(() => entries.length > 0);
    expect(entries).toMatchObject([{ status: expect.stringMatching(`^${code}`) as string }]);
  });

  test('a bad chunk is answered 400', async () => {
    const gateway = await serve(application);
    const text = await gateway.talk(`${request(POST, CHUNKED)}${chunk('hello')}no size\r\n`);
    expect(parse(text).status).toBe('HTTP/1.1 400 Bad Request');
    expect(parse(text).headers).toContain(CLOSE);
  });
});

describe.each(
  both(
    (_environ, startResponse) => {
      startResponse('200 OK', []);
      return endlessBody();
    },
    (_req, res) => {
      const body = endlessBody();
      const fill = (): void => {
        while (!res.destroyed && res.write(body.next().value as Uint8Array));
        if (!res.destroyed) res.once('drain', fill);
      };
      fill();
    },
  ),
)('%s whose body has no end', (_shape, application) => {
  test('a client that takes nothing is let go after sendTimeout', async () => {
    const gateway = await serve(application, { sendTimeout: 50 });
    await takeNothing(gateway);
  });

  test('one that takes something now and then is not', async () => {
    const gateway = await serve(application, { sendTimeout: 300 });
    const client = await gateway.connect();
    client.socket.pause();
    client.send(request());
    for (let i = 0; i < 15; i++) {
      await new Promise((resolve) => setTimeout(resolve, 60));
      client.socket.resume();
      await once(client.socket, 'data');
      client.socket.pause();
    }
    expect(gateway.log).toEqual([]);
    client.leave();
  });
});

test('a response that a listener has handed over whole falls under sendTimeout', async () => {
  const gateway = await serve(
    fromNode((_req, res) => void res.end(Buffer.alloc(50 * 1024 * 1024))),
    { sendTimeout: 50 },
  );
  await takeNothing(gateway);
});

describe('the timeouts of a listener are its own', () => {
  test('res.setTimeout: a late answer', async () => {
    const gateway = await serve(
      fromNode((_req, res) => {
        res.setTimeout(30, () => {
          setTimeout(() => res.writeHead(503).end('late'), 30);
        });
      }),
    );
    const text = await gateway.talk(request('GET / HTTP/1.1', CLOSE));
    expect(text).toMatch(/^HTTP\/1.1 503 [^]*late/);
    expect(gateway.log).toEqual([]);
  });

  test('req.setTimeout: a heartbeat', async () => {
    const gateway = await serve(
      fromNode((_req, res) => {
        let beats = 0;
        res.flushHeaders();
        res.setTimeout(20, () => {
          res.write(':\n');
          if (++beats === 3) res.end('done');
        });
      }),
    );
    const text = await gateway.talk(request('GET / HTTP/1.1', CLOSE));
    expect(text.match(/:\n/g)).toHaveLength(3);
    expect(text).toMatch(/done\r\n0\r\n\r\n$/);
  });

  test('without a listener for it the connection is closed, as under node:http', async () => {
    const gateway = await serve(fromNode((_req, res) => void res.setTimeout(30)));
    expect(await gateway.talk(request())).toBe('');
  });

  test('the next request of the connection has none', async () => {
    const timeouts: string[] = [];
    const gateway = await serve(
      fromNode((req, res) => {
        if (req.url === '/1') res.setTimeout(40, () => timeouts.push('1')).end('1');
        else setTimeout(() => res.end('2'), 150);
      }),
    );
    const client = await gateway.connect();
    client.send(request('GET /1 HTTP/1.1'));
    await client.until(/1$/);
    client.send(request('GET /2 HTTP/1.1', CLOSE));
    expect(await client.rest()).toMatch(/2$/);
    expect(timeouts).toEqual([]);
  });
});

describe('one response does not reach into the next', () => {
  test('a body that is longer than its Content-Length forges none', async () => {
    const forged = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged';
    const gateway = await serve(
      fromNode((req, res) => {
        if (req.url === '/1') res.writeHead(200, { 'Content-Length': 5 }).end(`hello${forged}`);
        else res.end('honest');
      }),
    );
    const client = await gateway.connect();
    client.send(request('GET /1 HTTP/1.1') + request('GET /2 HTTP/1.1', CLOSE));
    const text = await client.rest();
    expect(text).not.toContain('forged');
    expect(text).toMatch(/hello[^]*honest$/);
    expect(gateway.errors.join()).toContain('Content-Length of 5 bytes');
  });

  test('nor does the next one fill up what is missing', async () => {
    const gateway = await serve(
      fromNode((req, res) => {
        if (req.url === '/1') res.writeHead(200, { 'Content-Length': 50 }).end('hello');
        else res.end('honest');
      }),
    );
    const client = await gateway.connect();
    client.send(request('GET /1 HTTP/1.1') + request('GET /2 HTTP/1.1', CLOSE));
    expect(await client.rest()).toMatch(/hello$/);
  });

  test('a listener that throws in the middle does not take the responses before it with it', async () => {
    const { promise, fire } = signal();
    const gateway = await serve(
      fromNode(async (req, res) => {
        if (req.url === '/1') {
          await promise;
          res.end(Buffer.alloc(3_000_000, 'a'));
          return;
        }
        res.write('begun');
        throw new Error('the reason');
      }),
    );
    const client = await gateway.connect();
    client.send(request('GET /1 HTTP/1.1') + request('GET /2 HTTP/1.1'));
    fire();
    const text = await client.rest();
    expect(text.match(/a{1000}/g)).toHaveLength(3000);
    expect(text).toMatch(/begun\r\n$/);
  });
});

test('a listener that says `Connection: keep-alive` does not hold up a stop', async () => {
  const gateway = await serve(
    fromNode((_req, res) => {
      void gateway.server.close();
      setTimeout(() => res.setHeader('Connection', 'keep-alive').end('hello'), 50);
    }),
  );
  const client = (await gateway.connect()).send(request());
  expect(await client.rest()).toMatch(/hello$/);
  await gateway.server.closed;
});

test('a request behind a response with `Connection: close` is not served', async () => {
  const served: string[] = [];
  const gateway = await serve(
    fromNode((req, res) => {
      served.push(req.url!);
      setTimeout(() => res.setHeader('Connection', 'close').end('hello'), 20);
    }),
  );
  const client = (await gateway.connect()).send(
    request('GET /1 HTTP/1.1') + request('GET /2 HTTP/1.1'),
  );
  await client.rest();
  expect(served).toEqual(['/1']);
});

test('a listener that fails learns that its request is over', async () => {
  const seen: string[] = [];
  const gateway = await serve(
    fromNode((req, res) => {
      for (const name of ['aborted', 'close', 'end']) req.on(name, () => seen.push(`req ${name}`));
      req.on('error', (error) => seen.push(error.message));
      for (const name of ['finish', 'close']) res.on(name, () => seen.push(`res ${name}`));
      req.resume();
    }),
    { maxBodySize: 10 },
  );
  onTestFinished(() => expect(gateway.log).toHaveLength(1));
  const text = await gateway.talk(request(POST, CHUNKED, CLOSE) + chunk('x'.repeat(20)));
  expect(text).toMatch(/^HTTP\/1.1 413 /);
  await until(() => seen.includes('req close'));
  expect(seen).toContain('req aborted');
  expect(seen.join()).toContain('maxBodySize');
});

describe.each(['http', 'https'])('behind a trusted proxy, over %s', (scheme) => {
  const FORWARDED = ['X-Forwarded-For: 203.0.113.9', 'X-Forwarded-Proto: https'];

  function options(): Partial<HttpOptions> {
    const tls = scheme === 'https' ? { cert: CERTIFICATE, key: KEY } : undefined;
    return { tls, forwardedAllowIps: ['127.0.0.1'] };
  }

  async function ask(listener: RequestListener, text: string): Promise<string> {
    const { port } = await serve(fromNode(listener), options());
    const socket =
      scheme === 'https'
        ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
        : connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(text);
    let answer = '';
    socket.on('data', (piece: Buffer) => (answer += String(piece)));
    await once(socket, 'close');
    return answer;
  }

  test('a body is read, and the socket works', async () => {
    const text = await ask(
      async (req, res) => {
        let body = '';
        let timeouts = 0;
        req.socket.setNoDelay(true);
        res.setTimeout(20, () => timeouts++);
        for await (const piece of req) body += String(piece);
        await until(() => timeouts > 0);
        const { remoteAddress, remoteFamily, remotePort } = req.socket;
        res.end(JSON.stringify({ body, remoteAddress, remoteFamily, remotePort }));
      },
      `${request(POST, 'Content-Length: 5', CLOSE, ...FORWARDED)}hello`,
    );
    const seen = { body: 'hello', remoteAddress: '203.0.113.9', remoteFamily: 'IPv4' };
    expect(JSON.parse(parse(text).body)).toEqual(seen);
  });

  test('req.destroy() closes the connection', async () => {
    const text = await ask((req) => void req.destroy(), request(POST, ...FORWARDED));
    expect(text).toBe('');
  });

  test('what one request sets is not there in the next', async () => {
    const text = await ask(
      (req, res) => {
        const socket = req.socket as TLSSocket;
        const before = socket.encrypted;
        Object.assign(socket, { encrypted: 'set' });
        res.end(`${before} ${socket.encrypted};`);
      },
      request('GET / HTTP/1.1', ...FORWARDED) + request('GET / HTTP/1.1', CLOSE, ...FORWARDED),
    );
    expect(text.match(/true set;/g)).toHaveLength(2);
  });
});
