/**
 * What `postern conf nginx` prints, served by nginx: over IPv4 and IPv6, over HTTPS with HTTP/2, from a site that is there
 * already and holds other things, and over a unix socket that belongs to nginx's group.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { CERTIFICATE, KEY } from '../http/certificate.ts';
import { describeWithServer } from '../servers/availability.ts';
import { freePort, isRoot, temporaryFolder, type RunningServer } from '../servers/launch.ts';
import { startNginx } from '../servers/nginx.ts';
import { stagePackage, type StagedPackage } from '../servers/staging.ts';
import { startCommand, type StartedCommand } from './command.ts';

const GATEWAYS = ['fastcgi', 'scgi', 'uwsgi', 'http'] as const;

let staged: StagedPackage;
const running: (StartedCommand | RunningServer)[] = [];

beforeAll(() => {
  staged = stagePackage();
});
afterAll(async () => {
  await Promise.all(running.map((process) => process.stop()));
});

/** What is printed. */
function conf(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(staged.postern, ['conf', 'nginx', ...args], {
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
  return stdout;
}

/** Starts the application as the head of what is printed says. @returns what is printed */
async function serve(...args: string[]): Promise<string> {
  const text = conf(...args);
  running.push(
    await startCommand(
      /^# .*\b(postern .* --(?:fastcgi|scgi|uwsgi|http) .*)$/m.exec(text)![1]!,
      staged,
    ),
  );
  return text;
}

/** Starts nginx with this in its http{} block. A port beside it tells that it is there. */
async function nginx(text: string): Promise<RunningServer> {
  const beside = (port: number): string => `server { listen 127.0.0.1:${port}; }\n${text}`;
  const server = await startNginx({ conf: 'nginx/fastcgi.conf', values: {}, text: beside });
  running.push(server);
  return server;
}

/** Asks with curl. @returns the response with its head, as a byte string */
function curl(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(
    'curl',
    ['-gsSi', '--max-time', '20', '-H', 'Expect:', ...args],
    {
      encoding: 'latin1',
    },
  );
  expect(status, `${args.join(' ')}: ${stderr}`).toBe(0);
  return stdout;
}

/** The environ of a request that conf/apps/environ.mjs answers. */
function environ(...args: string[]): Record<string, string> {
  const response = curl(...args);
  expect(response).toMatch(/^HTTP\/[\d.]+ 200/);
  return JSON.parse(response.slice(response.indexOf('\r\n\r\n'))) as Record<string, string>;
}

/** The head of a response, and its body. */
function status(...args: string[]): number {
  return Number(/^HTTP\/[\d.]+ (\d+)/.exec(curl(...args))![1]);
}

const NAMES = ['--server-name', 'www.example.org', '--server-name', 'example.org,*.example.net'];

describeWithServer(['nginx', 'curl'], 'nginx', () => {
  describe.each(GATEWAYS)('%s', (gateway) => {
    const address = async (): Promise<string[]> => [
      '--gateway',
      gateway,
      '--address',
      `127.0.0.1:${await freePort()}`,
    ];

    test('a site is there under all its names, over IPv4 and IPv6', async () => {
      const port = await freePort();
      const app = join(staged.apps, 'environ.mjs');
      const text = await serve(app, ...(await address()), '--listen', `${port}`, ...NAMES);
      await nginx(
        `server { listen ${port} default_server; listen [::]:${port} default_server; return 418; }\n${text}`,
      );
      for (const host of ['www.example.org', 'example.org', 'a.example.net']) {
        for (const [ip, peer] of [
          ['127.0.0.1', '127.0.0.1'],
          ['[::1]', '::1'],
        ] as const) {
          const shown = environ('-H', `Host: ${host}:${port}`, `http://${ip}:${port}/x`);
          expect(shown).toMatchObject({
            PATH_INFO: '/x',
            REMOTE_ADDR: peer,
            HTTP_HOST: `${host}:${port}`,
            'wsgi.url_scheme': 'http',
          });
        }
      }
      expect(status(`http://127.0.0.1:${port}/`)).toBe(418);
    });

    test('--tls: HTTPS with HTTP/2; plain HTTP is redirected', async () => {
      const [plain, secure] = [await freePort(), await freePort()];
      const folder = temporaryFolder('certificate');
      const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
      writeFileSync(cert, CERTIFICATE);
      writeFileSync(key, KEY);
      const app = join(staged.apps, 'environ.mjs');
      const listen = ['--listen', `${secure}`, '--redirect-from', `${plain}`];
      const names = ['--server-name', 'localhost'];
      await nginx(await serve(app, ...(await address()), ...names, ...listen, '--tls', cert, key));
      for (const ip of ['127.0.0.1', '[::1]']) {
        const resolve = ['--cacert', cert, '--resolve', `localhost:${secure}:${ip}`];
        const response = curl(...resolve, `https://localhost:${secure}/x?y`);
        expect(response).toMatch(/^HTTP\/2 200/);
        expect(JSON.parse(response.slice(response.indexOf('\r\n\r\n')))).toMatchObject({
          PATH_INFO: '/x',
          'wsgi.url_scheme': 'https',
          HTTPS: 'on',
          HTTP_HOST: `localhost:${secure}`,
          SERVER_PORT: `${secure}`,
        });
        const older = curl(...resolve, '--http1.1', '-d', 'body', `https://localhost:${secure}/x`);
        expect(older).toMatch(/^HTTP\/1.1 200[^]*"bytes": 4,/);
        const redirected = curl('-H', `Host: localhost:${plain}`, `http://${ip}:${plain}/x%20?y`);
        expect(redirected).toMatch(/^HTTP\/1.1 301/);
        expect(redirected).toContain(`\r\nLocation: https://localhost:${secure}/x%20?y\r\n`);
      }
    });

    describe('--part location', () => {
      let port: number;

      /** Two applications called app.mjs, in a site that has other things as well. */
      beforeAll(async () => {
        port = await freePort();
        const texts: string[] = [];
        for (const mount of ['/a', '/a.b/c', '/B']) {
          const folder = join(temporaryFolder('application'), 'postern');
          mkdirSync(folder);
          const app = join(folder, 'app.mjs');
          copyFileSync(join(staged.apps, 'environ.mjs'), app);
          const part = ['--part', 'location', '--server-name', 'example.org', '--mount', mount];
          texts.push(await serve(app, ...(await address()), ...part));
        }
        await nginx(`server {
            listen ${port};
            listen [::]:${port};
            server_name example.org;
            client_max_body_size 1k;
            location / { return 418; }
            location ~ \\.(css|php)$ { return 418; }
            if ($request_method = TRACE) { return 405; }
            ${texts.join('\n')}
            location /b { return 418; }
        }`);
      });

      test.each([
        ['/a', '/a', ''],
        ['/a?x', '/a', ''],
        ['/a/', '/a', '/'],
        ['/a/some%20path/%C3%A9', '/a', '/some path/\xc3\xa9'],
        ['/a/%250a%0a%2Fx', '/a', '/%0a\n/x'],
        ['/a/style.css', '/a', '/style.css'],
        ['/a.b/c', '/a.b/c', ''],
        ['/a.b/c/index.php', '/a.b/c', '/index.php'],
        ['/B/a', '/B', '/a'],
      ])('%s is below %s: %j', (path, mount, info) => {
        const host = `example.org:${port}`;
        for (const ip of ['127.0.0.1', '[::1]']) {
          expect(environ('-H', `Host: ${host}`, `http://${ip}:${port}${path}`)).toMatchObject({
            SCRIPT_NAME: mount,
            PATH_INFO: info,
            HTTP_HOST: host,
            REQUEST_URI: path,
          });
        }
      });

      test.each(['/', '/apple', '/axb/c', '/b', '/x.php'])('%s is not the application', (path) => {
        expect(status(`http://127.0.0.1:${port}${path}`)).toBe(418);
      });

      test.each(['/a', '/a/x'])('%s takes large uploads', (path) => {
        const file = join(temporaryFolder('upload'), 'file');
        writeFileSync(file, Buffer.alloc(3_000_000));
        const url = `http://127.0.0.1:${port}${path}`;
        expect(environ('--data-binary', `@${file}`, url)['bytes']).toBe(3_000_000);
      });

      test('names of visitors do not get through', () => {
        const headers = ['Forwarded: for=x', 'X-Forwarded-For: 192.0.2.1', 'Proxy: x'];
        for (const path of ['/a', '/a/x']) {
          const shown = environ(
            ...headers.flatMap((header) => ['-H', header]),
            `http://127.0.0.1:${port}${path}`,
          );
          expect(shown).toMatchObject({ REMOTE_ADDR: '127.0.0.1' });
          for (const name of ['HTTP_FORWARDED', 'HTTP_PROXY'])
            expect(shown).not.toHaveProperty(name);
          expect(JSON.stringify(shown)).not.toContain('192.0.2.1');
        }
      });
    });

    test.skipIf(!isRoot).each(['site', 'location'])(
      'a unix socket is given to the group of nginx, --part %s',
      async (part) => {
        const port = await freePort();
        const socket = join(temporaryFolder('socket'), 'app.sock');
        const app = join(staged.apps, 'environ.mjs');
        const listen = part === 'site' ? ['--listen', `${port}`] : [];
        const text = await serve(
          app,
          '--gateway',
          gateway,
          '--address',
          `unix:${socket}`,
          ...listen,
          '--part',
          part,
        );
        await nginx(part === 'site' ? text : `server { listen ${port}; ${text} }`);
        expect(environ('-H', `Host: localhost`, `http://127.0.0.1:${port}/x`)).toMatchObject({
          PATH_INFO: '/x',
        });
        expect(statSync(socket).mode & 0o777).toBe(0o660);
      },
    );
  });
});
