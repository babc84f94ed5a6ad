/** Requests that ask for another protocol (RFC 9110 § 7.8): served as any other, and the last of their connection. */

import { describe, expect, onTestFinished, test } from 'vitest';

import { fromNode } from '../../src/apps/node/node.ts';
import type { Application } from '../../src/types.ts';
import { parse, request, serve, signal, until } from './kit.ts';

const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';

/** Answers with method, path and body; `/slow` waits until `go`. */
interface Site {
  application: Application;
  served: string[];
  go(): void;
}

function site(): Site {
  const { promise, fire } = signal();
  const served: string[] = [];
  return {
    application: async (environ, startResponse) => {
      const what = `${environ.REQUEST_METHOD} ${environ.PATH_INFO}`;
      served.push(what);
      if (environ.PATH_INFO === '/slow') await promise;
      const body = await environ['wsgi.input'].read();
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      return [Buffer.from(`${what} ${body}`)];
    },
    served,
    go: fire,
  };
}

function listenerSite(): Site {
  const { promise, fire } = signal();
  const served: string[] = [];
  const application = fromNode(async (req, res) => {
    const what = `${req.method} ${req.url}`;
    served.push(what);
    if (req.url === '/slow') await promise;
    let body = '';
    for await (const chunk of req) body += chunk;
    res.setHeader('Content-Length', what.length + 1 + body.length);
    res.end(`${what} ${body}`);
  });
  return { application, served, go: fire };
}

const WEBSOCKET = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
const H2C = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'];

const ASKING: [what: string, headers: string[]][] = [
  ['a WebSocket', WEBSOCKET],
  ['HTTP/2', H2C],
  ['several protocols', ['Connection: keep-alive, upgrade', 'Upgrade: h2c, websocket']],
  ['protocols in several lines', ['Connection: Upgrade', 'Upgrade: h2c', 'Upgrade: TLS/1.0']],
  ['no protocol', ['Connection: upgrade', 'Upgrade:']],
  ['one, and does not say so in Connection', ['Upgrade: websocket']],
];

describe.each([
  ['an application', site],
  ['a Node listener', listenerSite],
])('of %s', (_kind, make) => {
  test.each(ASKING)('one that asks for %s', async (_what, headers) => {
    for (const line of ['GET /chat HTTP/1.1', 'GET /chat HTTP/1.0']) {
      const { application, served } = make();
      const gateway = await serve(application);
      const client = await gateway.connect();
      client.send(request(line, ...headers) + SMUGGLED);
      await client.until(/GET \/chat/);
      client.send(SMUGGLED);
      const { status, headers: answered, body } = parse(await client.rest());
      expect(status).toBe('HTTP/1.1 200 OK');
      expect(answered.map((header) => header.toLowerCase())).toContain('connection: close');
      expect(body).toBe('GET /chat ');
      expect(served).toEqual(['GET /chat']);
      expect(client.ending).toBe('closed');
      expect(gateway.log).toEqual([]);
    }
  });

  // node:http throws the rest of the packet away, with the head of what comes next.
  test('whose successor comes in two packets', async () => {
    const { application, served, go } = make();
    const gateway = await serve(application);
    const client = await gateway.connect();
    const head = request('POST /post HTTP/1.1', `Content-Length: ${SMUGGLED.length}`);
    client.send(request('GET /slow HTTP/1.1', ...WEBSOCKET) + head);
    await until(() => served.length > 0);
    client.send(SMUGGLED);
    await new Promise((resolve) => setTimeout(resolve, 20));
    go();
    expect(parse(await client.rest()).body).toBe('GET /slow ');
    expect(served).toEqual(['GET /slow']);
  });

  test.each([
    ['a length', 'Content-Length: 10', (body: string) => body],
    [
      'chunks',
      'Transfer-Encoding: chunked',
      (body: string) => `4\r\n${body.slice(0, 4)}\r\n6\r\n${body.slice(4)}\r\n0\r\n\r\n`,
    ],
  ])('that has a body with %s', async (_what, header, encode) => {
    for (const headers of [WEBSOCKET, H2C, ['Upgrade: h2c']]) {
      const { application, served } = make();
      const gateway = await serve(application);
      const bytes = request('POST /p HTTP/1.1', ...headers, header) + encode('GET / HTTP');
      const whole = await gateway.talk(bytes + SMUGGLED);
      expect(parse(whole).body).toBe('POST /p GET / HTTP');
      const client = await gateway.connect();
      for (const piece of (bytes + SMUGGLED).match(/[^]{1,40}/g)!) {
        client.send(piece);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      const text = await client.rest();
      expect(parse(text).body).toBe('POST /p GET / HTTP');
      expect(text).toMatch(/Connection: close/i);
      expect(served).toEqual(['POST /p', 'POST /p']);
    }
  });

  test('that waits for its turn', async () => {
    const { application, served, go } = make();
    const gateway = await serve(application);
    const client = await gateway.connect();
    client.send(request('GET /slow HTTP/1.1') + request('GET /chat HTTP/1.1', ...WEBSOCKET));
    client.send(SMUGGLED);
    await until(() => served.length > 0);
    client.send(SMUGGLED);
    await new Promise((resolve) => setTimeout(resolve, 20));
    go();
    const text = await client.rest();
    expect(served).toEqual(['GET /slow', 'GET /chat']);
    expect(text.match(/Connection: close/gi)).toHaveLength(1);
    expect(text.lastIndexOf('HTTP/1.1 200')).toBeLessThan(text.search(/Connection: close/i));
  });

  test('that only says it would, in Connection, is as any other', async () => {
    const { application, served } = make();
    const gateway = await serve(application);
    const text = await gateway.talk(
      request('GET /1 HTTP/1.1', 'Connection: upgrade') +
        request('GET /2 HTTP/1.1', 'Connection: close'),
    );
    expect(served).toEqual(['GET /1', 'GET /2']);
    expect(text.match(/Connection: close/gi)).toHaveLength(1);
  });

  test('CONNECT is refused, and nothing behind it is a request', async () => {
    const { application, served } = make();
    const gateway = await serve(application);
    const client = await gateway.connect();
    client.send(`CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 5\r\n\r\n${SMUGGLED}`);
    await client.until(/501/);
    client.send(SMUGGLED);
    const { status, headers } = parse(await client.rest());
    expect(status).toBe('HTTP/1.1 501 Not Implemented');
    expect(headers).toContain('Connection: close');
    expect(served).toEqual([]);
  });
});

test('a client that has asked and leaves is noticed', async () => {
  let left = false;
  const begun = signal();
  const gateway = await serve((environ) => {
    environ['postern.signal'].addEventListener('abort', () => (left = true));
    begun.fire();
    return new Promise(() => {});
  });
  const client = await gateway.connect();
  onTestFinished(() => client.leave());
  client.send(request('GET /chat HTTP/1.1', ...WEBSOCKET) + 'frames '.repeat(1000));
  await begun.promise;
  client.send('frames '.repeat(1000));
  await until(() => client.socket.writableLength === 0);
  client.socket.end();
  await until(() => left);
});
