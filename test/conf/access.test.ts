/**
 * Access rules of the front end, and what applications see behind them: req.url comes as it was sent, and still no visitor
 * gets by it where the front end has forbidden him to go.
 */
import { Agent, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { posix } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { runWithFastCgi } from '../../adapters/fastcgi/index.ts';
import { absoluteUrl, localTarget } from '../../src/apps/request/target.ts';
import { renderConf } from '../../src/cli/conf/conf.ts';
import type { Application } from '../../src/types.ts';
import { unquotePath } from '../../src/uri/percent.ts';
import { startApache } from '../servers/apache.ts';
import { describeWithServer } from '../servers/availability.ts';
import type { RunningServer, ServerOptions } from '../servers/launch.ts';
import { startLighttpd } from '../servers/lighttpd.ts';
import { startNginx } from '../servers/nginx.ts';

import { ask as askSite } from './ask.ts';
import { SITES as EVERY_SITE, startSite, stopGateways } from './sites.ts';

interface Site {
  readonly conf: string;
  start(options: ServerOptions): Promise<RunningServer>;
  /** Adds the rule that nobody may go below `/admin` of the mount. */
  forbid(text: string, mount: string): string;
}

const SITES: readonly Site[] = [
  {
    conf: 'nginx/fastcgi.conf',
    start: startNginx,
    forbid: (text, mount) =>
      text.replace('\n    location ', `\n    location ${mount}/admin { deny all; }$&`),
  },
  {
    conf: 'apache/proxy_fcgi.conf',
    start: startApache,
    forbid: (text, mount) =>
      text.replace(
        '</Location>',
        `$&\n    <Location "${mount}/admin">\n        Require all denied\n    </Location>`,
      ),
  },
  {
    conf: 'lighttpd/fastcgi.conf',
    start: startLighttpd,
    forbid: (text, mount) =>
      `server.modules += ( "mod_access" )
$HTTP["url"] =~ "^${mount}/admin" { url.access-deny = ( "" ) }
${text}`,
  },
];

/** What an application sees. */
interface Seen {
  readonly url: string;
  readonly href: string;
  readonly path: string;
}

const application: Application = (environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'application/json']]);
  const seen: Seen = {
    url: localTarget(environ),
    href: absoluteUrl(environ),
    path: environ['PATH_INFO'],
  };
  return [Buffer.from(JSON.stringify(seen))];
};

const agent = new Agent({ keepAlive: true, maxSockets: 4 });

/** Asks for a path that is sent as it is. @returns undefined if the front end has refused it */
function ask(port: number, path: string): Promise<Seen | undefined> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, path, agent }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () =>
        resolve(response.statusCode === 200 ? (JSON.parse(text) as Seen) : undefined),
      );
    });
    outgoing.on('error', reject).end();
  });
}

const SEGMENTS = ['admin', '%61dmin', 'x', '', '.', '..', '%2e%2E', '%2F', '..%2F', '%2Fadmin'];

/** Paths of up to three of them. */
const PATHS = SEGMENTS.flatMap((one) =>
  ['', ...SEGMENTS].flatMap((two) =>
    ['', 'x', 'admin', '.'].map((three) => `/${one}/${two}/${three}`),
  ),
);

const FORBIDDEN = /^\/admin/;

/** Starts an application and a front end with the rule. @param more for the text of its configuration */
async function start(
  { conf, start: startServer, forbid }: Site,
  mount: string,
  more: (text: string) => string = (text) => text,
): Promise<{ port: number; stop(): Promise<void> }> {
  const gateway = await runWithFastCgi(application, { listen: '127.0.0.1:0' });
  const upstream = `127.0.0.1:${(gateway.address() as AddressInfo).port}`;
  const names: Record<string, string> = conf.startsWith('lighttpd/')
    ? {}
    : { serverName: 'localhost' };
  const values = { name: 'app', path: '/bin', upstream, mount, ...names };
  const text = (port: number): string =>
    more(forbid(renderConf(conf, { ...values, listen: `127.0.0.1:${port}` }), mount));
  const server = await startServer({ conf, values, text });
  const stop = async (): Promise<void> => {
    await server.stop();
    await gateway.close();
  };
  return { port: server.port, stop };
}

for (const site of SITES) {
  describeWithServer(site.conf, site.conf, () => {
    describe.each(['', '/app'])('mounted at %j', (mount) => {
      let server: Awaited<ReturnType<typeof start>>;

      beforeAll(async () => {
        server = await start(site, mount);
      });
      afterAll(() => server.stop());

      test('the rule holds', async () => {
        expect(await ask(server.port, `${mount}/admin/x`)).toBeUndefined();
        expect(await ask(server.port, `${mount}/x/admin`)).toMatchObject({ url: '/x/admin' });
      });

      test.each(['/proxy/https://x/y?z=//', '/a//b', '/a/./b', '/a//', '/a/b%2Fc', '/a//b%20c'])(
        '%s is as it was sent',
        async (path) => {
          const { url, href } = (await ask(server.port, mount + path))!;
          expect(url).toBe(path);
          expect(new URL(href).href).toBe(
            new URL(`http://127.0.0.1:${server.port}${mount}${path}`).href,
          );
        },
      );

      test('no path that is sent gets around it', async () => {
        expect(await pathsAround(server.port, mount)).toEqual([]);
      });
    });
  });
}

// HAProxy and Caddy pass the path on as it was sent. HAProxy judges it so, and a URL resolves dots; Caddy resolves them before
// it judges.
for (const site of EVERY_SITE.filter(({ conf }) => /^(?:haproxy|caddy)/.test(conf))) {
  describeWithServer(site.conf, site.title, () => {
    test.each(['', '/app'])('mounted at %j: a path with .. is refused', async (mount) => {
      const server = await startSite(site, mount);
      try {
        const statusOf = async (path: string): Promise<number> =>
          (await askSite(server.port, 'GET', mount + path)).status;
        for (const path of [
          '/x/../admin',
          '/admin/..',
          '/x/%2e%2E/y',
          '/x%2F..%2Fy',
          '/x/.%2e?z',
        ]) {
          expect([path, await statusOf(path)]).toEqual([path, 400]);
        }
        for (const path of ['/x..y/z', '/..x', '/x...', '/.../x', '/x//y', '/x?y=/../z']) {
          expect([path, await statusOf(path)]).toEqual([path, 200]);
        }
      } finally {
        await server.stop();
      }
    });
  });
}

afterAll(stopGateways);

// The printed configuration leaves `merge_slashes` on. Without it nginx judges `//admin/x`, which is not below `/admin`, and
// what serves files finds `/admin/x`. REQUEST_URI has the slashes all the same.
describeWithServer('nginx/fastcgi.conf', 'nginx with merge_slashes off', () => {
  test('has rules that a visitor gets around', async () => {
    const server = await start(SITES[0]!, '', mergeOff);
    try {
      expect(await pathsAround(server.port, '')).toContain('//admin/x');
    } finally {
      await server.stop();
    }
  });
});

function mergeOff(text: string): string {
  return text.replace('\n    location', '\n    merge_slashes off;$&');
}

/** Those that are served although an application may find a forbidden path in them. */
async function pathsAround(port: number, mount: string): Promise<string[]> {
  const all = await Promise.all(
    PATHS.map(async (path) => [path, await ask(port, mount + path)] as const),
  );
  const served = all.filter(([, seen]) => seen !== undefined);
  expect(served.length).toBeGreaterThan(50);
  const around = served.filter(([, seen]) =>
    readings(seen!, mount).some((path) => FORBIDDEN.test(path)),
  );
  return around.map(([path]) => path);
}

/** The paths that an application may find: as it is, decoded, as a URL, and as a file. */
function readings({ url, href, path }: Seen, mount: string): string[] {
  const parsed = URL.canParse(url, 'http://none') ? new URL(url, 'http://none') : undefined;
  if (parsed !== undefined && parsed.host !== 'none') return ['/admin']; // of a URL elsewhere it may be any
  const fetched = new URL(href).pathname.slice(mount.length);
  const raw = [url, parsed?.pathname ?? url, fetched];
  const decoded = [path, ...raw.map(unquotePath)];
  return [...raw, ...decoded, ...decoded.map((one) => posix.normalize(one))];
}
