/** The command: what it prints, how it fails, how it serves, how it stops. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Option } from '../../src/cli/options/option.ts';
import { OPTIONS, OPTION_NAMES, resolveSettings, toFlag } from '../../src/cli/options/options.ts';
import { adviseOnPort } from '../../src/cli/serve/describe-listener.ts';
import { GROUPS, helpPage } from '../../src/cli/usage/help.ts';
import { UsageError } from '../../src/errors.ts';
import { ask, untilRefused } from './ask.ts';
import { CommandProcess, POSTERN, descriptorOf, fixture, run } from './process.ts';

const APP = fixture('served.mjs');

/** Lines of a terminal of 80 columns, as its window is opened today. */
const SCREEN = 40;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-command-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A port that was free a moment ago. */
async function freePort(): Promise<AddressInfo> {
  const server = await listening(0);
  const address = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return address;
}

async function listening(port: number): Promise<Server> {
  const server = createServer().listen(port, 'localhost');
  await once(server, 'listening');
  return server;
}

/** Servers on two ports that follow each other. */
async function twoPortsInARow(): Promise<[Server, Server]> {
  for (;;) {
    const first = await listening(0);
    const { port } = first.address() as AddressInfo;
    const second = await listening(port + 1).catch(() => undefined);
    if (second !== undefined) return [first, second];
    first.close();
  }
}

async function portOf(command: CommandProcess, gateway: string): Promise<number> {
  const [, port] = await command.says(new RegExp(`^postern: ${gateway} on .*:(\\d+)/?$`, 'm'));
  return Number(port);
}

async function helpWith(...args: string[]): Promise<string> {
  const { stdout, stderr, code } = await run(args);
  expect(code).toBe(0);
  expect(stderr).toBe('');
  return stdout;
}

describe('--help', () => {
  test('=all shows every option in its group, with its default', async () => {
    const stdout = await helpWith('--help=all');
    for (const name of OPTION_NAMES) {
      expect(stdout).toContain('positional' in OPTIONS[name] ? 'APP' : `--${toFlag(name)}`);
      expect(stdout).toContain(`${OPTIONS[name].group}:`);
    }
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('(default: 0660)');
  });

  test.each(['', ...GROUPS.map((group) => `=${group.toLowerCase()}`)])(
    '%s fits on a screen',
    async (group) => {
      const lines = helpPage(group.slice(1), 80).split('\n');
      expect(lines.length).toBeLessThanOrEqual(SCREEN);
      expect(lines.filter((line) => line.length > 80)).toEqual([]);
      // A placeholder is in the text that explains it.
      expect(lines.join('\n')).not.toContain('undefined');
    },
  );

  test('names the groups, which have the rest', async () => {
    const stdout = (await helpWith('-h')).replaceAll(/\s+/g, ' ');
    for (const group of GROUPS) expect(stdout).toContain(group.toLowerCase());
    expect(stdout).toContain('-b, -p, --http ADDR');
    expect(await helpWith('app.mjs', '--help=limits')).toMatch(/^Limits:\n {2}--max-connections/);
    expect(await run(['--help=limit'])).toMatchObject({
      stderr: expect.stringMatching(/there is no group "limit".*; did you mean limits\?\n$/),
      code: 2,
    });
  });

  test('explains every placeholder', () => {
    for (const name of OPTION_NAMES) {
      const { argument = '', describe }: Option<unknown> = OPTIONS[name];
      const [placeholder] = /[A-Z]+/.exec(argument) ?? [''];
      if (name !== 'app') expect(describe).toContain(placeholder);
    }
  });
});

test.each(['-V', '--version'])('%s is that of the package', async (flag) => {
  const { version } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as { version: string };
  expect(await run([flag])).toMatchObject({ stdout: `${version}\n`, stderr: '', code: 0 });
});

describe('an error', () => {
  test.each([
    ['no application', [], /^postern: no application: .* \(see postern --help\)\n$/],
    ['an unknown option', [APP, '--bogus'], /^postern: unknown option --bogus .*\n$/],
    ['one argument too many', [APP, 'x'], /^postern: one argument too many: x .*\n$/],
    ['a missing value', [APP, '--http'], /^postern: --http needs a value: --http ADDR .*\n$/],
    ['no address', [APP, '--http', 'x'], /^postern: --http: "x" is not an address: .*\n$/],
    [
      'a port that is none',
      [APP, '--scgi', ':65536'],
      /^postern: --scgi: ":65536" is not an address/,
    ],
    ['CGI beside others', [APP, '--cgi', '--http', '0'], /^postern: --cgi serves one request.*\n$/],
    ['a key alone', [APP, '--key', 'x'], /^postern: --key is the key of a certificate: .*\n$/],
    [
      'a certificate for no HTTP',
      [APP, '--cert', 'x', '--scgi', '0'],
      /^postern: --cert is for HTTP, which is not served: .*\n$/,
    ],
    [
      'control characters',
      [APP, '--log-level', '\x1b[31m'],
      /^postern: --log-level: "\\u001b\[31m" is none of/,
    ],
  ])('of usage (%s) is one line and exit code 2', async (_what, args, message) => {
    const { stdout, stderr, code } = await run(args, { cwd: folder });
    expect(stderr).toMatch(message);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });

  test('of a port in use is one line and exit code 1', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { stderr, code } = await run([APP, '--http', '0', '--scgi', String(port)]);
    server.close();
    // What was started before it is stopped again.
    const [first, second, ...rest] = stderr.split('\n');
    expect(first).toMatch(/^postern: http on http:\/\/127\.0\.0\.1:\d+\/$/);
    expect(rest).toEqual(['']);
    // With what can be done: the next port that is free.
    const [, free] = /; port (\d+) is free/.exec(second!) ?? [];
    expect(second).toBe(
      `postern: 127.0.0.1:${port} is in use by another process; ` +
        `port ${free} is free: postern ${APP} --scgi ${free}`,
    );
    expect(Number(free)).toBeGreaterThan(port);
    expect(code).toBe(1);
  });

  test.each([
    [['--http', '8123', '--scgi', '127.0.0.1:8123'], '127.0.0.1:8123', '--http and --scgi'],
    [['--fastcgi', 'unix:a.sock', '--http', 'unix:a.sock'], 'unix:a.sock', '--http and --fastcgi'],
    [['--http', 'fd:3', '--http', 'fd:3'], 'fd:3', '--http and --http'],
  ])('of an address that is given twice is one of usage: %j', async (args, where, flags) => {
    expect(await run([APP, ...args], { cwd: folder })).toMatchObject({
      stderr: `postern: ${where} is given twice: ${flags}\n`,
      code: 2,
    });
  });

  test('of a port in use names this command where it is its own', async () => {
    const { port } = await freePort();
    const args = ['--http', `0.0.0.0:${port}`, '--scgi', `127.0.0.1:${port}`];
    const { stderr, code } = await run([APP, ...args]);
    expect(stderr).toMatch(
      new RegExp(
        `^postern: 127\\.0\\.0\\.1:${port} is in use by this command itself: --http 0\\.0\\.0\\.0:${port}$`,
        'm',
      ),
    );
    expect(code).toBe(1);
  });

  test('of a port that belongs to root has the remedies', async () => {
    const denied = new UsageError('no permission to listen on 127.0.0.1:80', {
      cause: Object.assign(new Error('denied'), { code: 'EACCES' }),
    });
    const adviceOn = (port: number): Promise<unknown> =>
      adviseOnPort(
        denied,
        { gateway: 'http', address: { host: '127.0.0.1', port } },
        [],
        resolveSettings([]),
      );
    expect(String(await adviceOn(80))).toMatch(
      /on 127\.0\.0\.1:80; ports below 1024 belong to root: /,
    );
    expect(await adviceOn(8000)).toBe(denied);
  });

  test('of a port in use proposes no port that is in use too', async () => {
    const [first, second] = await twoPortsInARow();
    const { port } = first.address() as AddressInfo;
    const { stderr } = await run([APP, '--http', `localhost:${port}`]);
    first.close();
    second.close();
    const [, free] = /--http localhost:(\d+)\n$/.exec(stderr) ?? [];
    expect(Number(free)).toBeGreaterThan(port + 1);
  });

  test.each([
    ['unix:/nonexistent/socket', 'the folder of unix:/nonexistent/socket does not exist'],
    ['192.0.2.1:8000', '192.0.2.1:8000 is not an address of this machine'],
    ['fd:99', 'fd:99 is not a listening socket'],
  ])('of address %s is one line and exit code 1', async (address, message) => {
    expect(await run([APP, '--http', address])).toMatchObject({
      stderr: `postern: ${message}\n`,
      code: 1,
    });
  });

  test('of the configuration is one line and names the file', async () => {
    const file = join(folder, 'wrong.json');
    writeFileSync(file, '{"http": "x"}');
    const { stderr, code } = await run([APP, '--config', file]);
    expect(stderr).toMatch(new RegExp(`^postern: ${file}: http: "x" is not an address.*\n$`));
    expect(code).toBe(2);
  });
});

describe('settings', () => {
  test('come from flags, then the environment, then the configuration', async () => {
    const config = join(folder, 'postern.json');
    writeFileSync(config, JSON.stringify({ scriptName: '/config', http: '0', logLevel: 'silent' }));
    const env = {
      POSTERN_CONFIG: config,
      POSTERN_SCRIPT_NAME: '/environment',
      POSTERN_LOG_LEVEL: 'info',
    };
    const command = new CommandProcess([APP, '--script-name', '/flag'], { env });
    const port = await portOf(command, 'http');
    expect(await ask('http', { port }, '/flag/x')).toBe('http /flag|/x');
    await command.stop();

    const second = new CommandProcess([APP], { env });
    const where = { port: await portOf(second, 'http') };
    expect(await ask('http', where, '/environment/x')).toBe('http /environment|/x');
  });

  test('come from the package that the application belongs to', async () => {
    writeFileSync(
      join(folder, 'package.json'),
      '{"postern": {"http": "0", "scriptName": "/package"}}',
    );
    const app = join(folder, 'app.mjs');
    writeFileSync(app, `export { default } from ${JSON.stringify(APP)};`);
    const command = new CommandProcess([app], { cwd: tmpdir() });
    const port = await portOf(command, 'http');
    expect(await ask('http', { port }, '/package/x')).toBe('http /package|/x');
  });

  test('may name the application', async () => {
    const config = join(folder, 'with-app.json');
    writeFileSync(config, JSON.stringify({ app: APP, http: '0' }));
    const command = new CommandProcess(['--config', config]);
    expect(await ask('http', { port: await portOf(command, 'http') }, '/x')).toBe('http |/x');
  });
});

describe('the line that says where', () => {
  test.each([
    ['0', /^postern: http on http:\/\/127\.0\.0\.1:\d+\/\n$/],
    ['localhost:0', /^postern: http on http:\/\/localhost:\d+\/\n$/],
    ['[::1]:0', /^postern: http on http:\/\/\[::1\]:\d+\/\n$/],
    ['0.0.0.0:0', /^postern: http on http:\/\/127\.0\.0\.1:\d+\/ and every other address /],
    ['[::]:0', /^postern: http on http:\/\/\[::1\]:\d+\/ and every other address of /],
    ['unix:app.sock', /^postern: http on unix:app\.sock\n$/],
  ])('has a URL for %s, if there can be one', async (address, expected) => {
    const command = new CommandProcess([APP, '--http', address], { cwd: folder });
    await command.says(/\n/);
    const { stderr } = await command.stop();
    expect(stderr).toMatch(expected);
  });
});

describe('gateways', () => {
  test('run side by side in one process', async () => {
    const socket = join(folder, 'app.sock');
    const command = new CommandProcess([
      APP,
      '--http',
      '0',
      '--http',
      '[::1]:0',
      '--fastcgi',
      '127.0.0.1:0',
      '--scgi',
      '0',
      '--uwsgi',
      '0',
      '--fastcgi',
      `unix:${socket}`,
      '--socket-mode',
      '600',
    ]);
    await command.says(/^postern: fastcgi on unix:/m);
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    expect(await ask('fastcgi', { path: socket }, '/x')).toBe('fastcgi |/x');
    for (const gateway of ['http', 'fastcgi', 'scgi', 'uwsgi'] as const) {
      const port = await portOf(command, gateway);
      expect(await ask(gateway, { port }, '/x')).toBe(`${gateway} |/x`);
    }
    const [, port] = await command.says(/^postern: http on http:\/\/\[::1\]:(\d+)\/$/m);
    expect(await ask('http', { port: Number(port), host: '::1' })).toBe('http |/');
    expect(await command.stop()).toMatchObject({ code: 0, stdout: '' });
    expect(existsSync(socket)).toBe(false);
  });
});

describe('a stop', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('by %s lets requests finish', async (signal) => {
    const command = new CommandProcess([APP, '--http', '0', '--fastcgi', '0']);
    const ports = [await portOf(command, 'http'), await portOf(command, 'fastcgi')] as const;
    const response = ask('http', { port: ports[0] }, '/slow');
    await command.says(/slow begins/);
    // An idle connection holds nothing up.
    const idle = connect(ports[1], '127.0.0.1').resume();
    await once(idle, 'connect');
    command.child.kill(signal);
    await once(idle, 'close');
    for (const port of ports) await untilRefused(port);
    await command.says(
      /^postern: stopping: waits for 1 request, 30s at the most; a second signal ends it at once$/m,
    );
    command.child.kill('SIGUSR2');
    expect(await response).toBe('slow');
    expect(await command.ended).toMatchObject({ code: 0, signal: null });
  });

  test('is at once for the second signal', async () => {
    const command = new CommandProcess([APP, '--http', '0']);
    const port = await portOf(command, 'http');
    const response = ask('http', { port }, '/slow').catch(() => 'broken');
    await command.says(/slow begins/);
    command.child.kill('SIGTERM');
    await untilRefused(port);
    expect(await command.stop('SIGINT')).toMatchObject({ code: 128 + 2 });
    await response;
  });

  test('cuts off what takes too long', async () => {
    const command = new CommandProcess([APP, '--http', '0', '--shutdown-timeout', '0.1']);
    const response = ask('http', { port: await portOf(command, 'http') }, '/slow').catch(() => '');
    await command.says(/slow begins/);
    expect(await command.stop()).toMatchObject({ code: 0 });
    expect(await response).toBe('');
  });

  test('by SIGWINCH is for process managers only', async () => {
    const command = new CommandProcess([APP, '--http', '0']);
    const port = await portOf(command, 'http');
    command.child.kill('SIGWINCH');
    expect(await ask('http', { port })).toBe('http |/');

    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const managed = new CommandProcess([APP], { stdio: [descriptorOf(server)] });
    await managed.says(/fastcgi on fd:0/);
    server.close();
    expect(await managed.stop('SIGWINCH')).toMatchObject({ code: 0 });
  });
});

// CommandProcess leaves the line out.
test.skipIf(process.getuid?.() !== 0)('root is warned (as root)', async () => {
  const child = spawn(process.execPath, [POSTERN, APP, '--http', '0'], { stdio: 'pipe' });
  const [first] = (await once(child.stderr, 'data')) as [Buffer];
  child.kill('SIGKILL');
  expect(first.toString()).toMatch(/^postern: this is root, and so is the application: .*User=/);
});

describe('a log that nobody reads any more', () => {
  test('stops nothing, and is not logged', async () => {
    const command = new CommandProcess([APP, '--http', '0']);
    const port = await portOf(command, 'http');
    command.child.stderr!.destroy();
    // The error would be an error of its own, and so on.
    for (let i = 0; i < 3; i++) expect(await ask('http', { port }, '/timer')).toBe('http |/timer');
    // The timer of the last one may still be running; an error more would come after it.
    await expect.poll(() => ask('http', { port }, '/errors')).toBe('3');
    expect(await ask('http', { port }, '/errors')).toBe('3');
    expect(await command.stop()).toMatchObject({ code: 0 });
  });
});

describe('errors that escape the application', () => {
  test('are told of with their stack, and the next request is served', async () => {
    const command = new CommandProcess([APP, '--http', '0']);
    const port = await portOf(command, 'http');
    expect(await ask('http', { port }, '/timer')).toBe('http |/timer');
    await command.says(
      /^postern: uncaught exception: Error: thrown by a \\x1b\[31mtimer\n {4}at /m,
    );
    expect(await ask('http', { port }, '/rejection')).toBe('http |/rejection');
    await command.says(/^postern: unhandled rejection: Error: rejected by nobody\n {4}at /m);
    expect(await ask('http', { port })).toBe('http |/');
    expect(await command.stop()).toMatchObject({ code: 0 });
  });

  test('are told of with their request at the level debug', async () => {
    const command = new CommandProcess([APP, '--http', '0', '--log-level', 'debug']);
    const port = await portOf(command, 'http');
    const slow = ask('http', { port }, '/slow');
    await command.says(/slow begins/);
    await ask('http', { port }, '/timer');
    await command.says(/uncaught exception while serving GET \/timer: Error: thrown by a /);
    await ask('http', { port }, '/rejection');
    await command.says(/unhandled rejection while serving GET \/rejection: Error: rejected/);
    await ask('http', { port }, '/body');
    await command.says(/uncaught exception while serving GET \/body: Error: thrown behind/);
    await ask('http', { port }, '/finish');
    expect(await slow).toBe('slow');
  });
});
