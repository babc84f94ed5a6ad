/** Every shipped file passes the checker of its own server, at the root and below it. */
import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, expect, test } from 'vitest';

import { renderConf } from '../../src/cli/conf/conf.ts';
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

// Some checkers look whether programs exist.
const programs = { app: process.execPath, postern: process.execPath, path: '/usr/bin:/bin' };

for (const [server, prepare] of Object.entries(SERVERS)) {
  for (const file of readdirSync(join(CONF, server))) {
    const conf = `${server}/${file}`;
    describeWithServer(conf, conf, () => {
      const addresses = [
        '127.0.0.1:9000',
        '[::1]:9000',
        `unix:${temporaryFolder('sockets')}/app.sock`,
      ];
      test.each(
        addresses.flatMap(
          (upstream) =>
            [
              ['', upstream],
              ['/app', upstream],
              ['/a/v1.0', upstream],
            ] as const,
        ),
      )('mounted at %j, application at %s', async (mount, upstream) => {
        const values = { ...programs, mount, upstream };
        const { ok, output } = check(await prepare({ conf, values }));
        expect(ok, output).toBe(true);
        expect(output).not.toMatch(/warn/i);
      });
    });
  }
}

describeWithServer('systemd', 'systemd', () => {
  const folder = temporaryFolder('systemd');
  afterAll(() => removeFolder(folder));

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
