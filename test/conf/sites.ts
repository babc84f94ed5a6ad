/** Every shipped configuration with the application behind it, started as the configuration says. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { renderConf, usedValues } from '../../src/cli/conf/conf.ts';
import { startApache, type ApacheOptions } from '../servers/apache.ts';
import { startCaddy } from '../servers/caddy.ts';
import { startHaproxy } from '../servers/haproxy.ts';
import { freePort, type RunningServer, type ServerOptions } from '../servers/launch.ts';
import { startLighttpd } from '../servers/lighttpd.ts';
import { startNginx } from '../servers/nginx.ts';
import { stagePackage } from '../servers/staging.ts';
import { startGateway, type Gateway } from '../suite/drivers/gateway.ts';

const CONF = join(import.meta.dirname, '../../conf');

/** The front ends by the name of their folder. */
const SERVERS: Readonly<Record<string, (options: ServerOptions) => Promise<RunningServer>>> = {
  nginx: startNginx,
  apache: startApache,
  lighttpd: startLighttpd,
  haproxy: startHaproxy,
  caddy: startCaddy,
};

/** A shipped file. */
export interface Site {
  /** The file under `conf/`. */
  readonly conf: string;
  readonly title: string;
  /** Apache with mod_cgi in place of mod_cgid. */
  readonly prefork?: boolean;
  /** Values beside those that every file is filled in with. */
  readonly values?: Readonly<Record<string, string>>;
}

const VARIANTS: Readonly<Record<string, readonly Site[]>> = {
  'apache/cgi.conf': [
    { conf: 'apache/cgi.conf', title: 'apache/cgi.conf, mod_cgid' },
    { conf: 'apache/cgi.conf', title: 'apache/cgi.conf, mod_cgi', prefork: true },
  ],
  'haproxy/fastcgi.cfg': [
    { conf: 'haproxy/fastcgi.cfg', title: 'haproxy/fastcgi.cfg' },
    {
      conf: 'haproxy/fastcgi.cfg',
      title: 'haproxy/fastcgi.cfg, multiplexed',
      values: { multiplex: 'yes' },
    },
  ],
};

/** A site of its own, and what goes into a site that is there already. */
function andItsLocation(site: Site): readonly Site[] {
  const { title, values } = site;
  return [site, { ...site, title: `${title}, in a site`, values: { ...values, part: 'location' } }];
}

/** All of them, in each way in which they are printed. */
export const SITES: readonly Site[] = Object.keys(SERVERS).flatMap((server) =>
  readdirSync(join(CONF, server)).flatMap((file): readonly Site[] => {
    const conf = `${server}/${file}`;
    const sites = VARIANTS[conf] ?? [{ conf, title: conf }];
    return usedValues(conf, {}).has('part') ? sites.flatMap(andItsLocation) : sites;
  }),
);

/**
 * Starts an application, unless it is the front end that does, and the front end.
 *
 * @param application a file of conf/apps
 * @param more of the server
 */
export async function startSite(
  { conf, prefork, values }: Site,
  mount: string,
  application = 'environ.mjs',
  more: Pick<ApacheOptions, 'extra' | 'modules' | 'within'> = {},
): Promise<RunningServer> {
  const { apps, postern, path } = stagePackage();
  const app = join(apps, application);
  const upstream = `127.0.0.1:${await portFor(conf, mount, app)}`;
  const options = {
    conf,
    values: { ...values, mount, upstream, app, postern, path },
    prefork,
    ...more,
  };
  return SERVERS[conf.split('/', 1)[0]!]!(options);
}

const gateways = new Map<string, Promise<Gateway>>();

/** The port of the application; one process for all files that name the same command. */
async function portFor(conf: string, mount: string, app: string): Promise<number> {
  const command = commandOf(conf, mount);
  if (command === undefined) return freePort(); // the front end starts it
  const { gateway, options } = command;
  const key = [gateway, app, ...options].join(' ');
  if (!gateways.has(key)) gateways.set(key, startGateway(gateway, app, ...options));
  return (await gateways.get(key)!).port;
}

/** Stops the applications that {@link startSite} has started. */
export async function stopGateways(): Promise<void> {
  const running = [...gateways.values()];
  gateways.clear();
  await Promise.all(running.map(async (gateway) => (await gateway).stop()));
}

type ServerName = Parameters<typeof startGateway>[0];

/** What the shipped file says that is to be run; undefined where the front end runs it. */
function commandOf(
  conf: string,
  mount: string,
): { gateway: ServerName; options: string[] } | undefined {
  const text = renderConf(conf, {
    name: 'app',
    serverName: 'localhost',
    listen: '127.0.0.1:1',
    upstream: '127.0.0.1:2',
    mount,
    app: '/app.mjs',
    postern: '/postern',
    path: '/bin',
  });
  const line = /postern \S+ --(fastcgi|scgi|uwsgi|http) 127\.0\.0\.1:2\b(.*)$/m.exec(text);
  if (line === null) return undefined;
  const words = line[2]!.split(' ').filter((word) => word !== '');
  const options = words.map((word) => word.replace(/^"(.*)"$/, '$1'));
  return { gateway: line[1] as ServerName, options };
}
