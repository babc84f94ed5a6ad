/** Heads that are too large: the visitor is told so, and not that the application has failed. */
import { afterAll, beforeAll, expect, test } from 'vitest';

import { describeWithServer } from '../servers/availability.ts';
import type { RunningServer } from '../servers/launch.ts';
import { ask, type HeaderPairs } from './ask.ts';
import { SITES, startSite, stopGateways } from './sites.ts';

const TOO_LONG = [9_000, 12_000, 20_000, 31_000, 70_000];
const LONG = 8_000;

/** Headers of so many bytes in all. */
function headers(size: number): HeaderPairs {
  const pair = ['X-Large', 'x'.repeat(4_000 - 'X-Large: \r\n'.length)] as const;
  return Array.from({ length: size / 4_000 }, () => pair);
}

/** Caddy takes a whole head of 64 KiB, and FastCGI carries it. */
const TAKES_LONG = /^caddy.*fastcgi/;

/** What refuses a long path with headers beside it all the same. */
const REFUSES_LONG: readonly (readonly [conf: RegExp, status: number])[] = [
  [/^lighttpd/, 431], // its limit of 8 KiB is for the whole head, and global (server.max-request-field-size)
  [/^apache\/(?:cgi|fcgid)/, 403], // Apache looks whether what follows the script is a file, and no name is so long
];

for (const site of SITES) {
  describeWithServer(site.conf, site.title, () => {
    let server: RunningServer;

    beforeAll(async () => {
      server = await startSite(site, '/app', 'hello.mjs');
    });
    afterAll(() => server?.stop());

    async function statusOf(path: string, pairs: HeaderPairs = []): Promise<number> {
      return (await ask(server.port, 'GET', `/app/${path}`, pairs)).status;
    }

    test.each(TOO_LONG)('a path or query of %d bytes is too long', async (size) => {
      const expected = TAKES_LONG.test(site.conf) && size < 40_000 ? [200] : [400, 414, 431];
      for (const start of ['', '?']) {
        expect(expected).toContain(await statusOf(start + 'p'.repeat(size)));
      }
    });

    test('a path of 8,000 bytes is not, with 8,000 bytes of headers', async () => {
      const refused = REFUSES_LONG.find(([conf]) => conf.test(site.conf))?.[1];
      expect(await statusOf('p'.repeat(LONG), headers(8_000))).toBe(refused ?? 200);
    });

    test.each([12_000, 24_000, 32_000, 40_000, 48_000, 60_000, 100_000])(
      'headers of %d bytes are taken, or refused as too large',
      async (size) => {
        for (const path of ['', 'p'.repeat(LONG)]) {
          expect([200, 400, 431]).toContain(await statusOf(path, headers(size)));
        }
      },
    );

    test.runIf(site.conf === 'haproxy/fastcgi.cfg')(
      'HAProxy takes a body without a length up to 60,000 bytes, and refuses 70,000',
      async () => {
        for (const [size, status] of [
          [60_000, 200],
          [70_000, 400],
        ] as const) {
          const chunked = [['Transfer-Encoding', 'chunked']] as const;
          const answer = await ask(server.port, 'POST', '/app/x', chunked, 'x'.repeat(size));
          expect(answer.status).toBe(status);
        }
      },
    );
  });
}

afterAll(stopGateways);
