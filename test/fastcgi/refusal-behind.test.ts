/** Requests that are not taken, as visitors of real web servers see them. */

import { afterEach, expect, test } from 'vitest';

import { describeWithServer } from '../servers/availability.ts';
import type { RunningServer } from '../servers/launch.ts';
import { FRONT_ENDS, serveBehind, visit } from './front-ends.ts';
import { hello } from './kit.ts';

let running: RunningServer | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

for (const frontEnd of FRONT_ENDS) {
  describeWithServer(frontEnd.server, frontEnd.title ?? frontEnd.conf, () => {
    test.each([
      ['503 Service Unavailable', { maxRequests: 0 }],
      ['503 Service Unavailable', { maxRequestsPerConnection: 0 }],
      ['431 Request Header Fields Too Large', { maxParamsSize: 100 }],
      ['431 Request Header Fields Too Large', { maxParams: 3 }],
    ])('%s, a page like any other: %j', async (status, limits) => {
      const { server } = await serveBehind(frontEnd, hello, 'TCP', limits);
      running = server;
      for (let i = 0; i < 3; i++) {
        const answer = await visit(server.url, '/');
        expect(answer).toMatchObject({
          status: Number(status.slice(0, 3)),
          body: `${status}\n`,
          complete: true,
        });
      }
    });
  });
}
