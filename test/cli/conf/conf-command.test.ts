/** `postern conf` as users run it; what it prints is judged by the servers' own checkers. */
import { spawnSync } from 'node:child_process';
import fs, { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';

import { beforeAll, describe, expect, test, vi } from 'vitest';
import { parseAllDocuments } from 'yaml';

import { runConf } from '../../../src/cli/conf/conf-command.ts';
import { OPTIONS } from '../../../src/cli/options/options.ts';
import { WrongUsage } from '../../../src/cli/options/option.ts';
import { UsageError } from '../../../src/errors.ts';
import { prepareApache } from '../../servers/apache.ts';
import { describeWithServer } from '../../servers/availability.ts';
import { prepareCaddy } from '../../servers/caddy.ts';
import { prepareHaproxy } from '../../servers/haproxy.ts';
import {
  check,
  temporaryFolder,
  type PreparedServer,
  type ServerOptions,
} from '../../servers/launch.ts';
import { prepareLighttpd } from '../../servers/lighttpd.ts';
import { prepareNginx } from '../../servers/nginx.ts';
import { stagePackage, type StagedPackage } from '../../servers/staging.ts';

/** Each front end's gateways, and the file that its checker is prepared for. */
const GATEWAYS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  nginx: {
    fastcgi: 'nginx/fastcgi.conf',
    scgi: 'nginx/scgi.conf',
    uwsgi: 'nginx/uwsgi.conf',
    http: 'nginx/http.conf',
  },
  apache: {
    fastcgi: 'apache/proxy_fcgi.conf',
    scgi: 'apache/proxy_scgi.conf',
    uwsgi: 'apache/proxy_uwsgi.conf',
    http: 'apache/proxy_http.conf',
    cgi: 'apache/cgi.conf',
    fcgid: 'apache/fcgid.conf',
  },
  lighttpd: {
    fastcgi: 'lighttpd/fastcgi.conf',
    'fastcgi-spawn': 'lighttpd/fastcgi-spawn.conf',
    scgi: 'lighttpd/scgi.conf',
    uwsgi: 'lighttpd/uwsgi.conf',
    http: 'lighttpd/proxy.conf',
    cgi: 'lighttpd/cgi.conf',
  },
  haproxy: { fastcgi: 'haproxy/fastcgi.cfg', http: 'haproxy/http.cfg' },
  caddy: { fastcgi: 'caddy/Caddyfile.fastcgi', http: 'caddy/Caddyfile.http' },
};

const PREPARE: Readonly<Record<string, (options: ServerOptions) => Promise<PreparedServer>>> = {
  nginx: prepareNginx,
  apache: prepareApache,
  lighttpd: prepareLighttpd,
  haproxy: prepareHaproxy,
  caddy: prepareCaddy,
};

let staged: StagedPackage;
let app: string;

beforeAll(() => {
  staged = stagePackage();
  app = join(staged.apps, 'environ.mjs');
});

function conf(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(staged.postern, ['conf', ...args], { encoding: 'utf8', cwd: staged.apps });
}

/** What is printed; nothing else may have gone wrong. */
function print(...args: string[]): string {
  const { status, stdout, stderr } = conf(...args);
  expect(status, stderr).toBe(0);
  return stdout;
}

for (const [frontEnd, gateways] of Object.entries(GATEWAYS)) {
  for (const [gateway, file] of Object.entries(gateways)) {
    describeWithServer(file, `conf ${frontEnd} --gateway ${gateway}`, () => {
      test('its server is content with it', async () => {
        const text = (port: number): string => {
          const args = [frontEnd, app, '--gateway', gateway, '--mount', 'below/v1.0/'];
          if (frontEnd !== 'lighttpd') args.push('--listen', `127.0.0.1:${port}`);
          if (!/^cgi|fcgid/.test(gateway)) args.push('--address', '127.0.0.1:9009');
          return print(...args);
        };
        const { ok, output } = check(await PREPARE[frontEnd]!({ conf: file, values: {}, text }));
        expect(ok, output).toBe(true);
        expect(output).not.toMatch(/warn/i);
      });
    });
  }
}

/** A line of HAProxy's configuration that is no comment. */
const MULTIPLEXING = /^ *option mpxs-conns$/m;

function printMultiplexed(port: number): string {
  return print('haproxy', app, '--multiplex', '--listen', `127.0.0.1:${port}`);
}

describeWithServer('haproxy', 'conf haproxy --multiplex', () => {
  test('its server is content with it', async () => {
    expect(printMultiplexed(80)).toMatch(MULTIPLEXING);
    const { ok, output } = check(
      await prepareHaproxy({ conf: 'haproxy/fastcgi.cfg', values: {}, text: printMultiplexed }),
    );
    expect(ok, output).toBe(true);
    expect(output).not.toMatch(/warn/i);
  });

  test('without it requests are not multiplexed', () => {
    expect(print('haproxy', app)).not.toMatch(MULTIPLEXING);
    expect(print('haproxy', app, '--no-multiplex')).not.toMatch(MULTIPLEXING);
  });
});

describeWithServer('systemd', 'conf systemd', () => {
  test.each(['fastcgi', 'scgi', 'uwsgi', 'http'])('--gateway %s --output', (gateway) => {
    const folder = temporaryFolder('units');
    print('systemd', `${app}:default`, '--gateway', gateway, '--mount', '/app', '--output', folder);
    const units = ['environ.service', 'environ.socket'];
    expect(readdirSync(folder).toSorted()).toEqual(units);
    const result = spawnSync(
      'systemd-analyze',
      ['verify', ...units.map((unit) => join(folder, unit))],
      { encoding: 'utf8' },
    );
    expect(result.error).toBeUndefined();
    // It also verifies what the units of the system ask for; only ours matter.
    expect(result.stderr.split('\n').filter((line) => line.includes(folder))).toEqual([]);
    const service = readFileSync(join(folder, 'environ.service'), 'utf8');
    const trusted = gateway === 'http' ? ' --forwarded-allow-ips 127.0.0.1' : '';
    expect(service).toContain(` ${app}:default --${gateway} fd:3 --script-name "/app"${trusted}\n`);
    const [, seconds] = /^TimeoutStopSec=(\d+)$/m.exec(service)!;
    expect(Number(seconds)).toBeGreaterThan(OPTIONS.shutdownTimeout.default);
  });
});

describe('conf kubernetes', () => {
  interface Manifest {
    readonly kind: string;
    readonly metadata: { readonly name: string; readonly annotations?: Record<string, string> };
    // oxlint-disable-next-line typescript/no-explicit-any -- what a manifest holds depends on its kind
    readonly spec: any;
  }

  function manifests(...args: string[]): Record<string, Manifest> {
    const documents = parseAllDocuments(print('kubernetes', ...args));
    for (const document of documents) expect(document.errors).toEqual([]);
    const all = documents.map((document) => document.toJS() as Manifest);
    return Object.fromEntries(all.map((manifest) => [manifest.kind, manifest]));
  }

  test('an ingress that speaks FastCGI to the pods of a deployment', () => {
    const { Deployment, Service, Ingress, NetworkPolicy } = manifests(
      'app.mjs:handler',
      '--image',
      'registry.example.org/team/my_app:1.0',
      '--name',
      'my_app',
      '--server-name',
      'example.org',
      '--mount',
      '/app',
    );
    const pod = Deployment!.spec.template;
    const [container] = pod.spec.containers;
    expect(Deployment!.metadata.name).toBe('my-app');
    expect(container.image).toBe('registry.example.org/team/my_app:1.0');
    expect(container.command).toEqual([
      'postern',
      'app.mjs:handler',
      '--fastcgi',
      '0.0.0.0:9000',
      '--script-name',
      '/app',
      '--forwarded-allow-ips',
      '127.0.0.1',
    ]);
    const [, pause] = container.lifecycle.preStop.exec.command as [string, string];
    expect(pod.spec.terminationGracePeriodSeconds).toBeGreaterThan(
      OPTIONS.shutdownTimeout.default + Number(pause),
    );
    expect(Deployment!.spec.selector.matchLabels).toEqual(pod.metadata.labels);
    expect(Service!.spec.selector).toEqual(pod.metadata.labels);
    expect(NetworkPolicy!.spec.podSelector.matchLabels).toEqual(pod.metadata.labels);
    const [port] = container.ports;
    expect(port).toEqual({ name: 'gateway', containerPort: 9000 });
    expect(Service!.spec.ports).toEqual([{ name: 'gateway', port: 9000, targetPort: port.name }]);
    expect(NetworkPolicy!.spec.ingress[0].ports).toEqual([{ port: port.name }]);
    expect(Ingress!.metadata.annotations).toMatchObject({
      'nginx.ingress.kubernetes.io/backend-protocol': 'FCGI',
    });
    const [rule] = Ingress!.spec.rules;
    expect(rule.host).toBe('example.org');
    const [path] = rule.http.paths;
    expect(path).toMatchObject({ path: '/app', pathType: 'Prefix' });
    expect(path.backend.service).toEqual({
      name: Service!.metadata.name,
      port: { name: 'gateway' },
    });
  });

  test('--gateway http', () => {
    const { Deployment, Ingress } = manifests('app.mjs', '--gateway', 'http', '--address', '8080');
    expect(Deployment!.spec.template.spec.containers[0].command).toEqual([
      'postern',
      'app.mjs',
      '--http',
      '0.0.0.0:8080',
      '--script-name',
      '',
    ]);
    expect(Ingress!.metadata.annotations).toBeUndefined();
    expect(Ingress!.spec.rules[0].http.paths[0].path).toBe('/');
  });
});

/** What is printed where the kernel has no IPv6. */
function printWithout(...args: string[]): { stdout: string; stderr: string } {
  const printed = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      printed[stream] += String(text);
      return true;
    });
  }
  const { existsSync } = fs;
  vi.spyOn(fs, 'existsSync').mockImplementation(
    (path) => path !== '/proc/net/if_inet6' && existsSync(path),
  );
  syncBuiltinESMExports();
  try {
    runConf(args);
  } finally {
    vi.restoreAllMocks();
    syncBuiltinESMExports();
  }
  return printed;
}

const FRONT_ENDS = 'nginx, apache, lighttpd, haproxy, caddy, systemd, docker, kubernetes';

describe('the command', () => {
  test('says on standard error what the file begins with', () => {
    const { stdout, stderr } = conf('nginx', 'environ.mjs', '--address', 'unix:/run/app.sock');
    expect(stderr).toContain('/etc/nginx/conf.d/postern_localhost.conf');
    expect(stderr).toContain(
      `postern ${app} --fastcgi unix:/run/app.sock --socket-group www-data\n`,
    );
    for (const line of stderr.split('\n').slice(0, -1))
      expect(stdout).toContain(`#${line && ' '}${line}\n`);
  });

  test.each([
    [['nginx'], 'postern_localhost'],
    [['nginx', 'a/app.mjs', '--server-name', 'example.org'], 'postern_example_org'],
    [['nginx', '--server-name', 'Example.org,b.example'], 'postern_example_org'],
    [['nginx', '--server-name', 'shop.example', '--mount', '/app'], 'postern_shop_example__app'],
    [['nginx', '--server-name', 'shop.example.app'], 'postern_shop_example_app'],
    [['nginx', '--server-name', '1.example'], 'postern_1_example'],
    [['nginx', '--server-name', 'example.org', '--name', 'mine'], 'mine'],
  ])('names of %j come from the site: %s', (args, name) => {
    expect(print(...args)).toContain(`upstream ${name} {`);
  });

  test('no two places share a name, and nginx has room for all of them', () => {
    const hosts = [
      'a.example',
      'a-example',
      'a_example',
      '*.example',
      `${'long.'.repeat(20)}example`,
    ];
    const mounts = ['', '/a', '/A', '/a.b', '/a-b', '/a_b', '/a/b', `/${'long'.repeat(20)}`];
    const files = hosts.flatMap((host) =>
      mounts.map((mount) => {
        const text = print('nginx', '--part', 'location', '--server-name', host, '--mount', mount);
        return /^set \$(\w+)_host /m.exec(text)![1]!;
      }),
    );
    expect(new Set(files).size).toBe(files.length);
    expect(Math.max(...files.map((name) => name.length))).toBeLessThanOrEqual(36);
  });

  test('units and manifests are named after the application', () => {
    expect(print('systemd', '/srv/My-Shop.mjs')).toContain('Requires=my_shop.socket');
    expect(print('systemd', '/srv/1.mjs')).toContain('Requires=app.socket');
  });

  test('overwrites nothing', () => {
    const folder = temporaryFolder('taken');
    writeFileSync(join(folder, 'site.conf'), 'precious');
    const { status, stderr } = conf('nginx', '--name', 'site', '--output', folder);
    expect([status, stderr]).toEqual([
      1,
      `postern: cannot write ${folder}/site.conf: it exists already\n`,
    ]);
    expect(readFileSync(join(folder, 'site.conf'), 'utf8')).toBe('precious');
  });

  test.each([
    [[], `no front end: one of ${FRONT_ENDS} (see postern conf --help)`],
    [['iis'], `no front end "iis": ${FRONT_ENDS}`],
    [['ngnix'], `no front end "ngnix": ${FRONT_ENDS}; did you mean nginx?`],
    [['k8s'], `no front end "k8s": ${FRONT_ENDS}; did you mean kubernetes?`],
    [['Apache2'], `no front end "Apache2": ${FRONT_ENDS}; did you mean apache?`],
    [['nginx', '--gateway', 'cgi'], 'nginx has no gateway "cgi", only fastcgi, scgi, uwsgi, http'],
    [
      ['nginx', '--gateway', 'fcgi'],
      'nginx has no gateway "fcgi", only fastcgi, scgi, uwsgi, http; did you mean fastcgi?',
    ],
    [
      ['nginx', '--part', 'locaton'],
      '--part: "locaton" is none of site, location; did you mean location? (see postern conf --help)',
    ],
    [
      ['nginx', '--servername', 'x'],
      'unknown option --servername; did you mean --server-name? (see postern conf --help)',
    ],
    [['nginx', '--mount'], '--mount needs a value: --mount PATH (see postern conf --help)'],
    [['nginx', '--listen'], '--listen needs a value: --listen ADDR (see postern conf --help)'],
    [['nginx', '--tls'], '--tls needs a value: --tls CERT KEY (see postern conf --help)'],
    [['nginx', '--tls', 'a.pem'], '--tls needs a value: --tls CERT KEY (see postern conf --help)'],
    [['nginx', '--tls=a.pem'], '--tls needs a value: --tls CERT KEY (see postern conf --help)'],
    [['nginx', '--tls', 'a', 'b', '--tls', 'a', 'b'], '--tls: it can be given once only'],
    ...['nginx', 'apache', 'haproxy', 'caddy'].flatMap((frontEnd) =>
      ['443', '127.0.0.1:443', '[::]:443'].map((listen): [string[], string] => [
        [frontEnd, '--listen', listen],
        `--listen ${listen.replace(/^443/, '*:443')}: browsers speak HTTPS to port 443; add --tls CERT KEY`,
      ]),
    ),
    [
      ['nginx', '--listen', '80', '--tls', 'a', 'b'],
      '--listen *:80: browsers speak plain HTTP to port 80; with --tls the site listens on 443',
    ],
    [
      ['nginx', '--redirect-from', '443', '--tls', 'a', 'b'],
      '--redirect-from *:443: there the site itself listens',
    ],
    [['lighttpd', '--listen', '80'], '--listen has no place in the configuration of lighttpd'],
    [['nginx', '--image', 'x'], '--image has no place in the configuration of nginx'],
    [
      ['nginx', '--part', 'location', '--listen', '80'],
      '--listen has no place in the configuration of nginx with --part location',
    ],
    [
      ['nginx', '--part', 'location', '--tls', 'a', 'b'],
      '--tls has no place in the configuration of nginx with --part location',
    ],
    [
      ['nginx', '--redirect-from', '80'],
      '--redirect-from has no place in the configuration of nginx',
    ],
    [['nginx', '--multiplex'], '--multiplex has no place in the configuration of nginx'],
    [
      ['haproxy', '--gateway', 'http', '--multiplex'],
      '--multiplex has no place in the configuration of haproxy',
    ],
    [
      ['kubernetes', 'app.mjs', '--server-name', 'a.example,b.example'],
      '--server-name: the Ingress that is printed has one host',
    ],
    [['apache', '--gateway', 'cgi'], 'the application is missing: postern conf apache APP'],
    [['systemd'], 'the application is missing: postern conf systemd APP'],
    [['nginx', '--name', 'a', '--name', 'b'], '--name: it can be given once only'],
    [['nginx', 'a', 'b'], 'one argument too many: b (see postern conf --help)'],
  ])('%j is wrong usage', (args, message) => {
    expect(() => runConf(args)).toThrow(new WrongUsage(message));
  });

  test.each([
    [['nginx', '--address', 'nowhere'], /is not an address/],
    [['nginx', '--listen', '80;'], /listen is HOST:PORT or \*:PORT, not "80;"/],
    [['nginx', '--mount', '/a b'], /mount is empty, or a path such as \/app, not "\/a b"/],
    [['nginx', '--server-name', 'a;b'], /serverName is a host name, or several .*, not "a;b"/],
    [['nginx', 'with space.mjs'], /a path without spaces/],
    [['kubernetes', 'app.mjs', '--address', 'unix:/run/app.sock'], /no value for port/],
  ])('%j is an error', (args, message) => {
    expect(() => runConf(args)).toThrow(message);
    expect(() => runConf(args)).toThrow(UsageError);
  });

  test('ends with 2 for wrong usage, like postern itself', () => {
    expect(conf('iis')).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringMatching(/^postern: no front end "iis": .*\n$/) as string,
    });
  });

  test.each(['--help', '-h'])('%s has each option, with its choices and its default', (flag) => {
    const help = print(flag);
    expect(help).toContain('postern conf FRONTEND [APP] [options]\n');
    for (const option of ['--listen ADDR', '--tls CERT KEY', '--part PART', '--ipv6', '-h, --help'])
      expect(help).toContain(`\n  ${option} `);
    const line = help.replaceAll(/\s+/g, ' ');
    expect(line).toContain('(one of site, location; default: site)');
    expect(line).toContain('127.0.0.1:9000 for fastcgi');
    expect(line).toContain(' apache fastcgi, scgi, uwsgi, http, cgi, fcgid ');
    expect(Math.max(...help.split('\n').map((text) => text.length))).toBeLessThanOrEqual(100);
  });

  test('the files for HTTPS are absolute paths', () => {
    const text = print('nginx', '--tls', 'cert.pem', '../key.pem');
    expect(text).toContain(`ssl_certificate ${staged.apps}/cert.pem;`);
    expect(text).toContain(`ssl_certificate_key ${join(staged.apps, '../key.pem')};`);
  });

  describe('a machine without IPv6', () => {
    test('is not told to listen on it, which would keep the server from starting', () => {
      const { stdout, stderr } = printWithout('nginx', '--listen', '8080');
      expect(stdout).toContain('listen *:8080;');
      expect(stdout).not.toContain('[::]');
      expect(stderr).toContain('postern: this machine has no IPv6');
    });

    test.each([['--ipv6'], ['--no-ipv6'], ['--listen=127.0.0.1:80'], ['--part=location']])(
      'says nothing of it with %s',
      (arg) => {
        const { stdout, stderr } = printWithout('nginx', arg);
        expect(stderr).not.toContain('no IPv6');
        expect(stdout.includes('listen [::]:80;')).toBe(arg === '--ipv6');
      },
    );
  });
});
