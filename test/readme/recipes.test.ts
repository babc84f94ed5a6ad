/**
 * What README.md and conf/README.md say is to be typed is typed: commands as they stand there, with ports and
 * folders of the tests.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';

import { ask } from '../conf/ask.ts';
import { apacheModules, startApache } from '../servers/apache.ts';
import { describeWithServer } from '../servers/availability.ts';
import { startCaddy } from '../servers/caddy.ts';
import { startHaproxy } from '../servers/haproxy.ts';
import {
  accepts,
  dyingWithUs,
  freePort,
  temporaryFolder,
  type RunningServer,
  type ServerOptions,
} from '../servers/launch.ts';
import { startLighttpd } from '../servers/lighttpd.ts';
import { startNginx } from '../servers/nginx.ts';
import { stagePackage, type StagedPackage } from '../servers/staging.ts';
import { blocks, commands, readPage, section } from './markdown.ts';

const README = readPage('README.md');
const CONF = readPage('conf/README.md');

/** The code that these tests run. */
const tried = new Set<string>();

/** A block of code below a heading, to be run. */
function take(page: string, heading: string, language: 'js' | 'sh', index = 0): string {
  const block = blocks(section(page, heading), language)[index];
  if (block === undefined) throw new Error(`${heading} has no code number ${index}`);
  tried.add(block);
  return block;
}

/** The commands of a block below a heading, to be run. */
function takeCommands(page: string, heading: string, index = 0): string[] {
  return commands(take(page, heading, 'sh', index));
}

let staged: StagedPackage;
const running: ChildProcess[] = [];

beforeAll(() => {
  staged = stagePackage();
});

afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  }
});

function withoutComments(code: string): string {
  return code.replaceAll(/^\/\/.*\n/gm, '');
}

/** Runs a command line in a folder; `postern` is found in the path. */
function shell(line: string, folder: string): string {
  const env = { PATH: staged.path };
  const { status, stdout, stderr } = spawnSync('/bin/sh', ['-c', line], {
    cwd: folder,
    env,
    encoding: 'utf8',
  });
  expect(status, `${line}\n${stderr}`).toBe(0);
  return stdout;
}

/** Starts a command line that stays, until the test has ended. */
function begin(line: string, folder: string, stdout: 'ignore' | 'pipe' = 'ignore'): ChildProcess {
  const [command, ...args] = dyingWithUs('/bin/sh', '-c', `exec ${line}`);
  const child = spawn(command, args, {
    cwd: folder,
    env: { PATH: staged.path },
    stdio: ['ignore', stdout, 'ignore'],
  });
  running.push(child);
  return child;
}

/** The same, and waits until its port takes connections. */
async function start(line: string, folder: string, port: number): Promise<ChildProcess> {
  const child = begin(line, folder);
  for (const deadline = Date.now() + 15_000; !(await accepts(port)); await sleep(10)) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`${line} did not start`);
  }
  return child;
}

describe('an application', () => {
  const hello = take(README, '## An application', 'js');
  const shout = take(README, '## An application', 'js', 1);
  const testing = take(README, '## Tests', 'js');
  const serving = take(README, '## Gateways', 'js');
  const [http, several] = takeCommands(README, '### At a terminal');
  const [, cgi] = /`(GATEWAY_INTERFACE=\S+ postern hello\.mjs)`/.exec(README)!;
  let folder: string;

  beforeAll(() => {
    folder = temporaryFolder('readme');
    for (const block of [hello, shout]) {
      const name = /^\/\/ (\w+\.mjs)$/m.exec(block)![1]!;
      writeFileSync(join(folder, name), block);
      chmodSync(join(folder, name), 0o755);
    }
  });

  test('the sample is the one in conf/apps', () => {
    expect(withoutComments(hello)).toBe(withoutComments(readPage('conf/apps/hello.mjs')));
  });

  test('over HTTP', async () => {
    expect(http).toBe('postern hello.mjs');
    const port = await freePort();
    await start(`${http} --http ${port}`, folder, port);
    const { body } = await ask(port, 'GET', '/x');
    expect(body).toBe('Hello, 127.0.0.1! You asked for /x\n');
  });

  test('over several gateways in one process', async () => {
    const port = await freePort();
    const socket = join(folder, 'hello.sock');
    await start(
      several!.replace('8000', String(port)).replace('/run/hello.sock', socket),
      folder,
      port,
    );
    expect((await ask(port, 'GET', '/')).status).toBe(200);
    // The second gateway may not be there yet.
    const visit = async (): Promise<string> => {
      const connection = connect(socket).end('24:CONTENT_LENGTH\x000\x00SCGI\x001\x00,');
      return Buffer.concat(await connection.toArray()).toString();
    };
    await expect.poll(visit).toMatch(/^Status: 200 OK\r\n/);
  });

  test('over CGI', () => {
    expect(shell(cgi!, folder)).toMatch(/^Status: 200 OK\r\n[^]*You asked for \n$/);
  });

  test('executed by itself, as a CGI program and at a terminal', () => {
    expect(shell('REQUEST_METHOD=GET ./hello.mjs', folder)).toMatch(/^Status: 200 OK\r\n/);
  });

  test('that reads and streams', () => {
    const line = `printf 'one\\ntwo' | ${cgi!.replace('hello', 'shout')}`;
    const request = 'REQUEST_METHOD=POST CONTENT_LENGTH=7';
    expect(shell(line.replace('GATEWAY', `${request} GATEWAY`), folder)).toMatch(/ONE\nTWO$/);
  });

  /** A folder in which `postern/fastcgi` is found. */
  function ownFolder(name: string): string {
    const own = join(staged.root, name);
    mkdirSync(own);
    writeFileSync(join(own, 'hello.mjs'), hello);
    return own;
  }

  test('in a test', () => {
    const own = ownFolder('tested');
    writeFileSync(join(own, 'test.mjs'), testing);
    expect(shell('node test.mjs', own)).toBe('');
  });

  test('in a program of its own', async () => {
    const own = ownFolder('program');
    const port = await freePort();
    const path = join(own, 'program.mjs');
    writeFileSync(path, serving.replace('unix:/run/hello.sock', `127.0.0.1:${port}`));
    // Its port is open before its next line asks for the signal: so the program says when it has asked.
    writeFileSync(
      join(own, 'tell.mjs'),
      `process.on('newListener', (name) => name === 'SIGTERM' && console.log('asks for it'));`,
    );
    const child = begin(`node --import ./tell.mjs ${path}`, own, 'pipe');
    const exited = once(child, 'exit');
    const [said] = (await Promise.race([once(child.stdout!, 'data'), exited])) as [unknown];
    expect(String(said)).toBe('asks for it\n');
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  });
});

interface FrontEnd {
  readonly heading: string;
  /** Which of the blocks. */
  readonly block: number;
  /** The file that is printed. */
  readonly conf: string;
  start(options: ServerOptions): Promise<RunningServer>;
}

const IN_README = '### Behind nginx, over FastCGI';

const FRONT_ENDS: readonly FrontEnd[] = [
  { heading: IN_README, block: 0, conf: 'nginx/fastcgi.conf', start: startNginx },
  { heading: '### nginx', block: 0, conf: 'nginx/fastcgi.conf', start: startNginx },
  { heading: '### Apache', block: 0, conf: 'apache/cgi.conf', start: startApache },
  { heading: '### Apache', block: 1, conf: 'apache/proxy_fcgi.conf', start: startApache },
  { heading: '### HAProxy', block: 0, conf: 'haproxy/fastcgi.cfg', start: startHaproxy },
  { heading: '### lighttpd', block: 0, conf: 'lighttpd/fastcgi.conf', start: startLighttpd },
  { heading: '### Caddy', block: 0, conf: 'caddy/Caddyfile.fastcgi', start: startCaddy },
];

/** The application that conf/README.md serves. */
const APP = '/srv/app/app.mjs';
const ADDRESS = '127.0.0.1:9000';

describe.each(FRONT_ENDS)('$heading', ({ heading, block, conf, start: startServer }) => {
  const [page, application] = heading === IN_README ? [README, 'hello.mjs'] : [CONF, APP];
  const lines = takeCommands(page, heading, block);
  const printing = lines
    .find((line) => line.startsWith('postern conf '))!
    .replace(/ >>? \S+$/, '')
    .replace(' --listen 8080', '')
    .replace('example.org', 'localhost');
  const serving = lines.find((line) => line.startsWith(`postern ${application}`));

  describeWithServer(conf, conf, () => {
    test('what is printed is served, by the command beside it', async () => {
      const app = join(staged.apps, 'hello.mjs');
      // As it stands, apart from where the application is: the defaults of both commands fit together.
      const printed = shell(printing.replace(application, app), staged.apps);
      if (serving !== undefined) expect(printed).toContain(serving.replace(application, app));

      const address = `127.0.0.1:${await freePort()}`;
      if (serving !== undefined) {
        const line = serving.replace(application, app).replace(ADDRESS, address);
        await start(line, staged.apps, Number(address.split(':')[1]));
      }
      const text = (port: number): string => {
        let line = printing.replace(application, app);
        if (!conf.startsWith('lighttpd')) line += ` --listen 127.0.0.1:${port}`;
        if (serving !== undefined) line += ` --address ${address}`;
        return shell(line, staged.apps);
      };
      const server = await startServer({ conf, values: {}, text });
      try {
        const { status, body } = await ask(server.port, 'GET', '/some/path');
        expect([status, body]).toEqual([200, 'Hello, 127.0.0.1! You asked for /some/path\n']);
      } finally {
        await server.stop();
      }
    });
  });
});

test('the modules of Apache that Debian does not load are enabled', () => {
  const enabled = blocks(section(CONF, '### Apache'), 'sh').map((block) =>
    /^a2enmod (.*)$/m.exec(block)![1]!.split(' '),
  );
  const always = ['mpm_event', 'authz_core', 'setenvif'];
  const needed = ['apache/cgi.conf', 'apache/proxy_fcgi.conf'].map((conf) =>
    apacheModules({ conf, values: {} }).filter((name) => !always.includes(name)),
  );
  const [cgi, fastcgi] = needed;
  expect(enabled).toEqual([cgi, fastcgi, [...fastcgi!, 'ssl', 'rewrite'], fastcgi]);
});

describeWithServer('apache/cgi.conf', '### In a cgi-bin', () => {
  const [enabling, installing] = takeCommands(README, '### In a cgi-bin');

  test('the file alone is served, wherever the web server runs programs', async () => {
    expect(enabling).toBe('a2enmod cgid && service apache2 restart');
    const folder = temporaryFolder('cgi-bin');
    shell(installing!.replace('/usr/lib/cgi-bin', folder), staged.apps);
    // As in Debian's serve-cgi-bin.conf.
    const text = (): string => `ScriptAlias /cgi-bin/ "${folder}/"
      <Directory "${folder}">
        Options +ExecCGI -MultiViews +SymLinksIfOwnerMatch
        Require all granted
      </Directory>`;
    const env = { PATH: staged.path };
    const server = await startApache({ conf: 'apache/cgi.conf', values: {}, text, env });
    try {
      const { status, body } = await ask(server.port, 'GET', '/cgi-bin/hello.mjs/x');
      expect([status, body]).toEqual([200, 'Hello, 127.0.0.1! You asked for /x\n']);
    } finally {
      await server.stop();
    }
  });
});

describe('### Kubernetes', () => {
  const [printing] = takeCommands(CONF, '### Kubernetes');

  test('what is printed is YAML', () => {
    const documents = parseAllDocuments(shell(printing!.replace(/ > \S+$/, ''), staged.apps));
    expect(documents.map((document) => document.get('kind'))).toContain('Ingress');
    expect(documents.flatMap((document) => document.errors)).toEqual([]);
  });
});

describe('npm start', () => {
  const [first] = takeCommands(README, '## Try it');
  const { scripts } = JSON.parse(readPage('package.json')) as { scripts: { start: string } };

  test('serves the demonstration on the port that the README names, and says so', async () => {
    const port = await freePort();
    expect(first).toBe('npm ci && npm start');
    expect(README).toContain('npm start    # a demo application on http://127.0.0.1:8000/');
    expect(scripts.start).toContain('127.0.0.1:8000');
    const line = scripts.start.replace('8000', String(port));
    const child = await start(`${line} 2> said`, staged.root, port);
    expect((await ask(port, 'GET', '/')).body).toMatch(/^Hello world!\n/);
    expect(readFileSync(join(staged.root, 'said'), 'utf8')).toContain(`http://127.0.0.1:${port}/`);
    expect(child.exitCode).toBeNull();
  });
});

describeWithServer(['systemd-socket-activate', 'nginx'], '### systemd', () => {
  const [units, , site] = takeCommands(CONF, '### systemd');

  test('the socket is handed over as the unit says, and the web server finds it there', async () => {
    const folder = temporaryFolder('systemd');
    const socket = join(folder, 'app.sock');
    const app = join(staged.apps, 'hello.mjs');
    const printing = units!.replace(APP, app).replace('/run/app.sock', socket);
    shell(printing.replace('/etc/systemd/system', folder), folder);
    const unit = readFileSync(join(folder, 'hello.service'), 'utf8');
    const [, program] = /^ExecStart=(.*)$/m.exec(unit)!;
    const [command, ...args] = dyingWithUs(
      'systemd-socket-activate',
      '-l',
      socket,
      '/bin/sh',
      '-c',
      `exec ${program}`,
    );
    const child = spawn(command, args, { env: { PATH: staged.path }, stdio: 'ignore' });
    running.push(child);
    const listing = site!.replace(/ > \S+$/, '').replace('/run/app.sock', socket);
    const text = (port: number): string => shell(`${listing} --listen 127.0.0.1:${port}`, folder);
    const server = await startNginx({ conf: 'nginx/fastcgi.conf', values: {}, text });
    try {
      while (!(await accepts(socket))) await sleep(10); // it is there before it listens
      chmodSync(socket, 0o666); // the web server's account: systemd-socket-activate cannot give it to it
      const { status, body } = await ask(server.port, 'GET', '/');
      expect([status, body]).toEqual([200, 'Hello, 127.0.0.1! You asked for /\n']);
    } finally {
      await server.stop();
    }
  });
});

describe('### Docker', () => {
  const [printing] = takeCommands(CONF, '### Docker');

  test('what is printed is a Dockerfile; test/cli/conf/dockerfile.test.ts runs its commands', () => {
    expect(shell(printing!.replace(/ > \S+$/, ''), staged.apps)).toContain('\nFROM node:');
  });
});

test('no code of these pages is left out', () => {
  // These are tried by test/package/install.test.ts.
  take(README, '## Install', 'sh');
  // And these are followed by test/readme/stock.test.ts.
  for (const server of ['nginx', 'Apache', 'HAProxy', 'lighttpd', 'Caddy']) {
    const recipes = blocks(section(CONF, `### ${server}`), 'sh');
    for (const index of recipes.keys()) take(CONF, `### ${server}`, 'sh', index);
  }
  take(README, '## Middleware', 'js');
  const all = [README, CONF].flatMap((page) => [...blocks(page, 'sh'), ...blocks(page, 'js')]);
  expect(all.filter((block) => !tried.has(block))).toEqual([]);
  // And there is none in another language.
  expect([README, CONF].flatMap((page) => [...page.matchAll(/^```\w+$/gm)])).toHaveLength(
    all.length,
  );
});
