/** Responses that break in the middle, as visitors of real web servers see them. */

import { afterEach, describe, expect, test } from 'vitest';

import type { Environ, StartResponse } from '../../src/types.ts';
import { describeWithServer } from '../servers/availability.ts';
import type { RunningServer } from '../servers/launch.ts';
import { FRONT_ENDS, TRANSPORTS, serveBehind, visit } from './front-ends.ts';

/** Caddy 2.6 takes whatever has come for the whole, however the connection ends. */
const CUT = FRONT_ENDS.filter(({ server }) => server !== 'caddy');

let running: RunningServer | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

/** `/at-once` breaks in the turn in which it begins, `/later` some time after, `/large` after 1 MiB; `/events` is not buffered. */
function breaking(
  environ: Environ,
  startResponse: StartResponse,
): AsyncIterable<Buffer> | Buffer[] {
  const path = environ['PATH_INFO'];
  const type = path === '/events' ? 'text/event-stream' : 'text/plain';
  startResponse('200 OK', [['Content-Type', type]]);
  if (path === '/whole') return [Buffer.from('whole')];
  return (async function* () {
    yield Buffer.from('begun');
    if (path === '/large') for (let i = 0; i < 16; i++) yield Buffer.alloc(65_536, 'x');
    if (path !== '/at-once') await new Promise((resolve) => setTimeout(resolve, 200));
    throw new Error('broken on purpose');
  })();
}

for (const frontEnd of CUT) {
  describeWithServer(frontEnd.server, frontEnd.title ?? frontEnd.conf, () => {
    describe.each(TRANSPORTS)('over %s', (transport) => {
      test('the visitor does not take it for complete, and the next one is served', async () => {
        const { server } = await serveBehind(frontEnd, breaking, transport);
        running = server;
        for (const path of ['/at-once', '/later', '/large', '/events', '/at-once', '/later']) {
          const broken = await visit(server.url, path);
          // A front end that has sent nothing yet may say 502 instead.
          expect([path, broken.complete && broken.status === 200]).toEqual([path, false]);
          const whole = await visit(server.url, '/whole');
          expect([whole.status, whole.body, whole.complete]).toEqual([200, 'whole', true]);
        }
      });

      test('visitors at the same time are served', async () => {
        const { server } = await serveBehind(frontEnd, breaking, transport);
        running = server;
        const paths = Array.from({ length: 24 }, (_, i) => (i % 6 === 0 ? '/later' : '/whole'));
        const visits = await Promise.all(paths.map((path) => visit(server.url, path)));
        for (const [i, path] of paths.entries()) {
          const { status, body, complete } = visits[i]!;
          if (path === '/whole') expect([status, body, complete]).toEqual([200, 'whole', true]);
          else expect(complete && status === 200).toBe(false);
        }
      });
    });
  });
}

describeWithServer('caddy', 'caddy/Caddyfile.fastcgi', () => {
  test('Caddy 2.6 takes a response without a length that breaks off for a whole one', async () => {
    const caddy = FRONT_ENDS.find(({ server }) => server === 'caddy')!;
    const { server } = await serveBehind(caddy, breaking, 'TCP');
    running = server;
    const { body, complete } = await visit(server.url, '/later');
    expect([body, complete]).toEqual(['begun', true]);
  });
});
