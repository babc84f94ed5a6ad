/** What an application writes to wsgi.errors is in a log behind every front end: its own, or that of postern. */

import { afterEach, expect, test } from 'vitest';

import type { Environ, StartResponse } from '../../src/types.ts';
import { describeWithServer } from '../servers/availability.ts';
import type { RunningServer } from '../servers/launch.ts';
import { FRONT_ENDS, serveBehind, visit } from './front-ends.ts';

let running: RunningServer | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

function telling(environ: Environ, startResponse: StartResponse): Buffer[] {
  environ['wsgi.errors'].write(`told for ${environ.PATH_INFO}\n`);
  if (environ.PATH_INFO === '/thrown') throw new Error('thrown on purpose');
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return [Buffer.from('done')];
}

for (const frontEnd of FRONT_ENDS) {
  describeWithServer(frontEnd.server, frontEnd.title ?? frontEnd.conf, () => {
    test('once', async () => {
      const { gateway, server } = await serveBehind(frontEnd, telling);
      running = server;
      expect((await visit(server.url, '/x')).body).toBe('done');
      expect((await visit(server.url, '/thrown')).status).toBe(500);
      const all = (): string => server.errorLog() + gateway.log.join('\n');
      for (const text of ['told for /x', 'told for /thrown', 'Error: thrown on purpose']) {
        await expect.poll(() => all().split(text).length - 1, { message: text }).toBe(1);
      }
    });
  });
}
