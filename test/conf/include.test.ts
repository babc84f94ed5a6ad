/** Server-side includes of Apache (`<!--#include virtual="…" -->`) that name an application. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, describe, expect, test } from 'vitest';

import { startApache } from '../servers/apache.ts';
import { describeWithServer } from '../servers/availability.ts';
import { stagePackage } from '../servers/staging.ts';
import { startGateway } from '../suite/drivers/gateway.ts';
import { ask } from './ask.ts';

const PAGE = '<!--#include virtual="/app/some/x?y=1" -->';

/** mod_include for a page beside the application. */
const EXTRA = `
<Location "/page.shtml">
    Options +Includes
    SetOutputFilter INCLUDES
</Location>`;

const stops: (() => Promise<void>)[] = [];

afterAll(async () => {
  for (const stop of stops) await stop();
});

describe.each(['apache/cgi.conf', 'apache/fcgid.conf', 'apache/proxy_fcgi.conf'])('%s', (conf) => {
  describeWithServer(conf, 'an included page', () => {
    test('has its own path', async () => {
      const { apps, postern, path } = stagePackage();
      const app = join(apps, 'environ.mjs');
      const gateway = conf.includes('proxy') ? await startGateway('fastcgi', app) : undefined;
      const upstream = `127.0.0.1:${gateway?.port ?? 1}`;
      const values = { mount: '/app', upstream, app, postern, path };
      // In an included program the PATH of `SetEnv` does not count, only that of Apache itself.
      const env = { PATH: path };
      const server = await startApache({ conf, values, extra: EXTRA, modules: ['include'], env });
      stops.push(
        () => server.stop(),
        async () => gateway?.stop(),
      );
      mkdirSync(join(server.folder, 'www'), { recursive: true });
      writeFileSync(join(server.folder, 'www/page.shtml'), PAGE);
      const { status, body } = await ask(server.port, 'GET', '/page.shtml');
      expect([status, body], server.errorLog()).toEqual([200, expect.stringMatching(/^\{/)]);
      expect(JSON.parse(body)).toMatchObject({
        SERVER_PROTOCOL: 'HTTP/1.0',
        SCRIPT_NAME: '/app',
        PATH_INFO: '/some/x',
        QUERY_STRING: 'y=1',
      });
    });
  });
});
