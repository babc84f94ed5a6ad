/** Responses with a Content-Length that break before it, as visitors of real web servers see them. */

import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, expect, test } from 'vitest';

import type { Environ, StartResponse } from '../../src/types.ts';
import { startApache } from '../servers/apache.ts';
import { describeWithServer } from '../servers/availability.ts';
import type { RunningServer } from '../servers/launch.ts';
import { temporaryFolder } from '../servers/launch.ts';
import { startLighttpd } from '../servers/lighttpd.ts';
import { stagePackage } from '../servers/staging.ts';
import { FRONT_ENDS, TRANSPORTS, serveBehind, visit } from './front-ends.ts';

const LENGTH = 4000;
const BEGUN = 'begun'.repeat(20);

/** As `breaking`, for a process that the front end starts. */
const SOURCE = `
export default (environ, startResponse) => {
  const length = environ.PATH_INFO === '/undeclared' ? [] : [['Content-Length', '${LENGTH}']];
  startResponse('200 OK', [['Content-Type', 'text/plain'], ...length]);
  return (async function* () {
    yield Buffer.from('${BEGUN}');
    if (environ.PATH_INFO !== '/at-once') await new Promise((resolve) => setTimeout(resolve, 100));
    if (environ.PATH_INFO === '/whole') yield Buffer.alloc(${LENGTH - BEGUN.length}, 'x');
    else throw new Error('broken on purpose');
  })();
};
`;

let running: RunningServer | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

async function expectBroken(server: RunningServer): Promise<void> {
  running = server;
  for (const path of ['/at-once', '/later', '/later', '/at-once']) {
    const broken = await visit(server.url, path);
    // A front end that has sent nothing yet may say 502 instead.
    expect([path, broken.complete && broken.status === 200, broken.body]).toEqual([
      path,
      false,
      expect.stringMatching(/^(?:begun)*$/),
    ]);
    const whole = await visit(server.url, '/whole');
    expect([whole.status, whole.body.length, whole.complete]).toEqual([200, LENGTH, true]);
  }
}

/** The same in this process. */
const { application } = (await import(
  `data:text/javascript,${encodeURIComponent(SOURCE.replace('export default', 'export const application ='))}`
)) as { application: (environ: Environ, startResponse: StartResponse) => AsyncIterable<Buffer> };

for (const frontEnd of FRONT_ENDS) {
  describeWithServer(frontEnd.server, frontEnd.title ?? frontEnd.conf, () => {
    test.each(TRANSPORTS)('over %s', async (transport) => {
      const { server } = await serveBehind(frontEnd, application, transport);
      await expectBroken(server);
    });
  });
}

function program(): string {
  const app = join(temporaryFolder('program'), 'app.mjs');
  writeFileSync(app, `#!${stagePackage().postern}\n${SOURCE}`);
  chmodSync(app, 0o755);
  return app;
}

function start(): Promise<RunningServer> {
  const values = { mount: '', app: program(), path: stagePackage().path };
  return startApache({ conf: 'apache/fcgid.conf', values });
}

describeWithServer('apache/fcgid.conf', 'apache/fcgid.conf', () => {
  test('a process of mod_fcgid', async () => {
    await expectBroken(await start());
  });

  test('mod_fcgid completes a response without a length with its own error page', async () => {
    running = await start();
    const { complete, body } = await visit(running.url, '/undeclared');
    expect([complete, body.replace(BEGUN, '')]).toEqual([
      true,
      expect.stringMatching(/^<!DOCTYPE HTML/),
    ]);
  });
});

describeWithServer('lighttpd', 'lighttpd/fastcgi-spawn.conf', () => {
  test('a process of lighttpd', async () => {
    const { path, postern } = stagePackage();
    const upstream = `unix:${temporaryFolder('socket')}/app.sock`;
    chmodSync(upstream.replace('unix:', '').replace('/app.sock', ''), 0o777);
    const values = { mount: '', app: program(), path, postern, upstream };
    await expectBroken(await startLighttpd({ conf: 'lighttpd/fastcgi-spawn.conf', values }));
  });
});
