/** The access log of the command: where it goes, and how it is rotated. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';

import { until } from '../../kit.ts';
import { describeWithServer } from '../../servers/availability.ts';
import { ask } from '../ask.ts';
import { CommandProcess, POSTERN, fixture, run } from '../process.ts';

const APP = fixture('served.mjs');

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-access-'));
  file = join(folder, 'access.log');
});
afterEach(() => rmSync(folder, { recursive: true }));

async function start(...args: string[]): Promise<[CommandProcess, port: number]> {
  const command = new CommandProcess([APP, '--http', '0', ...args]);
  const [, port] = await command.says(/^postern: http on .*:(\d+)\/$/m);
  return [command, Number(port)];
}

const linesOf = (path = file): string[] => readFileSync(path, 'utf8').split('\n').slice(0, -1);

test('has a line for each response, of every gateway', async () => {
  const [command, port] = await start('--fastcgi', '0', '--access-log', file);
  const [, fastcgi] = await command.says(/^postern: fastcgi on .*:(\d+)$/m);
  await ask('http', { port }, '/one?x=1');
  await ask('fastcgi', { port: Number(fastcgi) }, '/two');
  const { code, stdout } = await command.stop();
  // All is there when the process has ended.
  expect(linesOf()).toEqual([
    expect.stringMatching(/^127\.0\.0\.1 - - \[.*\] "GET \/one\?x=1 HTTP\/1\.1" 200 10 "-" "-"$/),
    expect.stringMatching(/^- - - \[.*\] "GET \/two HTTP\/1\.1" 200 13 "-" "-"$/),
  ]);
  expect(stdout).toBe('');
  expect(code).toBe(0);
});

test.each(['SIGUSR1', 'SIGHUP'] as const)('is opened again on %s', async (signal) => {
  const [command, port] = await start('--access-log', file, '--access-log-format', '%(U)s');
  await ask('http', { port }, '/before');
  await until(() => linesOf().length === 1);
  renameSync(file, `${file}.1`);
  await ask('http', { port }, '/meanwhile');
  command.child.kill(signal);
  await until(() => existsSync(file));
  await ask('http', { port }, '/after');
  await command.stop();
  expect(linesOf(`${file}.1`)).toEqual(['/before', '/meanwhile']);
  expect(linesOf()).toEqual(['/after']);
});

describe('goes', () => {
  test('to stderr when no file is named', async () => {
    const [command, port] = await start('--access-log-format', 'common', '--access-log');
    await ask('http', { port });
    await command.says(/^127\.0\.0\.1 - - \[.*\] "GET \/ HTTP\/1\.1" 200 7$/m);
  });

  test('to stdout for -', async () => {
    const [command, port] = await start('--access-log=-', '--access-log-format', 'json');
    await ask('http', { port }, '/x');
    const { stdout } = await command.stop();
    expect(JSON.parse(stdout)).toMatchObject({ method: 'GET', uri: '/x', status: 200 });
  });

  test('nowhere by itself', async () => {
    const [command, port] = await start();
    await ask('http', { port });
    const { stdout, stderr } = await command.stop();
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^postern: http on .*\n$/);
  });

  describeWithServer('script', 'to the terminal if there is one', () => {
    test.each([
      [[], /\n[^\n]*\d\d:\d\d:\d\d 200 GET \/seen /],
      [
        ['--no-access-log'],
        /^[^\n]*http on [^\n]*\npostern: postern [\d.]+, Node [\d.]+; [^\n]*served\.mjs is loaded again when it changes; Ctrl-C stops\n$/,
      ],
    ])('with %j', async (args, expected) => {
      const words = [process.execPath, POSTERN, APP, '--http', '0', ...args];
      const command = words.map((word) => `'${word}'`).join(' ');
      const terminal = spawn('script', ['-qefc', `exec ${command}`, '/dev/null'], {
        env: { PATH: process.env['PATH'] },
      });
      onTestFinished(() => void terminal.kill('SIGKILL'));
      let shown = '';
      terminal.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
      await until(() => /http on .*:(\d+)\//.test(shown));
      const port = Number(/http on .*:(\d+)\//.exec(shown)![1]);
      await ask('http', { port }, '/seen');
      // Ctrl-C, as the terminal hears it; the process says nothing after it.
      terminal.stdin.write('\x03');
      await once(terminal, 'close');
      expect(shown.replaceAll('\r', '').replace('^C', '')).toMatch(expected);
    });
  });
});

describe('of CGI', () => {
  const env = { GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: 'GET', PATH_INFO: '/x' };

  test('is a file', async () => {
    for (const REMOTE_ADDR of ['192.0.2.1', '192.0.2.2']) {
      const { code } = await run([APP], { env: { ...env, REMOTE_ADDR, POSTERN_ACCESS_LOG: file } });
      expect(code).toBe(0);
    }
    expect(linesOf()).toEqual([
      expect.stringMatching(/^192\.0\.2\.1 - - \[.*\] "GET \/x HTTP\/1\.0" 200 7 "-" "-"$/),
      expect.stringMatching(/^192\.0\.2\.2 /),
    ]);
  });

  test('cannot be stdout', async () => {
    const { stdout, stderr, code } = await run([APP], { env: { ...env, POSTERN_ACCESS_LOG: '-' } });
    expect(stdout).toMatch(/^Status: 500 /);
    expect(stderr).toBe('postern: the access log cannot go to stdout, which is the response\n');
    expect(code).toBe(1);
  });
});

describe('is an error', () => {
  test.each([
    [
      ['--access-log', '/nonexistent/access.log'],
      /^postern: cannot open the log \/nonexistent\/access\.log: /,
    ],
    [['--access-log', '--access-log-format', '%(x)s'], /^postern: .*%\(x\)s.* is not an atom\n$/],
  ])('when it is %j', async (args, message) => {
    const { stderr, code } = await run([APP, '--http', '0', ...args]);
    expect(stderr).toMatch(message);
    expect(stderr.split('\n').length).toBe(2);
    expect(code).toBe(1);
  });
});
