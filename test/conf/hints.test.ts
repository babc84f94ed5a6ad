/** `103 Early Hints` of a Node listener, and where a front end that speaks HTTP leaves it. */
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';

import { afterAll, expect, test } from 'vitest';

import { describeWithServer } from '../servers/availability.ts';
import { stagePackage } from '../servers/staging.ts';
import { SITES, startSite, stopGateways } from './sites.ts';

const LISTENER = `export default function (req, res) {
  res.writeEarlyHints({ link: '</style.css>; rel=preload' });
  res.end('final');
}`;

/** What a visitor gets: the statuses on the way, and the body. */
function visit(port: number, timeout: number): Promise<{ hints: number[]; body: string }> {
  return new Promise((resolve, reject) => {
    const hints: number[] = [];
    const headers = { Host: 'localhost', Connection: 'close' };
    const outgoing = request({ host: '127.0.0.1', port, headers }, (response) => {
      let body = '';
      response.setEncoding('latin1').on('data', (text: string) => (body += text));
      response.on('error', reject).on('end', () => resolve({ hints, body }));
    });
    outgoing.on('information', ({ statusCode }) => hints.push(statusCode));
    outgoing.setTimeout(timeout, () => outgoing.destroy(new Error('nothing comes')));
    outgoing.on('error', reject).end();
  });
}

for (const site of SITES.filter(({ conf }) => /[/_.]http|lighttpd\/proxy/.test(conf))) {
  describeWithServer(site.conf, site.title, () => {
    const isNginx = site.conf.startsWith('nginx/');

    test(
      isNginx ? 'nginx before 1.29 gives the visitor nothing, and waits' : 'it is passed on',
      async () => {
        writeFileSync(join(stagePackage().apps, 'hints.mjs'), LISTENER);
        const server = await startSite(site, '', 'hints.mjs');
        try {
          const visited = visit(server.port, isNginx ? 2_000 : 20_000);
          if (isNginx) await expect(visited).rejects.toThrow('nothing comes');
          else expect(await visited).toEqual({ hints: [103], body: 'final' });
        } finally {
          await server.stop();
        }
      },
    );
  });
}

afterAll(stopGateways);
