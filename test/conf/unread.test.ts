/** An upload that the application does not read: the visitor gets the answer all the same, from every front end. */
import { afterAll, expect, test } from 'vitest';

import { describeWithServer } from '../servers/availability.ts';
import { ask } from './ask.ts';
import { SITES, startSite, stopGateways } from './sites.ts';

const UPLOAD = 4 * 1024 * 1024;
/** mod_cgid answers 503 until its daemon has started, which may be after the port answers. */
const STARTING = { retry: 2 };

for (const site of SITES) {
  describeWithServer(site.conf, site.title, () => {
    test(`${UPLOAD} bytes for an application that does not look at them`, STARTING, async () => {
      const server = await startSite(site, '', 'hello.mjs');
      try {
        const length = ['Content-Length', String(UPLOAD)] as const;
        const { status, body } = await ask(server.port, 'POST', '/x', [length], 'x'.repeat(UPLOAD));
        expect([status, body]).toEqual([200, 'Hello, 127.0.0.1! You asked for /x\n']);
      } finally {
        await server.stop();
      }
    });
  });
}

afterAll(stopGateways);
