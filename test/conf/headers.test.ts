/**
 * The headers of a response that has no Content-Type, behind every front end: those of the application, and none that the
 * front end guesses (an upload would become a page) or that belong to the connection behind it.
 */
import { chmodSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { describeWithServer } from '../servers/availability.ts';
import { temporaryFolder, type RunningServer } from '../servers/launch.ts';
import { stagePackage } from '../servers/staging.ts';
import { SITES, startSite, stopGateways } from './sites.ts';

const APPLICATION = `#!/usr/bin/env postern
export default (environ, startResponse) => {
  startResponse('200 OK', [['X-Own', 'yes']]);
  return [Buffer.from('<!doctype html><script>alert(1)</script>')];
};
`;

/** Headers of the connection and of the front end itself. lighttpd serves ranges of any response. */
const ITS_OWN = /^(?:accept-ranges|connection|content-length|date|server|transfer-encoding):/;

/** What the front end guesses cannot be taken out of Caddy, only replaced. */
const UNKNOWN_TYPE = 'content-type: application/octet-stream';

/** @returns each as `name: value` */
function headersOf(port: number, path: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host: '127.0.0.1', port, path, headers: { Host: 'localhost', Connection: 'close' } },
      (response) => {
        const lines = Object.entries(response.headers).map(([name, value]) => `${name}: ${value}`);
        response.resume().on('end', () => resolve(lines));
      },
    );
    outgoing.on('error', reject).end();
  });
}

for (const site of SITES) {
  describeWithServer(site.conf, site.title, () => {
    let server: RunningServer;

    beforeAll(async () => {
      const path = join(stagePackage().apps, 'untyped.mjs');
      writeFileSync(path, APPLICATION);
      chmodSync(path, 0o755);
      const types = join(temporaryFolder('types'), 'mime.types');
      writeFileSync(types, 'text/html html\ntext/javascript js mjs\n');
      const more = { modules: ['mime'], extra: `TypesConfig "${types}"` };
      const isApache = site.conf.startsWith('apache/');
      server = await startSite(site, '/app', 'untyped.mjs', isApache ? more : {});
    });
    afterAll(() => server?.stop());

    test.each(['/app', '/app/x.html', '/app/x.js', '/app/x'])(
      '%s has the headers of the application, and none besides',
      async (path) => {
        const headers = await headersOf(server.port, path);
        const rest = headers.filter((line) => !ITS_OWN.test(line));
        const added = site.conf.startsWith('caddy/') ? [UNKNOWN_TYPE] : [];
        expect(rest.toSorted()).toEqual([...added, 'x-own: yes']);
      },
    );
  });
}

afterAll(stopGateways);
