/** SCGI and uwsgi behind the web servers that speak them, with the configuration that is shipped for each. */

import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import type { Server } from '../../src/listening/server.ts';
import type { Body, Environ, StartResponse } from '../../src/types.ts';
import { ask } from '../conf/ask.ts';
import { PROTOCOLS, digest, pattern, until } from './kit.ts';
import { startApache } from '../servers/apache.ts';
import { describeWithServer } from '../servers/availability.ts';
import { removeFolder, temporaryFolder } from '../servers/launch.ts';
import type { RunningServer } from '../servers/launch.ts';
import { startLighttpd } from '../servers/lighttpd.ts';
import { startNginx } from '../servers/nginx.ts';
import { startRouter } from '../uwsgi/router.ts';

const MIB = 1024 * 1024;

interface FrontEnd {
  title: string;
  /** What has to be installed, as for `describeWithServer`. */
  needs: string;
  protocol: 'scgi' | 'uwsgi';
  start(upstream: string): Promise<RunningServer>;
  /** Whether it connects to unix sockets. */
  unix: boolean;
  /** Whether it tells at once that the visitor has left, by closing the connection. */
  tells: boolean;
  /** How it answers an upload whose length the visitor does not say: 411, where it does not take it in first. */
  chunked: 200 | 411;
  /** Whether it lets its visitor know of a response that breaks, where the response has no length. */
  cuts: boolean;
}

const FRONT_ENDS: FrontEnd[] = [
  {
    title: 'SCGI behind nginx',
    needs: 'nginx',
    protocol: 'scgi',
    start: (upstream) => startNginx({ conf: 'nginx/scgi.conf', values: { upstream, mount: '' } }),
    unix: true,
    tells: true,
    chunked: 200,
    cuts: true,
  },
  {
    title: 'SCGI behind Apache',
    needs: 'apache/proxy_scgi.conf',
    protocol: 'scgi',
    start: (upstream) =>
      startApache({ conf: 'apache/proxy_scgi.conf', values: { upstream, mount: '' } }),
    unix: true,
    tells: false,
    chunked: 411,
    cuts: true,
  },
  {
    title: 'SCGI behind lighttpd',
    needs: 'lighttpd',
    protocol: 'scgi',
    start: (upstream) =>
      startLighttpd({ conf: 'lighttpd/scgi.conf', values: { upstream, mount: '' } }),
    unix: true,
    tells: false,
    chunked: 200,
    cuts: true,
  },
  {
    title: 'uwsgi behind nginx',
    needs: 'nginx',
    protocol: 'uwsgi',
    start: (upstream) => startNginx({ conf: 'nginx/uwsgi.conf', values: { upstream, mount: '' } }),
    unix: true,
    tells: true,
    chunked: 200,
    cuts: true,
  },
  {
    title: 'uwsgi behind Apache',
    needs: 'apache/proxy_uwsgi.conf',
    protocol: 'uwsgi',
    start: (upstream) =>
      startApache({ conf: 'apache/proxy_uwsgi.conf', values: { upstream, mount: '' } }),
    unix: true,
    tells: false,
    chunked: 411,
    cuts: true,
  },
  {
    title: 'uwsgi behind lighttpd',
    needs: 'lighttpd',
    protocol: 'uwsgi',
    start: (upstream) =>
      startLighttpd({ conf: 'lighttpd/uwsgi.conf', values: { upstream, mount: '' } }),
    unix: true,
    tells: false,
    chunked: 200,
    cuts: true,
  },
  {
    title: "uwsgi behind uWSGI's router",
    needs: 'uwsgi',
    protocol: 'uwsgi',
    start: startRouter,
    unix: false,
    tells: true,
    chunked: 411,
    cuts: false,
  },
];

for (const frontEnd of FRONT_ENDS) {
  describeWithServer(frontEnd.needs, frontEnd.title, () => {
    const { run } = PROTOCOLS.find(({ name }) => name === frontEnd.protocol)!;
    const log: string[] = [];
    let gateway: Server;
    let web: RunningServer;

    const start = (listen: string): Promise<Server> =>
      run(application, {
        listen,
        socketMode: 0o666, // the front end works under another account
        scriptName: '',
        log: { error: keep, warn: keep, info() {}, debug() {} },
      });
    const keep = (message: string): void => void log.push(message);

    beforeAll(async () => {
      gateway = await start('127.0.0.1:0');
      web = await frontEnd.start(`127.0.0.1:${(gateway.address() as AddressInfo).port}`);
    });
    afterAll(async () => {
      await web?.stop();
      await gateway?.close({ timeout: 0 });
    });

    test('a request arrives as it was sent', async () => {
      const { body } = await visit(web, '/environ/caf%C3%A9%20x?q=a%20b', {
        headers: { 'X-Twice': ['one', 'two'], 'X-Empty': '', Proxy: 'http://evil', Cookie: 'a=b' },
      });
      const environ = JSON.parse(body.toString()) as Record<string, string>;
      expect(environ).toMatchObject({
        REQUEST_METHOD: 'GET',
        REQUEST_URI: '/environ/caf%C3%A9%20x?q=a%20b',
        SCRIPT_NAME: '',
        PATH_INFO: '/environ/caf\xc3\xa9 x',
        QUERY_STRING: 'q=a%20b',
        SERVER_PROTOCOL: 'HTTP/1.1',
        SERVER_PORT: String(web.port),
        REMOTE_ADDR: '127.0.0.1',
        HTTP_HOST: `127.0.0.1:${web.port}`,
        HTTP_X_TWICE: 'one, two',
        HTTP_COOKIE: 'a=b',
      });
      for (const name of ['HTTP_PROXY', 'HTTP_CONTENT_TYPE', 'CONTENT_LENGTH', 'CONTENT_TYPE']) {
        expect(environ).not.toHaveProperty(name);
      }
    });

    test('a target in absolute form: its path, and its host in place of Host', async () => {
      const { status, body } = await ask(web.port, 'GET', `${web.url}/environ/a%20b?x`);
      // lighttpd refuses it, because its host is not that of Host, `localhost`.
      expect(status).toBe(frontEnd.needs === 'lighttpd' ? 400 : 200);
      if (status === 400) return;
      const environ = JSON.parse(body) as Record<string, string>;
      expect(environ).toMatchObject({ PATH_INFO: '/environ/a b', REQUEST_URI: '/environ/a%20b?x' });
      expect(environ['HTTP_HOST']).toMatch(/^127\.0\.0\.1(?::\d+)?$/);
    });

    test('a response arrives as it was sent', async () => {
      const { status, headers, body } = await visit(web, '/headers');
      expect(status).toBe(203);
      expect(headers['x-one']).toBe('caf\xe9');
      expect(headers['set-cookie']).toEqual(['a=1', 'b=2']);
      // Apache believes no Content-Length of a CGI kind of backend (its CVE-2024-24795), and counts itself.
      expect(headers['content-length'] ?? '4').toBe('4');
      expect(String(body)).toBe('body');
    });

    test('HEAD, and a redirection', async () => {
      const head = await visit(web, '/headers', { method: 'HEAD' });
      expect([head.status, head.body.length]).toEqual([203, 0]);
      const { status, headers } = await visit(web, '/redirect');
      expect([status, headers['location']]).toEqual([302, '/elsewhere?x=1']);
    });

    test('forty at once', async () => {
      const all = Array.from({ length: 40 }, (_, i) =>
        visit(web, `/echo/${i}`, { method: 'POST', body: `<${i}>` }),
      );
      const bodies = (await Promise.all(all)).map(({ body }) => String(body));
      expect(bodies).toEqual(Array.from({ length: 40 }, (_, i) => `<${i}>`));
    });

    test('32 MiB both ways, byte for byte', async () => {
      const body = pattern(32 * MIB);
      for (const path of ['/echo', '/pieces']) {
        const reply = await visit(web, path, { method: 'POST', body });
        expect(reply.complete).toBe(true);
        expect(digest(reply.body)).toBe(digest(body));
      }
    });

    test('an upload without a length has one when it arrives, or is refused before', async () => {
      const headers = { 'Transfer-Encoding': 'chunked' };
      const body = pattern(100_000);
      const reply = await visit(web, '/echo', { method: 'POST', body, headers });
      expect(reply.status).toBe(frontEnd.chunked);
      expect(reply.body.equals(body)).toBe(reply.status === 200);
    });

    test('an answer to an upload that is not read', async () => {
      for (const size of [10_000, 500_000]) {
        const reply = await visit(web, '/unread', { method: 'POST', body: pattern(size) });
        expect([reply.status, String(reply.body)]).toEqual([413, 'too large']);
      }
    });

    test('a response that breaks is no complete one', async () => {
      const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
      const withLength = await visit(web, '/broken-length', { onHead: () => breakOff() });
      expect([withLength.status, withLength.complete]).toEqual([200, false]);
      const without = await visit(web, '/broken', { onHead: () => breakOff() });
      expect([without.status, without.complete]).toEqual([200, !frontEnd.cuts]);
      stderr.mockRestore();
    });

    // Where nothing is sent, only a front end that closes its connection tells of it.
    for (const path of frontEnd.tells ? ['/wait', '/tick'] : ['/tick']) {
      test(`a visitor who leaves is gone for the application, too: ${path}`, async () => {
        const before = left;
        const request = httpRequest(`${web.url}${path}`, { agent: false }).on('error', () => {});
        request.end();
        await until(() => waiting > 0);
        request.destroy();
        await until(() => left > before);
        expect(waiting).toBe(0);
      });
    }

    const overUnix = async (): Promise<void> => {
      const folder = temporaryFolder('request');
      const onUnix = await start(`unix:${folder}/socket`);
      const other = await frontEnd.start(`unix:${folder}/socket`);
      try {
        const body = pattern(MIB);
        const reply = await visit(other, '/echo', { method: 'POST', body });
        expect(reply.body.equals(body)).toBe(true);
      } finally {
        await other.stop();
        await onUnix.close();
        removeFolder(folder);
      }
    };
    if (frontEnd.unix) test('over a unix socket', overUnix);

    test('nothing of this was worth a line in the log', () => {
      // Some leave it to us to refuse an upload without a length.
      expect(log.filter((line) => !line.includes(': 411: '))).toEqual([]);
    });
  });
}

/** Requests that wait for their visitor to leave, and those whose visitor has. */
let waiting = 0;
let left = 0;

async function application(environ: Environ, startResponse: StartResponse): Promise<Body> {
  const input = environ['wsgi.input'];
  switch (environ.PATH_INFO.split('/')[1]) {
    case 'environ': {
      startResponse('200 OK', [['Content-Type', 'application/json']]);
      const strings = Object.entries(environ).filter(([, value]) => typeof value === 'string');
      return [Buffer.from(JSON.stringify(Object.fromEntries(strings)))];
    }
    case 'headers':
      startResponse('203 Oh Well', [
        ['X-One', 'caf\xe9'],
        ['Set-Cookie', 'a=1'],
        ['Set-Cookie', 'b=2'],
      ]);
      return [Buffer.from('body')];
    case 'redirect':
      startResponse('302 Found', [['Location', '/elsewhere?x=1']]);
      return [];
    case 'echo': {
      const body = await input.read();
      startResponse('200 OK', []);
      return [body];
    }
    case 'pieces': {
      // nginx sends nothing more of an upload once it has got headers of the response.
      const pieces: Buffer[] = [];
      for await (const piece of input) pieces.push(piece);
      startResponse('200 OK', []);
      return pieces;
    }
    case 'unread':
      startResponse('413 Content Too Large', [['Content-Type', 'text/plain']]);
      return [Buffer.from('too large')];
    case 'broken':
      startResponse('200 OK', []);
      return broken();
    case 'broken-length':
      startResponse('200 OK', [['Content-Length', '1000000']]);
      return broken();
    case 'tick':
      startResponse('200 OK', []);
      return untilDeparture(environ['postern.signal'], 20);
    default:
      startResponse('200 OK', []);
      return untilDeparture(environ['postern.signal'], 60_000);
  }
}

/** Breaks the response that waits for it. */
let breakOff: () => void;

/** Breaks after the head has reached the visitor. */
async function* broken(): AsyncGenerator<Buffer> {
  const hasReached = new Promise<void>((resolve) => (breakOff = resolve));
  yield Buffer.alloc(100_000);
  await hasReached;
  throw new Error('broken on purpose');
}

/** Sends something now and then, until the visitor leaves. */
async function* untilDeparture(signal: AbortSignal, interval: number): AsyncGenerator<Buffer> {
  waiting++;
  try {
    for (;;) {
      await sleep(interval, undefined, { signal }).catch(() => {});
      yield Buffer.alloc(10_000);
    }
  } finally {
    waiting--;
    left++;
  }
}

interface VisitOptions {
  method?: string;
  headers?: Record<string, string | string[]>;
  body?: Buffer | string;
  onHead?: () => void;
}

interface Visited {
  /** lighttpd has reasons of its own. */
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
  /** Whether the response came to an end that could be taken for its own. */
  complete: boolean;
}

function visit(web: RunningServer, path: string, options: VisitOptions = {}): Promise<Visited> {
  const { method = 'GET', headers = {}, body, onHead } = options;
  const isChunked = 'Transfer-Encoding' in headers;
  const length = body === undefined || isChunked ? {} : { 'Content-Length': body.length };
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${web.url}${path}`, {
      method,
      headers: { ...headers, ...length },
      agent: false,
    });
    request.on('error', reject);
    request.on('response', (response) => {
      onHead?.();
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('error', () => {}); // 'close' follows
      response.on('close', () =>
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          body: Buffer.concat(pieces),
          complete: response.complete,
        }),
      );
    });
    request.end(body);
  });
}
