import { once } from 'node:events';
import { IncomingMessage, ServerResponse, request } from 'node:http';
import type { RequestListener } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import { runWithHttp } from '../../adapters/http/index.ts';
import type { MountedRequest } from '../../src/apps/node/native.ts';
import { fromNode } from '../../src/apps/node/node.ts';
import type { Server } from '../../src/listening/server.ts';
import type { AccessEntry, Application } from '../../src/types.ts';
import { until } from '../apps/kit.ts';

let server: Server | undefined;
let log = '';
const entries: AccessEntry[] = [];

afterEach(async () => {
  await server?.close();
  server = undefined;
  log = '';
  entries.length = 0;
});

const write = (text: string): void => void (log += `${text}\n`);

async function serve(application: Application, scriptName?: string): Promise<number> {
  server = await runWithHttp(application, {
    listen: '127.0.0.1:0',
    scriptName,
    log: { error: write, warn: write, info() {}, debug() {} },
    errors: { write, writelines() {}, flush() {} },
    accessLog: (entry) => void entries.push(entry),
  });
  return (server.address() as AddressInfo).port;
}

const listen = (listener: RequestListener, scriptName?: string): Promise<number> =>
  serve(fromNode(listener), scriptName);

/** Sends bytes and takes what comes until the connection ends. */
async function talk(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
  socket.write(text);
  await once(socket, 'close');
  return answer;
}

const GET = 'GET / HTTP/1.1\r\nHost: a.test\r\n';

describe('a Node listener', () => {
  it("gets node:http's own objects", async () => {
    let socket: Socket | undefined;
    const port = await listen((req, res) => {
      expect(req).toBeInstanceOf(IncomingMessage);
      expect(req.constructor.name).toBe('IncomingMessage');
      expect(res.constructor).toBe(ServerResponse);
      ({ socket } = req);
      res.writeEarlyHints({ link: '</a.css>; rel=preload' });
      res.writeHead(200, { Trailer: 'X-Sum' });
      res.write('hello');
      res.addTrailers({ 'X-Sum': 'abc' });
      res.end();
    });
    const answer = await talk(port, `${GET}Connection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1.1 103 Early Hints\r\nlink: <\/a.css>; rel=preload\r\n\r\n/i);
    expect(answer).toContain('Trailer: X-Sum');
    expect(answer).toMatch(/5\r\nhello\r\n0\r\nX-Sum: abc\r\n\r\n$/);
    expect(socket!.constructor.name).toBe('Socket');
  });

  it('but not when something is around it', async () => {
    const app = fromNode((req, res) => void res.end(req.socket.constructor.name));
    const port = await serve((environ, startResponse) => app(environ, startResponse));
    expect(await talk(port, `${GET}Connection: close\r\n\r\n`)).toMatch(/GatewaySocket$/);
  });

  it('answers many requests of a connection, one after another', async () => {
    const port = await listen((req, res) => void setImmediate(() => res.end(`${req.url};`)));
    const paths = ['/1', '/2', '/3'];
    const requests = paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`).join('');
    const answer = await talk(port, `${requests}${GET}Connection: close\r\n\r\n`);
    expect(answer.match(/\/\d?;/g)).toEqual(['/1;', '/2;', '/3;', '/;']);
  });

  it('is mounted', async () => {
    const port = await listen((req: MountedRequest, res) => {
      res.end(JSON.stringify([req.url, req.baseUrl, req.originalUrl]));
    }, '/app');
    const answer = await talk(
      port,
      'GET /app/x%20y?z HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n',
    );
    expect(answer).toContain('["/x%20y?z","/app","/app/x%20y?z"]');
  });

  it('sees no request that is refused', async () => {
    let calls = 0;
    const port = await listen((_, res) => {
      calls++;
      res.end();
    });
    const answer = await talk(port, 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(calls).toBe(0);
  });

  it('reads a body that the client was asked for', async () => {
    const port = await listen(async (req, res) => {
      let body = '';
      for await (const chunk of req) body += String(chunk);
      res.end(body.toUpperCase());
    });
    const outgoing = request({ port, method: 'POST', headers: { Expect: '100-continue' } });
    outgoing.flushHeaders();
    await once(outgoing, 'continue');
    outgoing.end('hello');
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    let answer = '';
    for await (const chunk of response) answer += String(chunk);
    expect(answer).toBe('HELLO');
  });

  it.each<[string, RequestListener]>([
    [
      'throws',
      () => {
        throw new Error('no answer');
      },
    ],
    [
      'throws what cannot be looked at',
      () => {
        const { proxy, revoke } = Proxy.revocable(new Error('no answer'), {});
        revoke();
        throw proxy;
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error('no answer');
      },
    ],
  ])('that %s is answered with 500, and told of in the log alone', async (_, listener) => {
    const port = await listen(listener);
    const answer = await talk(port, `${GET}Connection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1.1 500 /);
    expect(answer).not.toContain('no answer');
    expect(log).toMatch(/no answer|<Revoked Proxy>/);
  });

  it('that fails in the middle breaks the response', async () => {
    const port = await listen(async (_, res) => {
      res.write('begun');
      await new Promise((resolve) => setImmediate(resolve));
      throw new Error('no end');
    });
    const answer = await talk(port, `${GET}\r\n`);
    expect(answer).toMatch(/begun\r\n$/);
    expect(log).toContain('no end');
  });

  it('has its access logged', async () => {
    const port = await listen((_, res) => void res.writeHead(404, 'Gone Away').end('hello'));
    await talk(port, `${GET}Connection: close\r\n\r\n`);
    expect(entries).toMatchObject([{ status: '404 Gone Away', environ: { PATH_INFO: '/' } }]);
  });

  it('is finished before a graceful stop ends', async () => {
    const waiting: ServerResponse[] = [];
    const port = await listen((_, res) => void waiting.push(res));
    const answer = talk(port, `${GET}\r\n`);
    await until(() => waiting.length > 0);
    const closed = server!.close();
    waiting[0]!.end('at last');
    await closed;
    expect(await answer).toMatch(/at last/);
  });
});
