/** Every shipped file passes the checker of its own server, in each way in which it is printed. */
import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, describe, expect, test } from 'vitest';

import { renderConf, usedValues } from '../../src/cli/conf/conf.ts';
import { CERTIFICATE, KEY } from '../http/certificate.ts';
import { prepareApache } from './apache.ts';
import { describeWithServer } from './availability.ts';
import { prepareCaddy } from './caddy.ts';
import { prepareHaproxy } from './haproxy.ts';
import {
  check,
  removeFolder,
  temporaryFolder,
  type PreparedServer,
  type ServerOptions,
} from './launch.ts';
import { prepareLighttpd } from './lighttpd.ts';
import { prepareNginx } from './nginx.ts';

const CONF = join(import.meta.dirname, '../../conf');

const SERVERS: Readonly<Record<string, (options: ServerOptions) => Promise<PreparedServer>>> = {
  nginx: prepareNginx,
  apache: prepareApache,
  lighttpd: prepareLighttpd,
  haproxy: prepareHaproxy,
  caddy: prepareCaddy,
};

const folder = temporaryFolder('check');
const certificate = { cert: join(folder, 'cert.pem'), key: join(folder, 'cert.pem.key') };
writeFileSync(certificate.cert, CERTIFICATE);
writeFileSync(certificate.key, KEY);
afterAll(() => removeFolder(folder));

// Some checkers look whether programs exist.
const programs = { app: process.execPath, postern: process.execPath, path: '/usr/bin:/bin' };

const ADDRESSES = ['127.0.0.1:9000', '[::1]:9000', `unix:${folder}/app.sock`];
const MOUNTS = ['', '/app', '/a/v1.0'];

/** What a file can be printed for: the values, by what they stand for. */
function variantsOf(conf: string): Readonly<Record<string, Readonly<Record<string, string>>>> {
  const used = usedValues(conf, {});
  return {
    'a site': {},
    ...(used.has('cert') && { 'a site with HTTPS': certificate }),
    ...(used.has('serverName') && {
      'a site with two names': { serverName: 'a.example *.b.example' },
    }),
    ...(used.has('part') && { 'a location': { part: 'location' } }),
  };
}

for (const [server, prepare] of Object.entries(SERVERS)) {
  for (const file of readdirSync(join(CONF, server))) {
    const conf = `${server}/${file}`;
    const variants = variantsOf(conf);
    describeWithServer(conf, conf, () => {
      describe.each(Object.keys(variants))('%s', (variant) => {
        test.each(
          MOUNTS.flatMap((mount) => ADDRESSES.map((upstream) => [mount, upstream] as const)),
        )('mounted at %j, application at %s', async (mount, upstream) => {
          const values = { ...programs, ...variants[variant], mount, upstream };
          const { ok, output } = check(await prepare({ conf, values }));
          expect(ok, output).toBe(true);
          // A certificate of one's own has nobody to ask whether it was revoked.
          expect(output.replace(/^.*"stapling OCSP".*$/m, '')).not.toMatch(/warn/i);
        });
      });
    });
  }
}

describeWithServer('systemd', 'systemd', () => {
  test.each(['127.0.0.1:9000', 'unix:/run/app/app.sock'])('units for %s', (upstream) => {
    const values = {
      ...programs,
      name: 'app',
      user: 'www-data',
      gateway: 'http',
      mount: '',
      upstream,
    };
    const units = ['app.service', 'app.socket'].map((unit) => join(folder, unit));
    for (const unit of units) {
      writeFileSync(unit, renderConf(`systemd/postern.${unit.split('.').at(-1)}`, values));
    }
    const result = spawnSync('systemd-analyze', ['verify', ...units], { encoding: 'utf8' });
    // It also verifies what the units of the system ask for; only ours matter.
    expect(result.stderr.split('\n').filter((line) => line.includes(folder))).toEqual([]);
    expect(result.error).toBeUndefined();
  });
});
