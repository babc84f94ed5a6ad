/**
 * The page on shared hosting, tried as the ones would for whom it is: with nothing but uploads, on an
 * Apache that runs programs by suexec. Each failure that the page tells of is brought about, and the log
 * compared with what the page says.
 */
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { ask, type Answer } from '../conf/ask.ts';
import { serverAvailable } from '../servers/availability.ts';
import type { RunningServer } from '../servers/launch.ts';
import {
  CUSTOMER,
  Home,
  missingForSharedHost,
  startSharedHost,
  uploadApplication,
  type HostOptions,
} from '../servers/shared-host.ts';
import { npm, pack, project, TARBALL } from '../package/kit.ts';
import { startRegistry } from '../package/registry.ts';
import { ROOT, blocks, commands, readPage, section } from './markdown.ts';

const PAGE = readPage('conf/SHARED-HOSTING.md');
const UPLOADS = section(PAGE, '## What to upload');
const ROOTED = section(PAGE, '## Without app.cgi in the addresses');

const [INSTALLING, PROGRAM] = blocks(UPLOADS, 'sh');
const [ROOTED_PROGRAM] = blocks(ROOTED, 'sh');
const [HTACCESS, SETENVIF] = blocks(UPLOADS, 'apache');
const [REWRITING] = blocks(ROOTED, 'apache');

const APPLICATION = readFileSync(join(ROOT, 'conf/apps/environ.mjs'), 'utf8');
const AUTHORIZATION = ['Authorization', 'Basic bWU6c2VjcmV0'] as const;
const PROGRAM_FILE = 'public_html/app.cgi';
const NODE_MAJOR = Number.parseInt(process.versions.node, 10);

const reason = serverAvailable('apache') ? missingForSharedHost() : 'apache2 is not installed';
if (reason !== undefined && process.env['CI'] === 'true' && process.getuid?.() === 0) {
  throw new Error(`${reason}; test/servers/install.sh installs it`);
}

describe.skipIf(reason !== undefined)(
  `shared hosting${reason ? ` (skipped: ${reason})` : ''}`,
  () => {
    let home: Home;
    const hosts = new Map<string, Promise<RunningServer>>();

    beforeAll(async () => {
      home = new Home();
      uploadApplication(home, APPLICATION, await installAtHome());
    });

    /** Everything as the page says. */
    beforeEach(() => {
      home.upload('app/app.mjs', APPLICATION);
      home.upload('public_html/.htaccess', HTACCESS!);
      upload(PROGRAM!);
    });

    afterAll(async () => {
      for (const host of hosts.values()) await (await host).stop();
      home?.remove();
    });

    function upload(program: string, mode = 0o755): void {
      home.upload(PROGRAM_FILE, home.localize(program), mode);
    }

    function host(options: HostOptions = {}): Promise<RunningServer> {
      const key = JSON.stringify(options);
      if (!hosts.has(key)) hosts.set(key, startSharedHost(home, options));
      return hosts.get(key)!;
    }

    async function visit(path: string, options?: HostOptions): Promise<Answer> {
      return ask((await host(options)).port, 'GET', path, [AUTHORIZATION]);
    }

    async function environAt(path: string): Promise<Record<string, unknown>> {
      const { status, body } = await visit(path);
      expect(status, body).toBe(200);
      return JSON.parse(body) as Record<string, unknown>;
    }

    test('the program that tells where one is', async () => {
      home.upload('public_html/where.cgi', blocks(PAGE, 'sh')[0]!, 0o755);
      const { status, body } = await visit('/where.cgi');
      expect(status).toBe(200);
      expect(body).toContain(`${home.path('public_html')}\nuid=${CUSTOMER.uid}(${CUSTOMER.name})`);
    });

    test('what is uploaded answers', async () => {
      const environ = await environAt('/app.cgi/some%20path?x=1');
      expect(environ).toMatchObject({
        SCRIPT_NAME: '/app.cgi',
        PATH_INFO: '/some path',
        QUERY_STRING: 'x=1',
        HTTP_AUTHORIZATION: AUTHORIZATION[1],
        NODE_ENV: 'production',
        'postern.gateway': 'cgi',
      });
      expect(environ).not.toHaveProperty('HOME');
      expect(String(environ['PATH']).split(':')).not.toContain(home.path('node/bin'));
    });

    // As the page said before, and as programs of other hosts say it.
    const ARGUMENT = PROGRAM!
      .replace(/^POSTERN_APP=.*\n/m, '')
      .replace(/main\.cjs$/m, 'main.cjs /home/me/app/app.mjs');

    test.each(['word', 'a+b', 'a+b+', '%E9', '%E6%97%A5+x', 'home%20x', 'x=1', '--version'])(
      'a program that names the application as an argument answers the query ?%s',
      async (query) => {
        expect(ARGUMENT).not.toContain('POSTERN_APP');
        upload(ARGUMENT);
        expect(await environAt(`/app.cgi?${query}`)).toMatchObject({ QUERY_STRING: query });
      },
    );

    test.each(['%20', '/home/me/app/app.mjs', '%2Fx+%E9'])(
      'the program of the page answers any query, such as ?%s',
      async (query) => {
        const local = home.localize(query);
        expect(await environAt(`/app.cgi?${local}`)).toMatchObject({ QUERY_STRING: local });
      },
    );

    test('Authorization, the other way', async () => {
      home.upload('public_html/.htaccess', HTACCESS!.replace('CGIPassAuth On\n', SETENVIF!));
      expect(await environAt('/app.cgi')).toMatchObject({ HTTP_AUTHORIZATION: AUTHORIZATION[1] });
      home.upload('public_html/.htaccess', HTACCESS!.replace('CGIPassAuth On\n', ''));
      expect(await environAt('/app.cgi')).not.toHaveProperty('HTTP_AUTHORIZATION');
    });

    test('without app.cgi in the addresses', async () => {
      home.upload('public_html/.htaccess', HTACCESS! + REWRITING!);
      home.upload('public_html/style.css', 'a file');
      upload(ROOTED_PROGRAM!);
      expect(await environAt('/some%20path/%C3%A9?x=1')).toMatchObject({
        SCRIPT_NAME: '',
        PATH_INFO: '/some path/\xc3\xa9',
        QUERY_STRING: 'x=1',
        REQUEST_URI: '/some%20path/%C3%A9?x=1',
        HTTP_AUTHORIZATION: AUTHORIZATION[1],
      });
      expect(await environAt('/')).toMatchObject({ SCRIPT_NAME: '', PATH_INFO: '/' });
      expect((await visit('/style.css')).body).toBe('a file');
    });

    test.each([
      ['/what%3F', '/what?'],
      ['/what%3Fx=1', '/what?x=1'],
      ['/100%25', '/100%'],
      ['/100%2525', '/100%25'],
      ['/a%2541', '/a%41'],
      ['/a%23b', '/a#b'],
      ['/a%26b%3Dc+d', '/a&b=c+d'],
      ['/a%5Cb%22c', '/a\\b"c'],
      ['/a%0Ab', '/a\nb'],
      ['/a;b:c@d', '/a;b:c@d'],
      ['/%E9', '/\xe9'],
    ])('without app.cgi in the addresses, %s is decoded once', async (path, pathInfo) => {
      home.upload('public_html/.htaccess', HTACCESS! + REWRITING!);
      upload(ROOTED_PROGRAM!);
      expect(await environAt(`${path}?x=%25`)).toMatchObject({
        SCRIPT_NAME: '',
        PATH_INFO: pathInfo,
        QUERY_STRING: 'x=%25',
        REQUEST_URI: `${path}?x=%25`,
      });
    });

    test('without app.cgi in the addresses, a path with %2F is answered 404', async () => {
      home.upload('public_html/.htaccess', HTACCESS! + REWRITING!);
      expect((await visit('/a%2Fb')).status).toBe(404);
      const allowing = { directives: 'AllowEncodedSlashes On' };
      upload(ROOTED_PROGRAM!);
      expect((await visit('/a%2Fb', allowing)).status).toBe(200);
    });

    /** What brings a failure about, by what the log then says. */
    const FAILURES: Readonly<Record<string, () => HostOptions | void>> = {
      'file has no execute permission: (…/app.cgi)': () => upload(PROGRAM!, 0o644),
      "(13)Permission denied: AH01241: exec of '…/app.cgi' failed": () => {
        upload(PROGRAM!, 0o644);
        return { suexec: false };
      },
      'file is writable by others: (…/app.cgi)': () => upload(PROGRAM!, 0o775),
      '(2)No such file or directory: exec failed (app.cgi)': () =>
        upload(PROGRAM!.replaceAll('\n', '\r\n')),
      "(2)No such file or directory: AH01241: exec of '…/app.cgi' failed": () => {
        upload(PROGRAM!.replaceAll('\n', '\r\n'));
        return { suexec: false };
      },
      "/usr/bin/env: 'postern': No such file or directory": () =>
        home.upload(PROGRAM_FILE, `#!/usr/bin/env postern\n${APPLICATION}`, 0o755),
      'exec: …/bin/node: not found': () => upload(PROGRAM!.replace('/node/bin', '/nodejs/bin')),
      'exec: …/bin/node: Permission denied': () => {
        home.upload('unusable/bin/node', 'not executable');
        upload(PROGRAM!.replace('/node/bin', '/unusable/bin'));
      },
      "Error: Cannot find module '…/main.cjs'": () => upload(PROGRAM!.replace('/dist/', '/lost/')),
      'postern: no such application: …/app.mjs': () =>
        upload(PROGRAM!.replace('/app/app', '/lost/app')),
      "postern: cannot load …/app.mjs: Cannot find package '…'": () =>
        home.upload('app/app.mjs', `${APPLICATION}import 'not-uploaded';`),
      'postern: cannot load …/app.mjs: SyntaxError: …': () =>
        home.upload('app/app.mjs', `${APPLICATION}}`),
      'Fatal process OOM in Failed to reserve virtual memory': () => LITTLE_MEMORY,
      'Fatal process out of memory: …': () => LITTLE_MEMORY,
      'postern needs Node 20.19 or later; this is …': () => {
        const text = "Object.defineProperty(process, 'versions', { value: { node: '18.20.8' } });";
        home.upload('app/older.cjs', text);
        upload(PROGRAM!.replace('/bin/node ', '/bin/node --require /home/me/app/older.cjs '));
      },
      'Options ExecCGI is off in this directory': () =>
        home.upload('public_html/.htaccess', HTACCESS!.replace('Options +ExecCGI', '')),
      '…/.htaccess: Options not allowed here': () => ({ overrides: false }),
      'Script timed out before returning headers: app.cgi': () => {
        home.upload(
          'app/app.mjs',
          'export default () => new Promise((done) => setTimeout(done, 60_000));',
        );
        return { directives: 'CGIDScriptTimeout 1s' };
      },
    };
    /** Enough for this Node without its compiler, and not enough with it. */
    const LITTLE_MEMORY: HostOptions = {
      directives: `RLimitMEM ${(NODE_MAJOR < 24 ? 256 : 768) * 1024 ** 2}`,
    };
    /** What only other lines of Node say. */
    const ELSEWHERE =
      NODE_MAJOR === 20
        ? 'Fatal process out of memory: …'
        : 'Fatal process OOM in Failed to reserve virtual memory';

    test('the page tells of these failures', () => {
      expect(pageRows()).toEqual(Object.keys(FAILURES));
    });

    const HERE = Object.keys(FAILURES).filter((text) => text !== ELSEWHERE);

    test.each(HERE)('%s', async (text) => {
      const options = FAILURES[text]!() ?? {};
      const server = await host(options);
      const parts = text.split('…').map((part) => part.replaceAll(/[^\w\s]/g, String.raw`\$&`));
      const pattern = new RegExp(parts.join('.*'), 'g');
      const count = (): number => [...server.errorLog().matchAll(pattern)].length;
      const before = count();
      const { status } = await visit('/app.cgi', options);
      expect(status).toBeGreaterThanOrEqual(400);
      // Another process writes it.
      for (let i = 0; i < 500 && count() === before; i++) await sleep(10);
      expect(count(), server.errorLog()).toBe(before + 1);
    });

    test('node --jitless is content with little memory', async () => {
      upload(PROGRAM!.replace('/bin/node ', '/bin/node --jitless '));
      expect((await visit('/app.cgi', LITTLE_MEMORY)).status).toBe(200);
    });
  },
);

/** Installs what `npm pack` makes by the command of the page. @returns the `node_modules` that is uploaded */
async function installAtHome(): Promise<string> {
  const folder = project();
  const [command] = commands(INSTALLING!);
  expect(command).toMatch(/^npm install .* \.\/postern-.*\.tgz$/);
  copyFileSync(await pack(), join(folder, TARBALL));
  expect(command).toContain(`./${TARBALL}`);
  await using registry = await startRegistry();
  await npm(command!.split(' ').slice(1), folder, registry);
  return join(folder, 'node_modules');
}

/** What stands in the first column of the page's table of failures. */
function pageRows(): string[] {
  const text = section(PAGE, '## When it does not work');
  return [...text.matchAll(/^\| `(.+?)` \|/gm)].map((match) => match[1]!);
}
