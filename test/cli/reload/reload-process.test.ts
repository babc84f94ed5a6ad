/** The two processes of an application that is reloaded: how they start, listen and stop. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, onTestFinished, test } from 'vitest';

import { CERTIFICATE, KEY } from '../../http/certificate.ts';
import { describeWithServer } from '../../servers/availability.ts';
import { ask, untilRefused } from '../ask.ts';
import { CommandProcess, POSTERN, descriptorOf, run } from '../process.ts';
import { askTls } from '../tls-client.ts';
import { PLAIN, answering, folder, start, untilGone, write } from './kit.ts';

describe('a stop', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('by %s ends both processes', async (signal) => {
    write('app.mjs', answering('1'));
    const [command, port] = await start();
    await ask('http', { port });
    const [, pid] = await command.says(/loaded by (\d+)/);
    const { code, stderr } = await command.stop(signal);
    expect(code).toBe(0);
    await untilGone(Number(pid));
    expect(stderr).toMatch(/^postern: http on .*\nloaded by \d+\n$/);
  });

  test('lets requests finish', async () => {
    write(
      'app.mjs',
      `export default async (environ, startResponse) => {
         const signalled = new Promise((resolve) => process.once('SIGUSR2', resolve));
         console.error('begun by ' + process.pid);
         await signalled;
         startResponse('200 OK', []);
         return [Buffer.from('finished')];
       };`,
    );
    const [command, port] = await start();
    const answer = ask('http', { port });
    const [, pid] = await command.says(/begun by (\d+)/);
    // Ctrl-C reaches all processes of a terminal.
    process.kill(Number(pid), 'SIGINT');
    command.child.kill('SIGINT');
    await untilRefused(port);
    process.kill(Number(pid), 'SIGUSR2');
    expect(await answer).toBe('finished');
    expect(await command.ended).toMatchObject({ code: 0 });
  });

  test('is at once for the second signal, also for a process that hears nothing', async () => {
    write('app.mjs', `export default () => { console.error('stuck: ' + process.pid); for (;;); };`);
    const [command, port] = await start();
    const answer = ask('http', { port }).catch(() => 'broken');
    const [, pid] = await command.says(/stuck: (\d+)/);
    command.child.kill('SIGTERM');
    await untilRefused(port);
    expect(await command.stop('SIGTERM')).toMatchObject({ code: 128 + 15 });
    await untilGone(Number(pid));
    await answer;
  });

  test('of the process that listens, however it came, is one of the other', async () => {
    write('app.mjs', answering('1'));
    const [command] = await start();
    const [, pid] = await command.says(/loaded by (\d+)/);
    command.child.kill('SIGKILL');
    await untilGone(Number(pid));
  });
});

describe('listeners', () => {
  test('are those of every gateway', async () => {
    write('app.mjs', answering("environ['postern.gateway'] + environ.REMOTE_PORT"));
    const socket = join(folder, 'app.sock');
    const gateways = ['--http', `unix:${socket}`, '--fastcgi', '0', '--scgi', '0', '--uwsgi', '0'];
    const [command, port] = await start('app.mjs', ...gateways);
    const askAll = async (): Promise<string[]> => {
      const answers = [await ask('http', { port }), await ask('http', { path: socket })];
      for (const gateway of ['fastcgi', 'scgi', 'uwsgi'] as const) {
        const [, port] = await command.says(new RegExp(`^postern: ${gateway} on .*:(\\d+)$`, 'm'));
        answers.push(await ask(gateway, { port: Number(port) }));
      }
      return answers;
    };
    const all = [expect.stringMatching(/^http\d+$/), 'http', 'fastcgi', 'scgi', 'uwsgi'];
    expect((await askAll()).map((answer) => answer.replace('undefined', ''))).toEqual(all);
    write('app.mjs', answering("'new'"));
    await command.says(/^postern: reloaded$/m);
    expect(await askAll()).toEqual(['new', 'new', 'new', 'new', 'new']);
    write('app.mjs', 'throw 1;');
    await command.says(/^postern: waiting for a change$/m);
    for (const answer of await askAll()) expect(answer).toBe(PLAIN);
    expect(await command.stop()).toMatchObject({ code: 0 });
    expect(existsSync(socket)).toBe(false);
  });

  test('may be HTTPS', async () => {
    write('app.mjs', answering("environ['wsgi.url_scheme']"));
    const [cert, key] = [write('cert.pem', CERTIFICATE), write('key.pem', KEY)];
    const [command, port] = await start('app.mjs', '--cert', cert, '--key', key);
    expect(await askTls(port, '/')).toBe('https');
    write('app.mjs', 'throw 1;');
    await command.says(/^postern: waiting for a change$/m);
    expect(await askTls(port, '/')).toBe(PLAIN);
    write('app.mjs', answering("'new'"));
    await command.says(/^postern: reloaded$/m);
    expect(await askTls(port, '/')).toBe('new');
    expect(await command.stop()).toMatchObject({ code: 0 });
  });

  test('may have been opened by another process', async () => {
    write('app.mjs', answering("'here'"));
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const command = new CommandProcess(['app.mjs', '--http', 'fd:0', '--reload'], {
      cwd: folder,
      stdio: [descriptorOf(server)],
    });
    await command.says(/http on fd:0/);
    server.close();
    expect(await ask('http', { port })).toBe('here');
    write('app.mjs', answering("'new'"));
    await command.says(/^postern: reloaded$/m);
    expect(await ask('http', { port })).toBe('new');
    expect(await command.stop()).toMatchObject({ code: 0 });
  });

  test('that cannot be are an error, as ever', async () => {
    write('app.mjs', answering('1'));
    const [first, port] = await start();
    const { code, stderr } = await run(['app.mjs', '--http', String(port), '--reload'], {
      cwd: folder,
    });
    expect(stderr).toMatch(
      /^postern: 127\.0\.0\.1:\d+ is in use by another process; port .*: postern app\.mjs --http \d+\n$/,
    );
    expect(code).toBe(1);
    await first.stop();
    for (const [args, message] of [
      [['none.mjs'], /^postern: no such application: none\.mjs\n$/],
      [
        ['app.mjs', '--cert', 'none.pem'],
        /^postern: http on .*\n(?:loaded by \d+\n)?postern: cannot read none\.pem: there is no/,
      ],
    ] as const) {
      const outcome = await run([...args, '--http', '0', '--reload'], { cwd: folder });
      expect(outcome.stderr).toMatch(message);
      expect(outcome.code).toBe(1);
    }
  });
});

test('a log is opened again by both processes', async () => {
  write('app.mjs', answering('1'));
  const [log, format] = [join(folder, 'access.log'), '%(U)s %(s)s'];
  const [command, port] = await start(
    'app.mjs',
    '--access-log',
    log,
    '--access-log-format',
    format,
  );
  for (const [source, status, said] of [
    [undefined, 200, /loaded by/],
    ['throw 1;', 500, /waiting for a change/],
  ] as const) {
    if (source !== undefined) write('app.mjs', source);
    await command.says(said);
    await ask('http', { port }, '/before');
    while (!existsSync(log) || readFileSync(log, 'utf8') === '') await sleep(5);
    renameSync(log, `${log}.1`);
    command.child.kill('SIGUSR1');
    while (!existsSync(log)) await sleep(5);
    await ask('http', { port }, '/after');
    while (readFileSync(log, 'utf8') === '') await sleep(5);
    expect(readFileSync(`${log}.1`, 'utf8')).toBe(`/before ${status}\n`);
    expect(readFileSync(log, 'utf8')).toBe(`/after ${status}\n`);
    rmSync(log);
    command.child.kill('SIGHUP');
    while (!existsSync(log)) await sleep(5);
  }
});

describe('without a flag', () => {
  describeWithServer('script', 'at a terminal', () => {
    test.each([
      [[], true],
      [['--no-reload'], false],
    ])('with %j: %s', async (args, expected) => {
      write('app.mjs', answering('process.connected === true'));
      const words = [process.execPath, POSTERN, 'app.mjs', '--http', '0', ...args];
      const command = words.map((word) => `'${word}'`).join(' ');
      const terminal = spawn('script', ['-qefc', `exec ${command}`, '/dev/null'], {
        cwd: folder,
        env: { PATH: process.env['PATH'] },
      });
      onTestFinished(() => void terminal.kill('SIGKILL'));
      let shown = '';
      let port: string | undefined;
      while (port === undefined) {
        const [chunk] = (await once(terminal.stdout, 'data')) as [Buffer];
        shown += chunk.toString();
        port = /http on .*:(\d+)\//.exec(shown)?.[1];
      }
      expect(await ask('http', { port: Number(port) })).toBe(String(expected));
      terminal.stdin.write('\x03');
      const [code] = (await once(terminal, 'close')) as [number];
      expect(code).toBe(0);
    });
  });
  test('elsewhere it is off', async () => {
    write('app.mjs', answering('process.connected === true'));
    const command = new CommandProcess(['app.mjs', '--http', '0'], { cwd: folder });
    const [, port] = await command.says(/^postern: http on .*:(\d+)\/$/m);
    expect(await ask('http', { port: Number(port) })).toBe('false');
  });
});
