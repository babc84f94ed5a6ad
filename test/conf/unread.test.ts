/** An upload that the application does not read: the visitor gets the answer all the same, from every front end. */
import { afterAll, expect, test } from 'vitest';

import { describeWithServer } from '../servers/availability.ts';
import { ask } from './ask.ts';
import { SITES, startSite, stopGateways } from './sites.ts';

const UPLOAD = 4 * 1024 * 1024;
/**
 * Apache's mod_proxy_http reads no response before it has written the whole body. So it gets none (502) where
 * postern closes the connection rather than read a body to its end: beyond drainLimit, 1 MiB.
 */
const LESS: Readonly<Record<string, number>> = {
  'apache/proxy_http.conf': 900 * 1024,
  // HAProxy passes the end of the connection on: a visitor who still sends may see a reset before the answer.
  'haproxy/http.cfg': 900 * 1024,
};
/** mod_cgid answers 503 until its daemon has started, which may be after the port answers. */
const STARTING = { retry: 2 };

for (const site of SITES) {
  describeWithServer(site.conf, site.title, () => {
    const size = LESS[site.conf] ?? UPLOAD;
    test(`${size} bytes for an application that does not look at them`, STARTING, async () => {
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
