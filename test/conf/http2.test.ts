/** Why no HTTP/2 is printed for two of Apache's modules: what becomes of a response that breaks off. */
import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, expect, test } from 'vitest';

import { renderConf } from '../../src/cli/conf/conf.ts';
import { describeWithServer } from '../servers/availability.ts';
import { stagePackage } from '../servers/staging.ts';
import { SITES, startSite, stopGateways } from './sites.ts';

const APPLICATION = `#!/usr/bin/env postern
export default (environ, startResponse) => {
  startResponse('200 OK', [['Content-Length', '1000']]);
  return (async function* () {
    yield Buffer.from('begun');
    await new Promise((resolve) => setTimeout(resolve, 200));
    throw new Error('broken on purpose');
  })();
};
`;

/** Exit codes of curl(1): HTTP2_STREAM and OPERATION_TIMEDOUT. */
const RESET = 92;
const WAITING = 28;

const HANGS = /proxy_[fs]cgi/;

for (const site of SITES.filter(({ conf }) => conf.startsWith('apache/'))) {
  describeWithServer([site.conf, 'curl'], site.title, () => {
    const hangs = HANGS.test(site.conf);

    test(hangs ? 'visitors may wait for ever: HTTP/2 is not printed' : 'it is reset', async () => {
      const path = join(stagePackage().apps, 'breaking.mjs');
      writeFileSync(path, APPLICATION);
      chmodSync(path, 0o755);
      const within = 'Protocols h2c http/1.1';
      const server = await startSite(site, '/app', 'breaking.mjs', { modules: ['http2'], within });
      try {
        const url = `http://127.0.0.1:${server.port}/app`;
        const options = ['--silent', '--http2-prior-knowledge', '--max-time', hangs ? '2' : '20'];
        const visit = (): number | null => spawnSync('curl', [...options, url]).status;
        const codes = [visit()];
        // Not each one waits: it depends on what comes first.
        const most = hangs ? 20 : 1;
        while (codes.length < most && codes.at(-1) !== WAITING) codes.push(visit());
        expect(codes.at(-1)).toBe(hangs ? WAITING : RESET);
      } finally {
        await server.stop();
      }
      const secure = { cert: '/cert.pem', key: '/cert.key', listen: '*:443', upstream: '[::1]:1' };
      const values = { name: 'app', serverName: 'x', mount: '', app: '/a', path: '/', ...secure };
      expect(/^ *Protocols h2 /m.test(renderConf(site.conf, values))).toBe(!hangs);
    });
  });
}

afterAll(stopGateways);
