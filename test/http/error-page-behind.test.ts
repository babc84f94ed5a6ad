/** The error page is for no visitor of a web server, even where all of them stand on one machine. */

import { afterEach, expect, test } from 'vitest';

import { visit } from '../fastcgi/front-ends.ts';
import type { FrontEnd } from '../fastcgi/front-ends.ts';
import { startApache } from '../servers/apache.ts';
import { describeWithServer } from '../servers/availability.ts';
import { startCaddy } from '../servers/caddy.ts';
import { startHaproxy } from '../servers/haproxy.ts';
import type { RunningServer, ServerOptions } from '../servers/launch.ts';
import { startLighttpd } from '../servers/lighttpd.ts';
import { startNginx } from '../servers/nginx.ts';
import { BARE, BROWSER, failing } from './error-page-kit.ts';
import { serve } from './kit.ts';

const FRONT_ENDS: readonly FrontEnd[] = [
  { server: 'nginx', conf: 'nginx/http.conf', start: startNginx },
  { server: 'apache/proxy_http.conf', conf: 'apache/proxy_http.conf', start: startApache },
  { server: 'lighttpd', conf: 'lighttpd/proxy.conf', start: startLighttpd },
  { server: 'haproxy', conf: 'haproxy/http.cfg', start: startHaproxy },
  { server: 'caddy', conf: 'caddy/Caddyfile.http', start: startCaddy },
];

let running: RunningServer | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

/** Asks for the page through a web server on this machine. */
async function askBehind(
  start: FrontEnd['start'],
  options: (upstream: string) => Pick<ServerOptions, 'conf' | 'text'>,
): Promise<void> {
  const { port, errors } = await serve(failing, {
    errorPage: true,
    forwardedAllowIps: ['127.0.0.1'],
  });
  const upstream = `127.0.0.1:${port}`;
  running = await start({ values: { mount: '', upstream }, ...options(upstream) });
  const answer = await visit(running.url, '/', { ...BROWSER, Host: 'localhost' });
  expect(answer).toMatchObject({ status: 500, body: BARE, complete: true });
  expect(errors.join('')).toMatch(/^Error: the reason\n/);
}

for (const { server, conf, start } of FRONT_ENDS) {
  describeWithServer(server, conf, () => {
    test('the shipped configuration', () => askBehind(start, () => ({ conf })));
  });
}

describeWithServer('nginx', 'nginx with proxy_pass alone', () => {
  test('which gives the address of the application for a Host, and tells nothing of the visitor', () =>
    askBehind(startNginx, (upstream) => ({
      conf: 'nginx/http.conf',
      text: (port) => `
        server {
          listen 127.0.0.1:${port};
          location / { proxy_pass http://${upstream}; proxy_http_version 1.0; }
        }`,
    })));
});
