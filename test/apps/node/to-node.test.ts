import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, createSecureServer, createServer as createHttp2Server } from 'node:http2';
import type { Http2Server } from 'node:http2';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import express from 'express';
import { afterEach, describe, expect, it } from 'vitest';

import { fromNode } from '../../../src/apps/node/node.ts';
import { toNode } from '../../../src/apps/node/to-node.ts';
import { requestUri } from '../../../src/environ/util.ts';
import type { ApplicationFunction } from '../../../src/types.ts';
import { CERTIFICATE, KEY } from '../../http/certificate.ts';
import { get, until } from '../kit.ts';

let server: Server | undefined;

afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(0) : server.close(resolve)));
  server = undefined;
});

/** Serves with plain node:http. @returns the URL of its root */
async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Tells of the environ and the body. */
const tell: ApplicationFunction = async (environ, startResponse) => {
  const body = String(await environ['wsgi.input'].read());
  const { REQUEST_METHOD, SCRIPT_NAME, PATH_INFO, QUERY_STRING, REQUEST_URI } = environ;
  startResponse('200 OK', [['Content-Type', 'application/json']]);
  const { HTTP_X_ONE, CONTENT_TYPE, REMOTE_ADDR } = environ;
  const seen = { REQUEST_METHOD, SCRIPT_NAME, PATH_INFO, QUERY_STRING, REQUEST_URI, body };
  return [Buffer.from(JSON.stringify({ ...seen, HTTP_X_ONE, CONTENT_TYPE, REMOTE_ADDR }))];
};

describe('toNode', () => {
  it('is mounted in Express', async () => {
    const app = express().use('/a%20b', toNode(tell));
    const url = await serve(app);
    const response = await fetch(`${url}/a%20b/c%20d?x=1`, {
      method: 'POST',
      headers: { 'X-One': 'a', X_One: 'forged', 'Content-Type': 'text/plain' },
      body: 'hello',
    });
    expect(response.headers.get('x-powered-by')).toBe('Express');
    expect(response.headers.get('content-length')).not.toBe(null);
    expect(await response.json()).toEqual({
      REQUEST_METHOD: 'POST',
      SCRIPT_NAME: '/a b',
      PATH_INFO: '/c d',
      QUERY_STRING: 'x=1',
      REQUEST_URI: '/a%20b/c%20d?x=1',
      body: 'hello',
      HTTP_X_ONE: 'a',
      CONTENT_TYPE: 'text/plain',
      REMOTE_ADDR: '127.0.0.1',
    });
  });

  it('reads a chunked body', async () => {
    const url = await serve(toNode(tell));
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from('chun'));
        controller.enqueue(Buffer.from('ked'));
        controller.close();
      },
    });
    const response = await fetch(url, { method: 'PUT', body, duplex: 'half' });
    expect(((await response.json()) as { body: string }).body).toBe('chunked');
  });

  it('keeps several values of a header, and replaces what was set before', async () => {
    const app = toNode((_, startResponse) => {
      startResponse('404 Gone Away', [
        ['Set-Cookie', 'a=1'],
        ['Set-Cookie', 'b=2'],
        ['X-Frame', 'mine'],
      ]);
      return [];
    });
    const url = await serve((req, res) => {
      res.setHeader('X-Frame', 'theirs');
      res.setHeader('X-Other', 'theirs');
      app(req, res);
    });
    const { status, statusText, headers } = await fetch(url);
    expect([status, statusText]).toEqual([404, 'Gone Away']);
    expect(headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect([headers.get('x-frame'), headers.get('x-other')]).toEqual(['mine', 'theirs']);
  });

  it('breaks a response that cannot be completed', async () => {
    const log: string[] = [];
    const url = await serve(
      toNode(((environ, startResponse) => {
        environ['wsgi.errors'].write = (text) => void log.push(text);
        startResponse('200 OK', []);
        return (async function* () {
          yield Buffer.from('begun');
          throw new Error('broken');
        })();
      }) as ApplicationFunction),
    );
    await expect(fetch(url).then((response) => response.text())).rejects.toThrow();
    expect(log.join('')).toContain('broken');
  });

  it('streams as slowly as the client reads, and ends when it leaves', async () => {
    let yielded = 0;
    let ended = 0;
    const url = await serve(
      toNode((_, startResponse) => {
        startResponse('200 OK', []);
        return (async function* () {
          try {
            for (;;) {
              yielded++;
              yield Buffer.alloc(64 * 1024);
            }
          } finally {
            ended++;
          }
        })();
      }),
    );
    const controller = new AbortController();
    const response = await fetch(url, { signal: controller.signal });
    await response.body!.getReader().read();
    await until(() => yielded > 2);
    controller.abort();
    await until(() => ended === 1);
  });

  it('and back again', async () => {
    const response = await get(fromNode(toNode(tell)), {
      method: 'POST',
      target: '/app/x?y',
      scriptName: '/app',
      body: 'z',
    });
    expect(JSON.parse(response.text)).toMatchObject({
      SCRIPT_NAME: '/app',
      PATH_INFO: '/x',
      REQUEST_URI: '/app/x?y',
      body: 'z',
    });
  });
});

/** Tells of the environ under HTTP/2. */
const variables: ApplicationFunction = async (environ, startResponse) => {
  const body = String(await environ['wsgi.input'].read());
  const { HTTP_HOST, REQUEST_METHOD, PATH_INFO, QUERY_STRING, CONTENT_LENGTH } = environ;
  const names = Object.keys(environ).filter((name) => name.includes(':'));
  startResponse('200 OK', [['Content-Type', 'application/json']]);
  const uri = requestUri(environ);
  const seen = { HTTP_HOST, REQUEST_METHOD, PATH_INFO, QUERY_STRING, CONTENT_LENGTH, uri };
  return [Buffer.from(JSON.stringify({ ...seen, names, body }))];
};

describe('toNode under HTTP/2', () => {
  it.each([
    ['http', () => createHttp2Server(), undefined, []],
    ['https', () => createSecureServer({ cert: CERTIFICATE, key: KEY }), undefined, []],
    ['http', () => createHttp2Server(), '5', []],
    ['http', () => createHttp2Server(), undefined, ['host', 'other.test']],
  ] as const)('over %s it has a host, and a body: %#', async (scheme, make, length, more) => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    const http2 = make() as Http2Server;
    http2.on('request', toNode(variables) as never).listen(0, '127.0.0.1');
    await once(http2, 'listening');
    const { port } = http2.address() as AddressInfo;
    const session = connect(`${scheme}://127.0.0.1:${port}`, { rejectUnauthorized: false });
    const request = session.request({
      ':method': 'POST',
      ':path': '/a%20b?x',
      ':authority': 'www.test:81',
      ...(length !== undefined && { 'content-length': length }),
      ...(more.length > 0 && { [more[0]!]: more[1] }),
    });
    request.end('hello');
    let text = '';
    for await (const chunk of request) text += String(chunk);
    session.close();
    http2.close();
    process.off('warning', onWarning);
    expect(JSON.parse(text)).toEqual({
      HTTP_HOST: 'www.test:81',
      REQUEST_METHOD: 'POST',
      PATH_INFO: '/a b',
      QUERY_STRING: 'x',
      ...(length !== undefined && { CONTENT_LENGTH: length }),
      uri: `${scheme}://www.test:81/a%20b?x`,
      names: [],
      body: 'hello',
    });
    expect(warnings).toEqual([]);
  });

  it('a request without a body has an empty one', async () => {
    const http2 = createHttp2Server(toNode(variables) as never).listen(0, '127.0.0.1');
    await once(http2, 'listening');
    const session = connect(`http://127.0.0.1:${(http2.address() as AddressInfo).port}`);
    let text = '';
    for await (const chunk of session.request({ ':path': '/' })) text += String(chunk);
    session.close();
    http2.close();
    expect(JSON.parse(text)).toMatchObject({ REQUEST_METHOD: 'GET', body: '' });
  });
});
