/** Paths that Apache itself leads to the application: by a rule of mod_rewrite, or as the page for an error. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { describeWithServer } from '../servers/availability.ts';
import type { RunningServer } from '../servers/launch.ts';
import { ask } from './ask.ts';

import { SITES, startSite, stopGateways } from './sites.ts';

const WITHIN = `
    RewriteEngine On
    RewriteRule "^/old/(.*)$" "/app/new/$1" [PT]
    RewriteRule "^/both/(.*)$" "/app/new/$1?z=1" [PT,QSA]`;

/** What gives no body without a length to the application, also for the page of an error: it sends a page of its own. */
const NO_CHUNKS = /proxy_(?:scgi|uwsgi)/;

const OWN_PAGE = expect.stringContaining(
  'error was encountered while trying to use an ErrorDocument',
) as string;

const ERROR_PAGE = `
    ErrorDocument 403 /app/error
    ErrorDocument 404 /app/error
    ErrorDocument 405 /app/error
    <Location "/secret">
        Require all denied
    </Location>`;

for (const site of SITES.filter(({ conf }) => conf.startsWith('apache/'))) {
  describeWithServer(site.conf, site.title, () => {
    describe('RewriteRule … [PT] into the mount', () => {
      let server: RunningServer;

      beforeAll(async () => {
        server = await startSite(site, '/app', 'environ.mjs', {
          modules: ['rewrite'],
          within: WITHIN,
        });
      });
      afterAll(() => server?.stop());

      test.each([
        ['/old/x', '/new/x', ''],
        ['/old/a%20b/%C3%A9?y=1', '/new/a b/\xc3\xa9', 'y=1'],
        ['/both/x?y=1', '/new/x', 'z=1&y=1'],
        ['/app/x?y=1', '/x', 'y=1'],
      ])('%s', async (path, pathInfo, query) => {
        const { status, body } = await ask(server.port, 'GET', path);
        expect([status, body], server.errorLog()).toEqual([200, expect.stringMatching(/^\{/)]);
        expect(JSON.parse(body)).toMatchObject({
          SCRIPT_NAME: '/app',
          PATH_INFO: pathInfo,
          QUERY_STRING: query,
        });
      });
    });

    test('RewriteRule … [PT] in a site of which the application is the root', async () => {
      const within = 'RewriteEngine On\n    RewriteRule "^/old/(.*)$" "/new/$1" [PT]';
      const server = await startSite(site, '', 'environ.mjs', { modules: ['rewrite'], within });
      try {
        const { body } = await ask(server.port, 'GET', '/old/x');
        // In a request of HTTP there is one path: the one that the visitor wrote, as nocanon says.
        const path = site.conf === 'apache/proxy_http.conf' ? '/old/x' : '/new/x';
        expect(JSON.parse(body)).toMatchObject({ SCRIPT_NAME: '', PATH_INFO: path });
      } finally {
        await server.stop();
      }
    });

    describe('ErrorDocument at the application', () => {
      let server: RunningServer;

      beforeAll(async () => {
        server = await startSite(site, '/app', 'environ.mjs', { within: ERROR_PAGE });
      });
      afterAll(() => server?.stop());

      describe.each([
        ['forbidden: its body is still there', '/secret', 403],
        ['not found: its body has been read', '/missing', 404],
      ])('%s', (_, path, status) => {
        test.each([
          ['GET', [], ''],
          ['POST', [['Content-Length', '0']], ''],
          ['POST', [['Content-Length', '5']], 'hello'],
          ['POST', [['Transfer-Encoding', 'chunked']], 'hello'],
          ['PUT', [['Content-Length', '4000000']], 'x'.repeat(4_000_000)],
        ] as const)('%s with %j', async (method, headers, body) => {
          const answer = await ask(server.port, method, path, headers, body);
          const isChunked = headers.some(([name]) => name === 'Transfer-Encoding');
          if (isChunked && NO_CHUNKS.test(site.conf)) {
            expect([answer.status, answer.body]).toEqual([status, OWN_PAGE]);
            return;
          }
          expect([answer.status, answer.body]).toEqual([200, expect.stringMatching(/^\{/)]);
          const environ = JSON.parse(answer.body) as object;
          expect(environ).toMatchObject({ REQUEST_METHOD: 'GET', PATH_INFO: '/error' });
          // Over HTTP nothing tells that it is the page of an error, and Apache sends as much as it says.
          if (site.conf !== 'apache/proxy_http.conf') expect(environ).toMatchObject({ bytes: 0 });
        });
      });
    });
  });
}

afterAll(stopGateways);
