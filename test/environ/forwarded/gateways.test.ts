/**
 * Trusted proxies on the gateways on which a web server is in front: its own peer, REMOTE_ADDR, is the proxy or is none.
 * (HTTP, where the proxy itself connects: test/http/forwarded.test.ts.)
 */

import express from 'express';
import { describe, expect, test } from 'vitest';

import { runWithFastCgi } from '../../../adapters/fastcgi/index.ts';
import { runWithScgi } from '../../../adapters/scgi/index.ts';
import { runWithUwsgi } from '../../../adapters/uwsgi/index.ts';
import { fromNode } from '../../../src/apps/node/node.ts';
import { UsageError } from '../../../src/errors.ts';
import type { ForwardingOptions } from '../../../src/environ/forwarded/forwarding.ts';
import { hello } from '../../kit.ts';
import { GATEWAYS, askFastCgi, environIn } from '../gateways.ts';
import type { Variables } from '../gateways.ts';

/** The environ of a request over FastCGI. */
async function over(
  variables: Variables,
  options: ForwardingOptions,
): Promise<Record<string, unknown>> {
  return environIn(await askFastCgi(variables, options));
}

/** A request that a CDN at 192.0.2.1 has sent to the web server. */
const REQUEST: Variables = {
  SERVER_NAME: 'origin.test',
  SERVER_PORT: '80',
  REQUEST_SCHEME: 'http',
  REMOTE_ADDR: '192.0.2.1',
  REMOTE_PORT: '4711',
  REMOTE_HOST: 'cdn.test',
  SCRIPT_NAME: '',
  PATH_INFO: '/x',
  REQUEST_URI: '/x?y',
  QUERY_STRING: 'y',
  HTTP_HOST: 'origin.test',
  HTTP_X_FORWARDED_FOR: '6.6.6.6, 203.0.113.7',
  HTTP_X_FORWARDED_PROTO: 'https',
  HTTP_X_FORWARDED_HOST: 'www.test',
  HTTP_X_FORWARDED_PORT: '8443',
  HTTP_X_FORWARDED_SERVER: 'cdn',
  HTTP_FORWARDED: 'for=203.0.113.8;proto=http;host=other.test',
};

/** The peer as the web server tells. */
const PEER = {
  SERVER_NAME: 'origin.test',
  SERVER_PORT: '80',
  REMOTE_ADDR: '192.0.2.1',
  REMOTE_PORT: '4711',
  HTTP_HOST: 'origin.test',
  'wsgi.url_scheme': 'http',
};

const CLAIMS = Object.keys(REQUEST).filter((name) => name.includes('FORWARDED'));

describe.each(GATEWAYS)('%s', (_name, ask) => {
  test('the headers of a trusted proxy describe the client', async () => {
    const environ = environIn(await ask(REQUEST, { forwardedAllowIps: ['192.0.2.0/24'] }));
    expect(environ).toMatchObject({
      REMOTE_ADDR: '203.0.113.7',
      HTTPS: 'on',
      REQUEST_SCHEME: 'https',
      'wsgi.url_scheme': 'https',
      HTTP_HOST: 'www.test:8443',
      SERVER_NAME: 'www.test',
      SERVER_PORT: '8443',
      REQUEST_URI: '/x?y',
    });
    // They are the proxy's.
    expect(environ).not.toHaveProperty('REMOTE_PORT');
    expect(environ).not.toHaveProperty('REMOTE_HOST');
  });

  test('and so does Forwarded, if that is named', async () => {
    const options = { forwardedAllowIps: ['192.0.2.1'], forwardedHeaders: 'forwarded' } as const;
    expect(environIn(await ask(REQUEST, options))).toMatchObject({
      REMOTE_ADDR: '203.0.113.8',
      HTTP_HOST: 'other.test',
      'wsgi.url_scheme': 'http',
    });
  });

  test('of everybody else they are dropped', async () => {
    const environ = environIn(await ask(REQUEST, { forwardedAllowIps: ['198.51.100.1', 'unix'] }));
    expect(environ).toMatchObject(PEER);
    expect(Object.keys(environ).filter((name) => /^HTTP_.*FORWARDED/.test(name))).toEqual([]);
  });

  test('without the option they are passed on as they are', async () => {
    const environ = environIn(await ask(REQUEST, {}));
    expect(environ).toMatchObject(PEER);
    for (const name of CLAIMS) expect(environ).toHaveProperty(name, REQUEST[name]);
  });
});

describe('the peer', () => {
  test.each([
    ['192.0.2.1', ['192.0.2.1'], true],
    ['::ffff:192.0.2.1', ['192.0.2.1'], true], // nginx, on an IPv6 socket
    ['2001:db8::1', ['2001:db8::/32'], true],
    ['192.0.2.1', ['*'], true],
    ['unix:', ['unix'], true], // nginx, on a unix socket
    ['unix:', ['192.0.2.1'], false],
    ['192.0.2.1', ['unix'], false], // it is not the web server that is meant
    ['', ['*'], true],
    ['', ['unix'], false],
    ['', ['0.0.0.0/0', '::/0'], false],
    ['<script>', ['0.0.0.0/0'], false],
    ['192.0.2.1', [], false],
  ])('REMOTE_ADDR %j, trusting %j: %j', async (address, forwardedAllowIps, isTrusted) => {
    const environ = await over({ ...REQUEST, REMOTE_ADDR: address }, { forwardedAllowIps });
    expect('HTTP_X_FORWARDED_FOR' in environ).toBe(isTrusted);
    expect(environ['REMOTE_ADDR'] === '203.0.113.7').toBe(isTrusted);
  });

  test.each([
    ['203.0.113.7, 192.0.2.2', '203.0.113.7'],
    ['6.6.6.6, 203.0.113.7, 192.0.2.2', '203.0.113.7'],
    ['6.6.6.6, x, 192.0.2.2', '192.0.2.2'],
    ['', '192.0.2.1'],
  ])('behind more trusted proxies, X-Forwarded-For: %s is %s', async (value, client) => {
    const variables = { ...REQUEST, HTTP_X_FORWARDED_FOR: value };
    const environ = await over(variables, { forwardedAllowIps: ['192.0.2.0/24'] });
    expect(environ).toHaveProperty('REMOTE_ADDR', client);
  });

  test('headers of other names are dropped, too, if they count', async () => {
    const variables = { ...REQUEST, HTTP_X_REAL_IP: '6.6.6.6' };
    const options = { forwardedAllowIps: ['198.51.100.1'], forwardedHeaders: { for: 'X-Real-IP' } };
    expect(await over(variables, options)).not.toHaveProperty('HTTP_X_REAL_IP');
    expect(await over(variables, { forwardedAllowIps: ['198.51.100.1'] })).toHaveProperty(
      'HTTP_X_REAL_IP',
    );
  });
});

describe('X-Forwarded-Prefix, and the mount of the web server', () => {
  test.each([
    // The proxy has removed it …
    ['', '/x', '/x', '/app', ['/app', '/x', '/app/x']],
    ['/', 'x', '/x', '/app', ['/app', '/x', '/app/x']],
    ['/api', '/x', '/api/x', '/app', ['/app/api', '/x', '/app/api/x']],
    // … or has not.
    ['', '/app/x', '/app/x', '/app', ['/app', '/x', '/app/x']],
    ['/app', '/x', '/app/x', '/app', ['/app', '/x', '/app/x']],
    ['/app/api', '/x', '/app/api/x', '/app', ['/app/api', '/x', '/app/api/x']],
    ['/apple', '/x', '/apple/x', '/app', ['/app/apple', '/x', '/app/apple/x']],
  ])(
    'SCRIPT_NAME %j, PATH_INFO %j, REQUEST_URI %j',
    async (script, path, uri, prefix, expected) => {
      const variables = {
        SCRIPT_NAME: script,
        PATH_INFO: path,
        REQUEST_URI: uri,
        REMOTE_ADDR: '192.0.2.1',
        HTTP_X_FORWARDED_PREFIX: prefix,
      };
      const environ = await over(variables, {
        forwardedAllowIps: ['192.0.2.1'],
        forwardedHeaders: { prefix: 'X-Forwarded-Prefix' },
      });
      expect([environ['SCRIPT_NAME'], environ['PATH_INFO'], environ['REQUEST_URI']]).toEqual(
        expected,
      );
    },
  );
});

test('Express that still trusts a proxy believes no visitor', async () => {
  const app = express().set('trust proxy', true);
  app.get('/x', (req, res) => void res.json([req.ip, req.protocol, req.hostname]));
  const ask = async (options: ForwardingOptions): Promise<unknown> =>
    JSON.parse((await askFastCgi(REQUEST, options, fromNode(app))).body);
  expect(await ask({ forwardedAllowIps: [] })).toEqual(['192.0.2.1', 'http', 'origin.test']);
  // What postern guards against.
  expect(await ask({})).toEqual(['6.6.6.6', 'https', 'www.test']);
});

test.each([
  ['FastCGI', runWithFastCgi],
  ['SCGI', runWithScgi],
  ['uwsgi', runWithUwsgi],
])('%s says at once what is no address', async (_name, runWith) => {
  const start = runWith(hello, { listen: '127.0.0.1:0', forwardedAllowIps: ['localhost'] });
  await expect(start).rejects.toThrow(UsageError);
});
