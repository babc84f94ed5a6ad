import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { UsageError } from '../../../src/errors.ts';
import { renderConf, usedValues } from '../../../src/cli/conf/conf.ts';
import { DERIVED_NAMES, resolveValue, upstreamFor } from '../../../src/cli/conf/values.ts';

const CONF = join(import.meta.dirname, '../../../conf');
const FRONT_ENDS = [
  'nginx',
  'apache',
  'lighttpd',
  'haproxy',
  'caddy',
  'systemd',
  'docker',
  'kubernetes',
];
const FILES = FRONT_ENDS.flatMap((folder) =>
  readdirSync(join(CONF, folder)).map((file) => `${folder}/${file}`),
).filter((file) => statSync(join(CONF, file)).isFile());

const VALUES = {
  name: 'app',
  serverName: 'example.org',
  listen: '127.0.0.1:8080',
  upstream: '127.0.0.1:9000',
  mount: '/app',
  app: '/srv/app/hello.mjs',
  postern: '/usr/bin/postern',
  path: '/usr/local/bin:/usr/bin:/bin',
  user: 'www-data',
  gateway: 'fastcgi',
  image: 'app:latest',
};

/** What the connections of HAProxy's FastCGI application are like. */
function haproxyOptions(values: Readonly<Record<string, string>>): (string | undefined)[] {
  const [, section] = renderConf('haproxy/fastcgi.cfg', values).split('\nfcgi-app ');
  return [...section!.matchAll(/^ *option (.*)$/gm)].map(([, option]) => option);
}

describe('renderConf', () => {
  test.each(FILES)('fills in every placeholder of %s', (file) => {
    for (const mount of ['', '/app']) {
      const text = renderConf(file, { ...VALUES, mount });
      expect(text).not.toContain('{{');
      expect(text).not.toContain('undefined');
    }
  });

  test('puts a value wherever its name stands', () => {
    const text = renderConf('nginx/fastcgi.conf', VALUES);
    expect(text).toContain('upstream app {');
    expect(text).toContain('fastcgi_param PATH_INFO         $app_path_info;');
    expect(text).toContain('location /app/ {');
    expect(text).toContain('location = "/app" {');
  });

  test('the root is an empty mount', () => {
    const text = renderConf('apache/proxy_fcgi.conf', { ...VALUES, mount: '' });
    expect(text).toContain('<Location "/">');
    expect(text).toContain('ProxyPass "/" "fcgi://127.0.0.1:9000/"');
    expect(text).toContain('SCRIPT_NAME ""');
  });

  test('a dot in the mount matches only a dot', () => {
    const text = renderConf('haproxy/fastcgi.cfg', { ...VALUES, mount: '/v1.0' });
    expect(text).toContain(String.raw`path-info ^(/v1\.0)(/.*)?$`);
    expect(text).toContain('path,url_dec -m beg /v1.0/');
  });

  test('says the address as postern itself takes it', () => {
    const upstream = 'unix:/run/app.sock';
    const text = renderConf('haproxy/fastcgi.cfg', { ...VALUES, upstream });
    expect(text).toContain('postern /srv/app/hello.mjs --fastcgi unix:/run/app.sock');
    expect(text).toContain('server app unix@/run/app.sock proto fcgi');
  });

  test('HAProxy multiplexes only where that is asked for', () => {
    const kept = ['keep-conn'];
    const multiplexed = ['keep-conn', 'get-values', 'mpxs-conns', 'max-reqs 100'];
    expect(haproxyOptions(VALUES)).toEqual(kept);
    expect(haproxyOptions({ ...VALUES, multiplex: 'no' })).toEqual(kept);
    expect(haproxyOptions({ ...VALUES, multiplex: 'yes' })).toEqual(multiplexed);
  });

  test('names the program that is to be started', () => {
    const { app: _, ...rest } = VALUES;
    const listening = renderConf('nginx/http.conf', rest);
    expect(listening).toContain('The application listens on 127.0.0.1:9000');
    expect(listening).not.toContain('postern  --http');
    const program = '/srv/app.mjs:handler';
    expect(renderConf('nginx/http.conf', { ...VALUES, program })).toContain(`postern ${program} `);
  });

  test.each([
    ['8000', '127.0.0.1'],
    ['127.8.8.8:8000', '127.8.8.8'],
    ['[::1]:8000', '::1'],
    ['unix:/run/app.sock', 'unix'],
    ['192.0.2.1:8000', 'PEER'], // through which of its addresses the front end connects, it alone knows
  ])('to an application on %s the front end is %s', (upstream, peer) => {
    const text = renderConf('nginx/http.conf', { ...VALUES, upstream });
    expect(text).toContain(`--forwarded-allow-ips ${peer}\n`);
  });

  test('a name of Kubernetes has no underscore', () => {
    const text = renderConf('kubernetes/http.yaml', { ...VALUES, name: 'my_app' });
    expect(text).toContain('  name: my-app\n');
  });

  const NEEDED = Object.keys(VALUES).filter((name) => name !== 'user');

  test.each(NEEDED)('names %s when a file needs it and it is missing', (name) => {
    const { [name]: _, ...rest } = VALUES as Record<string, string>;
    const messages = FILES.map((file) => {
      try {
        return renderConf(file, rest) && '';
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
        return (error as Error).message;
      }
    }).filter((message) => message !== '');
    expect(messages.length).toBeGreaterThan(0);
    for (const message of messages) expect(message).toMatch(/no value for \w+$/);
  });

  test.each(['toString', '__proto__', 'location', 'tls', 'Mount'])(
    'there is no value named %s',
    (name) => {
      const values = Object.fromEntries([...Object.entries(VALUES), [name, 'x']]);
      expect(() => renderConf('nginx/http.conf', values)).toThrow(
        `conf/nginx/http.conf: there is no value named ${name}`,
      );
    },
  );

  test('there is no such file', () => {
    expect(() => renderConf('nginx/gopher.conf', VALUES)).toThrow(
      'there is no configuration conf/nginx/gopher.conf',
    );
  });

  test.each(Object.keys(VALUES))('%s cannot break out of its place', (name) => {
    const value = (VALUES as Record<string, string>)[name]!;
    for (const evil of [
      '\n',
      '\r',
      '\0',
      '"',
      "'",
      ';',
      '{',
      '}',
      '$',
      '`',
      '#',
      '\\',
      '|',
      '<',
      ' ',
      '%',
    ]) {
      for (const text of [value + evil, evil + value, `${value}${evil}${value}`]) {
        if (name === 'serverName' && text === `${value} ${value}`) continue; // two names
        expect(() => renderConf('nginx/http.conf', { ...VALUES, [name]: text })).toThrow(
          UsageError,
        );
      }
    }
  });

  test.each([
    ['mount', '/'],
    ['mount', '/app/'],
    ['mount', 'app'],
    ['mount', '//app'],
    ['mount', '/app/../x'],
    ['mount', '/.'],
    ['upstream', 'unix:run/app.sock'],
    ['upstream', '*:9000'],
    ['listen', '80'],
    ['listen', 'unix:/run/app.sock'],
    ['app', 'hello.mjs'],
    ['path', 'bin:/usr/bin'],
    ['path', '/usr/bin:'],
    ['name', 'App'],
    ['name', ''],
    ['multiplex', 'true'],
    ['multiplex', ''],
  ])('%s is not %j', (name, text) => {
    expect(() => renderConf('nginx/http.conf', { ...VALUES, [name]: text })).toThrow(
      `conf/nginx/http.conf: ${name} is`,
    );
  });
});

describe('upstreamFor', () => {
  test.each([
    ['nginx/fastcgi.conf', '127.0.0.1:9000', '127.0.0.1:9000'],
    ['nginx/fastcgi.conf', '[::1]:9000', '[::1]:9000'],
    ['nginx/fastcgi.conf', 'unix:/run/app.sock', 'unix:/run/app.sock'],
    ['apache/proxy_fcgi.conf', '127.0.0.1:9000', 'fcgi://127.0.0.1:9000'],
    ['apache/proxy_fcgi.conf', 'unix:/run/app.sock', 'unix:/run/app.sock|fcgi://localhost'],
    ['apache/proxy_scgi.conf', '[::1]:9000', 'scgi://[::1]:9000'],
    ['apache/proxy_uwsgi.conf', '127.0.0.1:9000', 'uwsgi://127.0.0.1:9000'],
    ['apache/proxy_http.conf', 'unix:/run/app.sock', 'unix:/run/app.sock|http://localhost'],
    ['haproxy/fastcgi.cfg', '[::1]:9000', '[::1]:9000'],
    ['haproxy/http.cfg', 'unix:/run/app.sock', 'unix@/run/app.sock'],
    ['lighttpd/fastcgi.conf', '[::1]:9000', '"host" => "::1", "port" => 9000'],
    ['lighttpd/proxy.conf', 'unix:/run/app.sock', '"socket" => "/run/app.sock"'],
    ['caddy/Caddyfile.http', '127.0.0.1:9000', '127.0.0.1:9000'],
    ['caddy/Caddyfile.fastcgi', 'unix:/run/app.sock', 'unix//run/app.sock'],
    ['systemd/postern.socket', 'unix:/run/app.sock', '/run/app.sock'],
  ])('%s: %s is %s', (file, address, expected) => {
    expect(upstreamFor(file, address)).toBe(expected);
  });

  test('the host may be left out, as on the command line', () => {
    expect(upstreamFor('haproxy/http.cfg', '9000')).toBe('127.0.0.1:9000');
    expect(upstreamFor('apache/proxy_http.conf', ':9000')).toBe('http://127.0.0.1:9000');
  });

  test('a server that starts the program connects to no address', () => {
    expect(upstreamFor('apache/cgi.conf', '127.0.0.1:9000')).toBeUndefined();
  });

  test.each(['fd:3', 'nowhere', '::1:9000', 'localhost:99999'])('%s is none', (address) => {
    expect(() => upstreamFor('nginx/http.conf', address)).toThrow(UsageError);
    expect(() => renderConf('nginx/http.conf', { ...VALUES, upstream: address })).toThrow(
      UsageError,
    );
  });
});

/** A value, of these that are given. */
function derived(name: string, given: Readonly<Record<string, string>>): unknown {
  return resolveValue('x', name, (value) => given[value]);
}

describe('values that are derived', () => {
  test.each(DERIVED_NAMES)('%s is used by a file', (name) => {
    const texts = FILES.map((file) => readFileSync(join(CONF, file), 'utf8'));
    expect(texts.some((text) => new RegExp(`\\{\\{[#^]?${name}\\}\\}`).test(text))).toBe(true);
  });

  test.each([
    [{ serverName: 'a.example' }, 'a.example', 'a.example', '', String.raw`a\.example`],
    [
      { serverName: 'a.example *.b.example' },
      'a.example',
      'a.example *.b.example',
      '*.b.example',
      String.raw`a\.example|.+\.b\.example`,
    ],
    [{}, undefined, undefined, undefined, ''],
  ])('names of %o', (given, serverName, serverNames, serverAliases, hostPattern) => {
    const all = { serverName, serverNames, serverAliases, hostPattern };
    for (const [name, value] of Object.entries(all)) expect(derived(name, given), name).toBe(value);
  });

  test.each([
    [{}, 'http://:80'],
    [{ serverName: 'a.example b.example' }, 'http://a.example, http://b.example'],
    [{ serverName: 'a.example', listen: '*:8080' }, 'http://a.example:8080'],
    [{ serverName: 'a.example b.example', automatic: 'yes' }, 'a.example, b.example'],
    [{ serverName: 'a.example', listen: '*:443', cert: '/c' }, 'https://a.example'],
    [{ serverName: 'a.example', listen: '*:8443', cert: '/c' }, 'https://a.example:8443'],
  ])('addresses of Caddy for %o: %s', (given, addresses) => {
    expect(derived('siteAddresses', { listen: '*:80', ...given })).toBe(addresses);
  });

  test.each([
    [{ listen: '*:80' }, 'yes', '', '0.0.0.0'],
    [{ listen: '*:80', ipv6: 'no' }, 'no', '', '0.0.0.0'],
    [{ listen: '127.0.0.1:80' }, 'no', '127.0.0.1', '127.0.0.1'],
    [{ listen: '[::1]:80' }, 'no', '::1', '[::1]'],
  ])('hosts of %o', (given, ipv6, bind, listenHost) => {
    const all = { ipv6, bind, listenHost, listenPort: '80' };
    for (const [name, value] of Object.entries(all)) expect(derived(name, given), name).toBe(value);
  });

  test.each([
    [{ listen: '*:443' }, '*:80', '80', 'yes', ''],
    [{ listen: '127.0.0.1:443' }, '127.0.0.1:80', '80', 'no', ''],
    [{ listen: '*:8443', redirectFrom: '[::1]:8080' }, '[::1]:8080', '8080', 'no', ':8443'],
    [{ listen: '*:443', ipv6: 'no' }, '*:80', '80', 'no', ''],
  ])('redirection to %o', (given, redirectFrom, redirectPort, redirectIpv6, portSuffix) => {
    const all = { redirectFrom, redirectPort, redirectIpv6, portSuffix };
    for (const [name, value] of Object.entries(all)) expect(derived(name, given), name).toBe(value);
  });

  test.each([
    [{ upstream: '127.0.0.1:9000' }, '', ''],
    [{ upstream: 'unix:/run/a.sock' }, '/run/a.sock', ' --socket-group www-data'],
    [{ upstream: 'unix:/run/a.sock', user: 'nginx' }, '/run/a.sock', ' --socket-group nginx'],
    [
      { upstream: 'unix:/run/a.sock', user: 'nobody', group: 'nogroup' },
      '/run/a.sock',
      ' --socket-group nogroup',
    ],
  ])('the socket of %o', (given, socket, socketOptions) => {
    expect(derived('socket', given)).toBe(socket);
    expect(derived('socketOptions', given)).toBe(socketOptions);
  });
});

describe('usedValues', () => {
  test('are those that make a difference, directly or through others', () => {
    const used = usedValues('nginx/fastcgi.conf', VALUES);
    for (const name of ['mount', 'serverName', 'listen', 'upstream', 'name', 'part', 'cert'])
      expect(used).toContain(name);
    for (const name of ['key', 'redirectFrom', 'postern', 'multiplex', 'image'])
      expect(used).not.toContain(name);
    const secure = usedValues('nginx/fastcgi.conf', { ...VALUES, cert: '/c.pem', key: '/k.pem' });
    for (const name of ['key', 'redirectFrom']) expect(secure).toContain(name);
    const location = usedValues('nginx/fastcgi.conf', { ...VALUES, part: 'location' });
    for (const name of ['listen', 'cert', 'serverName']) expect(location).not.toContain(name);
  });
});
