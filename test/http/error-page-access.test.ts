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

  // What browsers send by themselves, with the scripts and extensions in them.
  test('with any header of its own', async () => {
    const names = `User-Agent Accept-Encoding Accept-Language Cache-Control Pragma Cookie Referer Origin Authorization
      DNT Sec-GPC Priority TE Upgrade-Insecure-Requests Sec-CH-UA Sec-Fetch-Site Sec-Fetch-Dest If-None-Match
      X-Requested-With X-CSRF-Token X-Api-Key Purpose Save-Data Remote X-Forge X-Color`;
    const headers = Object.fromEntries(names.split(/\s+/).map((name) => [name, 'x']));
    expect((await ask({ headers })).body).toContain('the reason');
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

    // Each by a name that is on the list, and each with that beginning.
    ...`Forwarded Via CDN-Loop Max-Forwards Proxy-Connection Surrogate-Capability Ali-CDN-Real-IP Client-IP
      DO-Connecting-IP Incap-Client-IP Proxy-Client-IP True-Client-IP X-Cluster-Client-IP X-Source-IP X-True-Client-IP
      Front-End-Https X-Host X-Ingress-Path X-Replaced-Path X-Rewrite-URL X-Scheme X-Script-Name X-URL-Scheme X-Via
      Connect-Time Total-Route-Time traceparent X-Cloud-Trace-Context X-Correlation-ID X-Queue-Start X-Request-ID
      X-Request-Start DISGUISED-HOST WAS-DEFAULT-HOSTNAME X-SITE-DEPLOYMENT-ID
      Forwarded-For X-Forward-For X-Forwarded X-Forwarded-For x-forwarded-host X-Forwarded-Proto X-Forwarded-Server
      X_Forwarded_For X-Original-Host X-Original-URL X-Client-IP X-Client-Cert X-Proxy-ID X-Proxied-By X-ProxyUser-IP
      X-Real-IP X_Real_IP WL-Proxy-Client-IP Akamai-Origin-Hop CDN-RequestId CF-Connecting-IP CF-Ray Cf-Warp-Tag-Id
      CloudFront-Viewer-Address Fastly-Client-IP Fastly-FF Fly-Client-IP Fly-Request-Id Rndr-Id X-Akamai-Edgescape
      X-Amz-Cf-Id X-Amzn-Trace-Id X-AppEngine-User-IP X-ARR-LogId X-ARR-SSL X-Azure-ClientIP X-Azure-FDID X-CDN-Geo
      X-Edge-Location X-FD-HealthProbe X-Goog-IAP-JWT-Assertion X-Heroku-Queue-Depth X-MS-Client-Principal
      X-NF-Client-Connection-IP X-Now-ID X-Railway-Edge X-Sucuri-ClientIP X-Vercel-Id X-WAWS-Unencoded-URL
      ngrok-auth-user-email Tailscale-User-Login Tailscale-Funnel-Request X-GitHub-Request-Id X-Tailscale-Tailnet
      X-Tunnel-ID Remote-User SSL-Client-Verify X-Auth-Request-User X-authentik-username X-B3-TraceId X-Consumer-ID
      X-Envoy-External-Address X-HAProxy-Server-State X-Istio-Attributes X-Kong-Request-ID X-Nginx-Proxy X-Remote-User
      X-SSL-Client-Cert X-Traefik-Router X-Varnish X-Webauth-User`
      .split(/\s+/)
      .map((name): [string, Asked] => [
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
