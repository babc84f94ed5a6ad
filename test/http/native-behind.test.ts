/** A Node listener behind real web servers, over HTTP: it sees the visitor, not the front end. */

import type { RequestListener } from 'node:http';
import type { TLSSocket } from 'node:tls';

import { expect, onTestFinished, test } from 'vitest';

import type { MountedRequest } from '../../src/apps/node/native.ts';
import { fromNode } from '../../src/apps/node/node.ts';
import { visit } from '../fastcgi/front-ends.ts';
import type { FrontEnd } from '../fastcgi/front-ends.ts';
import { startApache } from '../servers/apache.ts';
import { describeWithServer } from '../servers/availability.ts';
import { startCaddy } from '../servers/caddy.ts';
import { startHaproxy } from '../servers/haproxy.ts';
import { startLighttpd } from '../servers/lighttpd.ts';
import { startNginx } from '../servers/nginx.ts';
import { serve } from './kit.ts';

const FRONT_ENDS: readonly FrontEnd[] = [
  { server: 'nginx', conf: 'nginx/http.conf', start: startNginx },
  { server: 'apache/proxy_http.conf', conf: 'apache/proxy_http.conf', start: startApache },
  { server: 'lighttpd', conf: 'lighttpd/proxy.conf', start: startLighttpd },
  { server: 'haproxy', conf: 'haproxy/http.cfg', start: startHaproxy },
  { server: 'caddy', conf: 'caddy/Caddyfile.http', start: startCaddy },
];

const application = fromNode((req: MountedRequest, res) => {
  const { remoteAddress, encrypted } = req.socket as TLSSocket;
  const { baseUrl, originalUrl, url, headers } = req;
  res.setHeader('Content-Type', 'application/json');
  res.end(
    JSON.stringify({ remoteAddress, encrypted, baseUrl, originalUrl, url, host: headers.host }),
  );
});

for (const { server, conf, start } of FRONT_ENDS) {
  describeWithServer(server, conf, () => {
    test('the shipped configuration', async () => {
      const { port } = await serve(application, {
        scriptName: '/app',
        forwardedAllowIps: ['127.0.0.1'],
      });
      const values = { mount: '/app', upstream: `127.0.0.1:${port}` };
      const running = await start({ conf, values });
      onTestFinished(() => running.stop());
      const claims = { 'X-Forwarded-For': '6.6.6.6', 'X-Forwarded-Proto': 'https' };
      const answer = await visit(running.url, '/app/x%20y?z', { ...claims, Host: 'shop.example' });
      expect(JSON.parse(answer.body)).toEqual({
        remoteAddress: '127.0.0.1',
        baseUrl: '/app',
        originalUrl: '/app/x%20y?z',
        url: '/x%20y?z',
        host: 'shop.example',
      });
    });
  });
}

/** Frameworks, which tell of the visitor in their own words. */
const FRAMEWORKS: [name: string, make: () => Promise<RequestListener>][] = [
  [
    'Express',
    async () => {
      const { default: express } = await import('express');
      const app = express();
      app.get('/x', ({ ip, protocol, secure, hostname, baseUrl }, res) => {
        res.json({ ip, protocol, secure, hostname, mount: baseUrl });
      });
      return app;
    },
  ],
  [
    'Koa',
    async () => {
      const { default: Koa } = await import('koa');
      const app = new Koa();
      app.use((ctx) => {
        const { ip, protocol, secure, hostname } = ctx;
        ctx.body = { ip, protocol, secure, hostname, mount: (ctx.req as MountedRequest).baseUrl };
      });
      return app.callback();
    },
  ],
  [
    'Fastify',
    async () => {
      const { default: fastify } = await import('fastify');
      const app = fastify();
      app.get('/x', ({ ip, protocol, hostname, raw }) => {
        const secure = protocol === 'https';
        return { ip, protocol, secure, hostname, mount: (raw as MountedRequest).baseUrl };
      });
      await app.ready();
      return app.routing;
    },
  ],
];

describeWithServer('nginx', 'nginx with TLS before it, and a mount', () => {
  test.each(FRAMEWORKS)('%s sees the visitor', async (_name, make) => {
    const { port } = await serve(fromNode(await make()), {
      forwardedAllowIps: ['127.0.0.1'],
      forwardedHeaders: { prefix: 'X-Forwarded-Prefix' },
    });
    const running = await startNginx({
      conf: 'nginx/http.conf',
      values: { mount: '/shop', upstream: `127.0.0.1:${port}` },
      text: (listen) => `
        server {
          listen 127.0.0.1:${listen};
          location / {
            proxy_pass http://127.0.0.1:${port};
            proxy_set_header X-Forwarded-For 203.0.113.9;
            proxy_set_header X-Forwarded-Proto https;
            proxy_set_header X-Forwarded-Host shop.example;
            proxy_set_header X-Forwarded-Prefix /shop;
          }
        }`,
    });
    onTestFinished(() => running.stop());
    const answer = await visit(running.url, '/x', { Host: 'a.test' });
    expect(JSON.parse(answer.body)).toEqual({
      ip: '203.0.113.9',
      protocol: 'https',
      secure: true,
      hostname: 'shop.example',
      mount: '/shop',
    });
  });
});
