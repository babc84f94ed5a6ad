/** The error page of development: who gets it, and who gets the bare 500. */

import { mkdtempSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, onTestFinished, test } from 'vitest';

import { isLocalBrowser } from '../../adapters/http/error-page/access.ts';
import type { HttpOptions } from '../../adapters/http/index.ts';
import { BARE, ask, bytes, failing } from './error-page-kit.ts';
import type { Asked } from './error-page-kit.ts';
import { Client, parse, serve } from './kit.ts';

describe('a browser on this machine gets it', () => {
  test.each([
    'localhost',
    'localhost:8000',
    'LOCALHOST',
    'app.localhost:1',
    '127.0.0.1:8000',
    '127.255.0.9',
    '[::1]:8000',
  ])('under the name of %s', async (Host) => {
    const { status, headers, body, errors } = await ask({ headers: { Host } });
    expect(status).toBe('HTTP/1.1 500 Internal Server Error');
    expect(headers).toContain('Content-Type: text/html; charset=utf-8');
    expect(headers).toContain(`Content-Length: ${body.length}`);
    expect(body).toContain('the reason');
    expect(errors).toMatch(/^Error: the reason\n/);
  });

  test.each(['text/html', 'application/json, TEXT/HTML;q=0.1', 'text/html;level=1;q=0.05'])(
    'when it accepts %s',
    async (Accept) => {
      expect((await ask({ headers: { Accept } })).body).toContain('the reason');
    },
  );

  test.each(['POST', 'DELETE'])('whatever it has asked for: %s', async (method) => {
    const { body } = await ask({
      line: `${method} / HTTP/1.1`,
      headers: { 'Content-Length': '0' },
    });
    expect(body).toContain('the reason');
  });

  test('as a head alone, where it has asked for that', async () => {
    const { status, headers, body } = await ask({ line: 'HEAD /x HTTP/1.1' });
    expect(status).toBe('HTTP/1.1 500 Internal Server Error');
    expect(headers).toContain('Content-Type: text/html; charset=utf-8');
    expect(body).toBe('');
  });
});

describe('everybody else gets the bare 500', () => {
  const cases: [why: string, asked: Asked, options?: Partial<HttpOptions>][] = [
    ['nobody has asked for the page', {}, { errorPage: undefined }],
    ['it is switched off', {}, { errorPage: false }],

    ['another Host', { headers: { Host: 'example.org' } }],
    ['an address that is not loopback', { headers: { Host: '192.0.2.1:8000' } }],
    ['a name that begins like one', { headers: { Host: 'localhost.example.org' } }],
    ['a name that ends like one', { headers: { Host: 'notlocalhost' } }],
    ['an address as a subdomain (DNS rebinding)', { headers: { Host: '127.0.0.1.example.org' } }],
    ['an address that says less than four bytes', { headers: { Host: '127.1' } }],
    ['every address', { headers: { Host: '0.0.0.0:8000' } }],
    ['another IPv6 address', { headers: { Host: '[::2]' } }],
    ['an empty Host', { headers: { Host: '' } }],

    ['no Accept', { headers: { Accept: undefined } }],
    ['what curl accepts', { headers: { Accept: '*/*' } }],
    ['any text', { headers: { Accept: 'text/*' } }],
    ['a program', { headers: { Accept: 'application/json' } }],
    ['HTML refused', { headers: { Accept: 'text/html;q=0, */*' } }],
    ['HTML refused at length', { headers: { Accept: 'text/html; Q=0.000' } }],

    ...[
      'Forwarded',
      'Via',
      'X-Forwarded-For',
      'x-forwarded-host',
      'X-Forwarded-Proto',
      'X-Forwarded-Server',
      'X_Forwarded_For',
      'X-Real-IP',
      'X-Original-Host',
      'True-Client-IP',
      'CF-Connecting-IP',
      'CDN-Loop',
    ].map((name): [string, Asked] => [
      `through a proxy: ${name}`,
      { headers: { [name]: '127.0.0.1' } },
    ]),
    [
      'through a proxy that is trusted',
      { headers: { 'X-Forwarded-For': '127.0.0.1' } },
      { forwardedAllowIps: ['127.0.0.1'] },
    ],
    [
      'through a proxy with headers of its own',
      { headers: { 'X-Our-Client': '127.0.0.1' } },
      { forwardedHeaders: { for: 'X-Our-Client' } },
    ],
    ['through a proxy that says no more than HTTP/1.0', { line: 'GET /x HTTP/1.0' }],
    ['as to a proxy', { line: 'GET http://localhost/x HTTP/1.1' }],
  ];

  test.each(cases)('%s', async (_why, asked, options) => {
    const { status, headers, body, errors } = await ask(asked, failing, options);
    expect(status).toBe('HTTP/1.1 500 Internal Server Error');
    expect(headers).toContain('Content-Type: text/plain; charset=utf-8');
    expect(body).toBe(BARE);
    expect(errors).toMatch(/^Error: the reason\n/);
  });

  test('through a unix socket', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'postern-page-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const { talk } = await serve(failing, {
      errorPage: true,
      listen: `unix:${join(folder, 'socket')}`,
    });
    expect(parse(await talk(bytes())).body).toBe(BARE);
  });

  const external = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')?.address;

  test.skipIf(external === undefined)('from an address of the network', async () => {
    const { port } = await serve(failing, { errorPage: true, listen: '0.0.0.0:0' });
    const client = await Client.connect({ address: external!, family: 'IPv4', port });
    expect(parse(await client.send(bytes()).rest()).body).toBe(BARE);
  });

  test.each([
    ['127.0.0.1', true],
    ['127.8.8.8', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['::ffff:192.0.2.1', false],
    ['192.0.2.1', false],
    ['10.0.0.1', false],
    ['172.17.0.1', false],
    ['fe80::1', false],
    ['::', false],
    [undefined, false], // a unix socket, or one that has been closed
  ])('from %s: %j', (remoteAddress, expected) => {
    const headers = { host: 'localhost', accept: 'text/html' };
    const rawHeaders = Object.entries(headers).flat();
    const incoming = {
      socket: { remoteAddress },
      url: '/',
      httpVersionMinor: 1,
      headers,
      rawHeaders,
    };
    expect(isLocalBrowser(incoming as never, [])).toBe(expected);
  });
});
