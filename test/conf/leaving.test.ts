/** A visitor who leaves: when the front end tells the application. */
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { describeWithServer } from '../servers/availability.ts';
import type { RunningServer } from '../servers/launch.ts';
import { stagePackage } from '../servers/staging.ts';
import { ask } from './ask.ts';
import { SITES, startSite, stopGateways } from './sites.ts';

/** `/left` tells which requests have lost their visitor, and `/asked` which have come. */
const APPLICATION = `#!/usr/bin/env postern
const left = [];
const asked = [];
export default async (environ, startResponse) => {
  const path = environ.PATH_INFO;
  const signal = environ['postern.signal'];
  const tell = () => left.push(environ.QUERY_STRING);
  const over = new Promise((resolve) => {
    signal.addEventListener('abort', () => { tell(); resolve(); });
    setTimeout(resolve, 10_000).unref();
  });
  asked.push(environ.QUERY_STRING);
  if (path === '/silent') await over;
  startResponse('200 OK', [['Content-Type', 'application/json']]);
  if (path === '/left') return [Buffer.from(JSON.stringify(left))];
  if (path === '/asked') return [Buffer.from(JSON.stringify(asked))];
  return (async function* () {
    yield Buffer.from('begun');
    if (path === '/idle') await over;
    while (path === '/stream' && !signal.aborted) {
      yield Buffer.from('more');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
};
`;

/** What the visitor leaves: a stream; a response of which nothing more comes; before there is a response. */
const PATHS = ['stream', 'idle', 'silent'] as const;

/** Who tells of which. */
const TOLD: readonly (readonly [conf: RegExp, paths: readonly string[]])[] = [
  [/^nginx/, PATHS],
  [/^caddy.*http/, PATHS],
  [/./, ['stream']],
];

/** One process for each request, or one at a time: there is nobody to ask. */
const ONE_AT_A_TIME = /^(?:apache\/cgi|apache\/fcgid|lighttpd\/cgi)/;

for (const site of SITES.filter(({ conf }) => !ONE_AT_A_TIME.test(conf))) {
  describeWithServer(site.conf, site.title, () => {
    let server: RunningServer;
    const told = TOLD.find(([conf]) => conf.test(site.conf))![1];

    beforeAll(async () => {
      const path = join(stagePackage().apps, 'leaving.mjs');
      writeFileSync(path, APPLICATION);
      chmodSync(path, 0o755);
      server = await startSite(site, '/app', 'leaving.mjs');
    });
    afterAll(() => server?.stop());

    async function list(path: string): Promise<string> {
      return (await ask(server.port, 'GET', `/app/${path}`)).body;
    }

    describe.each(told)('/%s', (path) => {
      test('the application is told', async () => {
        const id = `${path}-${site.title.replaceAll(/\W/g, '-')}`;
        const visitor = connect(server.port, '127.0.0.1');
        visitor.write(`GET /app/${path}?${id} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
        if (path !== 'silent') await once(visitor, 'data');
        await expect.poll(() => list('asked')).toContain(id);
        visitor.destroy();
        await expect.poll(() => list('left')).toContain(id);
      });
    });
  });
}

afterAll(stopGateways);
