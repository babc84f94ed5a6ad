/** An upload that the application does not read: the visitor gets the answer all the same, from every front end. */
import { afterAll, expect, test } from 'vitest';

import { describeWithServer } from '../servers/availability.ts';
import { ask } from './ask.ts';
import { SITES, startSite, stopGateways } from './sites.ts';

const UPLOAD = 4 * 1024 * 1024;
/**
 * Over HTTP a connection ends with a large upload that is not read, and these pass that on: a visitor who still sends
 * may see a reset before the answer. Less than maxDrainSize is read to its end.
 */
const LESS: Readonly<Record<string, number>> = {
  'caddy/Caddyfile.http': 900 * 1024,
  'haproxy/http.cfg': 900 * 1024,
};

for (const site of SITES) {
  describeWithServer(site.conf, site.title, () => {
    const size = LESS[site.conf] ?? UPLOAD;
    test(`${size} bytes for an application that does not look at them`, async () => {
      const server = await startSite(site, '', 'hello.mjs');
      try {
        const length = ['Content-Length', String(size)] as const;
        const { status, body } = await ask(server.port, 'POST', '/x', [length], 'x'.repeat(size));
        expect([status, body]).toEqual([200, 'Hello, 127.0.0.1! You asked for /x\n']);
      } finally {
        await server.stop();
      }
    });
  });
}

afterAll(stopGateways);
