/** Requests that a client sends before the responses to those before them (RFC 9112 § 9.3.2). */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { describe, expect, onTestFinished, test } from 'vitest';

import type { HttpOptions } from '../../adapters/http/index.ts';
import { fromNode } from '../../src/apps/node/node.ts';
import type { Application } from '../../src/types.ts';
import { CERTIFICATE, KEY } from './certificate.ts';
import {
  Client,
  hello,
  parse,
  request,
  serve,
  untilUnchanged,
  signal,
  until,
  where,
} from './kit.ts';
import type { Running } from './kit.ts';

const CLOSE = 'Connection: close';
const TINY = 'GET /tiny HTTP/1.1\r\nHost: a\r\n\r\n';
/** What node:http reads in one piece. */
const PIECE = 64 * 1024;

/** So many small requests as fit behind others in one piece. */
const flood = (before = ''): string =>
  TINY.repeat(Math.floor((PIECE - before.length) / TINY.length));

/** Waits until `go` for `/slow`, and answers every request with its path. */
interface Slow {
  application: Application;
  go: () => void;
  served: string[];
  /** Paths of the requests whose client has left. */
  left: string[];
}

function slow(): Slow {
  const { promise, fire } = signal();
  const served: string[] = [];
  const left: string[] = [];
  return {
    application: async (environ, startResponse) => {
      const { PATH_INFO } = environ;
      served.push(PATH_INFO);
      environ['postern.signal'].addEventListener('abort', () => left.push(PATH_INFO));
      if (PATH_INFO === '/slow') await promise;
      return where(environ, startResponse);
    },
    go: fire,
    served,
    left,
  };
}

/** The same, as a Node listener. */
function slowListener(): Slow {
  const { promise, fire } = signal();
  const served: string[] = [];
  const left: string[] = [];
  const application = fromNode(async (req, res) => {
    served.push(req.url!);
    res.on('close', () => {
      if (!res.writableFinished) left.push(req.url!);
    });
    if (req.url === '/slow') await promise;
    res.end(req.url);
  });
  return { application, go: fire, served, left };
}

const bodies = (text: string): string[] => text.match(/(?<=\r\n\r\n)\/\w+?(?=HTTP|$)/g) ?? [];
const lastHead = (text: string): string => text.slice(text.lastIndexOf('HTTP/1.1'));

describe.each([
  ['an application', slow],
  ['a Node listener', slowListener],
])('more requests than may wait, for %s', (_kind, make) => {
  test('end the connection after those that were taken, in order', async () => {
    const { application, go, served } = make();
    const gateway = await serve(application);
    const client = await gateway.connect();
    const first = request('GET /slow HTTP/1.1');
    client.send(first + flood(first));
    await until(() => gateway.log.length > 0);
    expect(served).toEqual(['/slow']);
    go();
    const text = await client.rest();
    expect(client.ending).toBe('closed');
    expect(bodies(text)).toEqual(['/slow', ...Array.from({ length: 16 }, () => '/tiny')]);
    expect(text.match(/Connection: close/gi)).toHaveLength(1);
    expect(lastHead(text)).toMatch(/Connection: close/i);
    expect(gateway.log).toEqual([
      expect.stringMatching(/^http: 127\.0\.0\.1:\d+: too many pipelined requests: /),
    ]);
  });

  test('are kept nowhere by node:http', async () => {
    let kept = 0;
    const count = (): void => void kept++;
    subscribe('http.server.request.start', count);
    onTestFinished(() => void unsubscribe('http.server.request.start', count));
    const { application, go } = make();
    const gateway = await serve(application);
    const client = await gateway.connect();
    const first = request('GET /slow HTTP/1.1');
    client.send(first + flood(first) + flood());
    await until(() => gateway.log.length > 0);
    go();
    await client.rest();
    expect(kept).toBe(18); // the slow one, 16 that waited, and the one that was too many
  });

  test('do not keep anybody from seeing that the client has left', async () => {
    const { application, left } = make();
    const gateway = await serve(application);
    const client = await gateway.connect();
    const first = request('GET /slow HTTP/1.1');
    client.send(first + flood(first) + flood());
    await until(() => gateway.log.length > 0);
    await until(() => client.socket.writableLength === 0);
    client.leave();
    await until(() => left.length > 0);
    expect(left).toEqual(['/slow']);
  });

  test('a request that has much to be kept does not wait', async () => {
    const { application, go, served, left } = make();
    const gateway = await serve(application);
    for (const big of [
      request('GET /big HTTP/1.1', `X: ${'x'.repeat(20_000)}`),
      request('POST /big HTTP/1.1', 'Content-Length: 20000') + 'x'.repeat(20_000),
      `${request('POST /big HTTP/1.1', 'Transfer-Encoding: chunked')}1\r\nx\r\n0\r\n\r\n`,
      request('POST /big HTTP/1.1', 'Content-Length: 20000', 'Expect: 100-continue'),
    ]) {
      const gone = await gateway.connect();
      gone.send(request('GET /slow HTTP/1.1') + big);
      const begun = gateway.log.length;
      await until(() => gateway.log.length > begun);
      gone.leave();
      await until(() => left.length > 0);
      left.length = 0;
    }
    const client = await gateway.connect();
    client.send(request('GET /slow HTTP/1.1'));
    client.send(request('POST /big HTTP/1.1', 'Content-Length: 100000') + 'x'.repeat(100_000));
    await until(() => gateway.log.length === 5);
    go();
    expect(parse(await client.rest())).toMatchObject({ body: '/slow' });
    expect(client.text).toMatch(/Connection: close/i);
    expect(new Set(served)).toEqual(new Set(['/slow']));
  });

  test('a client that sends them without end is cut off', async () => {
    const { application, left } = make();
    const gateway = await serve(application);
    const client = await gateway.connect();
    client.send(request('GET /slow HTTP/1.1'));
    client.send(TINY.repeat(100_000)); // 3 MB
    await client.rest();
    expect(left).toEqual(['/slow']);
    expect(gateway.log).toEqual([
      expect.stringContaining('too many pipelined requests'),
      expect.stringMatching(/more than maxDrainSize \(1048576\) bytes after the last request/),
    ]);
  });
});

test('a response that is under way stays whole, and the connection ends after it', async () => {
  const go = signal();
  const gateway = await serve(async function* (_environ, startResponse) {
    startResponse('200 OK', []);
    yield Buffer.from('first');
    await go.promise;
    yield Buffer.alloc(5_000_000, 'x');
  });
  const client = await gateway.connect();
  client.send(request());
  await client.until(/first/);
  client.send(request('GET / HTTP/1.1', `X: ${'x'.repeat(20_000)}`) + TINY);
  await until(() => gateway.log.length > 0);
  go.fire();
  const text = await client.rest();
  expect(client.ending).toBe('closed');
  expect(text).toMatch(/x\r\n0\r\n\r\n$/);
  expect(text.length).toBeGreaterThan(5_000_000);
});

test('over TLS, too', async () => {
  const { application, go, left } = slow();
  const gateway = await serve(application, { tls: { cert: CERTIFICATE, key: KEY } });
  const open = async (): Promise<Client> => {
    const socket = connectTls({ port: gateway.port, host: '127.0.0.1', ca: CERTIFICATE });
    await once(socket, 'secureConnect');
    return new Client(socket);
  };
  const gone = (await open()).send(request('GET /slow HTTP/1.1') + flood());
  await until(() => gateway.log.length > 0);
  gone.leave();
  await until(() => left.length > 0);
  const client = (await open()).send(request('GET /slow HTTP/1.1') + flood());
  await until(() => gateway.log.length > 1);
  go();
  const text = await client.rest();
  expect(bodies(text)).toHaveLength(17);
  expect(lastHead(text)).toMatch(/Connection: close/i);
});

describe('requests that are answered at once', () => {
  test('are served in order, as many as a client is known to send', async () => {
    const gateway = await serve(where);
    const many = Array.from({ length: 60 }, (_, i) => request(`GET /${i} HTTP/1.1`));
    const text = await gateway.talk(many.join('') + request('GET /last HTTP/1.1', CLOSE));
    expect(bodies(text)).toEqual([...many.keys()].map((i) => `/${i}`).concat('/last'));
    expect(gateway.log).toEqual([]);
  });

  test.each([
    ['an application', where],
    ['a Node listener', fromNode((req, res) => void res.end(req.url))],
  ])('and the rest of too many is dropped, for %s', async (_kind, application) => {
    const gateway = await serve(application);
    const client = (await gateway.connect()).send(flood());
    const text = await client.rest();
    expect(client.ending).toBe('closed');
    expect(bodies(text)).toHaveLength(1 + 64 + 16);
    expect(lastHead(text)).toMatch(/Connection: close/i);
  });

  test('and wait for a slow client add no listeners to one another', async () => {
    const warnings: string[] = [];
    const warn = (warning: Error): void => void warnings.push(warning.message);
    process.on('warning', warn);
    onTestFinished(() => void process.off('warning', warn));
    let begun = 0;
    let isFull = false;
    const gateway = await serve(
      fromNode(async (req, res) => {
        begun++;
        while (req.url === '/full' && !isFull) {
          if (res.write(Buffer.alloc(30_000))) continue;
          const drained = once(res, 'drain').then(() => false);
          isFull = await Promise.race([drained, pause(100, true)]);
        }
        res.end(req.url);
      }),
    );
    const client = await gateway.connect();
    client.socket.pause();
    client.send(request('GET /full HTTP/1.1'));
    await until(() => isFull);
    client.send(TINY.repeat(50));
    // Newer versions of node:http stop reading while a response waits.
    await untilUnchanged(() => begun);
    const stopped = gateway.server.close();
    for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
    client.socket.resume();
    await client.rest();
    await stopped;
    for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(warnings).toEqual([]);
  });

  test('with more than the client takes: the next ones wait', async () => {
    let calls = 0;
    const gateway = await serve((_environ, startResponse) => {
      calls++;
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      return [Buffer.alloc(1024 * 1024)];
    });
    const client = await gateway.connect();
    client.socket.pause();
    client.send(flood());
    await until(() => gateway.log.length > 0);
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(calls).toBeLessThan(8); // some are in the sockets' buffers
    client.socket.resume();
    await client.rest();
    expect(client.text.length).toBeGreaterThan(16 * 1024 * 1024);
  });
});

/** Bytes that are in use, when all garbage is gone. */
function bytesInUse(): number {
  setFlagsFromString('--expose_gc');
  const gc = runInNewContext('gc') as () => void;
  gc();
  gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

describe('what 64 KiB of pipelined requests hold', () => {
  const CLIENTS = 40;

  /** Bytes that each connection holds when it has sent these. */
  async function perConnection(gateway: Running, bytes: string): Promise<number> {
    const warm = (await gateway.connect()).send(request('GET /slow HTTP/1.1') + TINY);
    const clients: Client[] = [];
    for (let i = 0; i < CLIENTS; i++) clients.push(await gateway.connect());
    const before = bytesInUse();
    for (const client of clients) {
      client.socket.pause();
      client.send(bytes);
    }
    await until(() => gateway.log.length === CLIENTS);
    await until(() => clients.every(({ socket }) => socket.writableLength === 0));
    const grown = bytesInUse() - before;
    for (const client of [warm, ...clients]) client.leave();
    return grown / CLIENTS;
  }

  const first = request('GET /slow HTTP/1.1');
  const post = `${request('POST /tiny HTTP/1.1', 'Content-Length: 5')}hello`;

  test.each<[what: string, bytes: string, options?: Partial<HttpOptions>]>([
    ['behind a slow one', first + flood(first)],
    ['with bodies', first + post.repeat(Math.floor(PIECE / post.length))],
    ['that are answered at once', flood()],
  ])('%s is bounded', async (_what, bytes) => {
    const gateway = await serve(slow().application);
    expect(await perConnection(gateway, bytes)).toBeLessThan(150_000); // node:http: 1.7 to 3.9 MB
  });
});

describe('behind requests that wait', () => {
  test('what is no request is refused in its turn', async () => {
    const { application, go } = slow();
    const gateway = await serve(application);
    const client = await gateway.connect();
    client.send(request('GET /slow HTTP/1.1') + TINY);
    client.send('nonsense\r\n\r\n');
    client.send('more nonsense\r\n\r\n'.repeat(20));
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    go();
    const text = await client.rest();
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 400']);
    expect(bodies(text.slice(0, text.indexOf('HTTP/1.1 400')))).toEqual(['/slow', '/tiny']);
    expect(gateway.log).toHaveLength(1);
  });

  test('so is CONNECT, and a large response before it is taken to its end', async () => {
    const begun = signal();
    const gateway = await serve(async function* (environ, startResponse) {
      begun.fire();
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      for (let i = 0; i < 100; i++) yield Buffer.alloc(100_000, 'x');
      yield Buffer.from(`end of ${environ.PATH_INFO}`);
    });
    const client = await gateway.connect();
    client.socket.pause();
    client.send(request('GET /1 HTTP/1.1'));
    await begun.promise;
    client.send(
      `${request('GET /2 HTTP/1.1')}CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n${TINY.repeat(9)}`,
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    client.socket.resume();
    const text = await client.rest();
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 501']);
    expect(text.match(/end of \/\d/g)).toEqual(['end of /1', 'end of /2']);
  });

  test('a graceful stop ends the connection after the current response', async () => {
    const { application, go } = slow();
    const gateway = await serve(application);
    const client = await gateway.connect();
    client.send(request('GET /slow HTTP/1.1') + TINY.repeat(3));
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    const stopped = gateway.server.close();
    go();
    expect(bodies(await client.rest())).toEqual(['/slow']);
    expect(client.text).toMatch(/Connection: close/i);
    await stopped;
  });
});

describe('behind the last request of a connection', () => {
  test.each([
    ['requests', TINY.repeat(4000)],
    ['nonsense', 'nonsense\r\n\r\n'.repeat(4000)],
  ])('%s are thrown away, and its response arrives', async (_what, bytes) => {
    let kept = 0;
    const count = (): void => void kept++;
    subscribe('http.server.request.start', count);
    onTestFinished(() => void unsubscribe('http.server.request.start', count));
    const go = signal();
    const gateway = await serve(async function* (_environ, startResponse) {
      startResponse('200 OK', []);
      yield Buffer.from('first');
      await go.promise;
      yield Buffer.from('last');
    });
    const client = (await gateway.connect()).send(request('GET / HTTP/1.1', 'Upgrade: a/1'));
    await client.until(/first/);
    client.send(bytes);
    await until(() => client.socket.writableLength === 0);
    await new Promise((resolve) => setTimeout(resolve, 20));
    go.fire();
    await client.until(/last\r\n0\r\n\r\n$/);
    expect(kept).toBeLessThan(3);
  });
});

describe('a response behind others that are not sent yet', () => {
  const requests = [1, 2, 3].map((i) => request(`GET /${i} HTTP/1.1`)).join('');

  test('that breaks off takes none of them with it', async () => {
    const gateway = await serve((environ, startResponse) => {
      if (environ.PATH_INFO !== '/broken') return where(environ, startResponse);
      void startResponse('200 OK', [])(Buffer.from('begun'));
      throw new Error('broken');
    });
    const client = (await gateway.connect()).send(requests + request('GET /broken HTTP/1.1'));
    const text = await client.rest();
    expect(bodies(text.slice(0, text.indexOf('Transfer-Encoding')))).toEqual(['/1', '/2', '/3']);
    expect(text).toMatch(/begun\r\n$/); // and no last chunk
  });

  test('that comes before the end of its request waits for them', async () => {
    const gateway = await serve(where);
    const upload = request('POST /upload HTTP/1.1', 'Content-Length: 10000000');
    const client = (await gateway.connect()).send(`${requests}${upload}begun`);
    const text = await client.rest();
    expect(bodies(text)).toEqual(['/1', '/2', '/3', '/upload']);
    expect(lastHead(text)).toContain('Connection: close');
  });
});

test('the client of an ordinary connection is not taken for one that sends too much', async () => {
  const gateway = await serve(hello);
  const client = await gateway.connect();
  for (let i = 1; i <= 200; i++) {
    client.send(TINY);
    await until(() => client.text.split('hello').length > i);
  }
  client.leave();
  expect(gateway.log).toEqual([]);
});
