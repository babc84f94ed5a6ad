/** Started by a process manager, with the listening socket on descriptor 0, and stopped again. */

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { afterEach, describe, expect, test } from 'vitest';

import { startApache } from '../servers/apache.ts';
import { describeWithServer } from '../servers/availability.ts';
import { dyingWithUs, freePort, temporaryFolder } from '../servers/launch.ts';
import type { RunningServer } from '../servers/launch.ts';
import { startLighttpd } from '../servers/lighttpd.ts';
import { stagePackage } from '../servers/staging.ts';
import { visit } from './front-ends.ts';
import { until } from './kit.ts';
import { Peer, TYPE, encodeBegin, encodeParams, encodeStream } from './peer.ts';

const SOURCE = join(import.meta.dirname, 'fixtures/managed.mjs');

/** A folder with an executable `app.fcgi` of which the interpreter is the command. */
function program(): { folder: string; app: string } {
  const folder = temporaryFolder('managed');
  chmodSync(folder, 0o777); // it writes there, under whatever account
  const app = join(folder, 'app.fcgi');
  writeFileSync(app, `#!${stagePackage().postern}\n${readFileSync(SOURCE, 'utf8')}`);
  chmodSync(app, 0o755);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  return { folder, app };
}

/** What the processes of a folder have ended with. */
function exitCodes(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith('exit-'))
    .map((name) => readFileSync(join(folder, name), 'utf8'));
}

function isRefused(address: AddressInfo | string): Promise<boolean> {
  const to = typeof address === 'string' ? { path: address } : { port: address.port };
  const socket = connect({ host: '127.0.0.1', ...to });
  return new Promise((resolve) => {
    socket.on('connect', () => resolve(false)).on('error', () => resolve(true));
    socket.on('error', () => {}).on('close', () => {});
    socket.once('connect', () => socket.destroy());
  });
}

describeWithServer('spawn-fcgi', 'spawn-fcgi', () => {
  let child: ChildProcess | undefined;
  afterEach(() => void child?.kill('SIGKILL'));

  async function start(app: string, address: AddressInfo | string): Promise<ChildProcess> {
    const where =
      typeof address === 'string'
        ? ['-s', address]
        : ['-a', address.address, '-p', String(address.port)];
    const command = dyingWithUs('spawn-fcgi', '-n', ...where, '--', app);
    const spawned = spawn(command[0], command.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] });
    child = spawned;
    let said = '';
    spawned.stderr!.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await until(() => {
      if (spawned.exitCode !== null) throw new Error(`it ended: ${said}`);
      return said.includes('fastcgi on fd:0');
    });
    return spawned;
  }

  describe.each(['TCP', 'a unix socket'])('over %s', (transport) => {
    async function freeAddress(folder: string): Promise<AddressInfo | string> {
      if (transport !== 'TCP') return join(folder, 'app.sock');
      return { address: '127.0.0.1', port: await freePort(), family: 'IPv4' };
    }

    test('it serves, and stops when told: nothing new, what is in flight to its end, exit 0', async () => {
      const { folder, app } = program();
      const address = await freeAddress(folder);
      const spawned = await start(app, address);
      const exit = once(spawned, 'exit');

      const idle = await Peer.connect(address);
      expect((await idle.request({ params: { PATH_INFO: '/idle' } })).text).toContain('/idle');
      const busy = await Peer.connect(address);
      const parts = { params: { PATH_INFO: '/busy', CONTENT_LENGTH: '4' } };
      busy.send(encodeBegin(parts), encodeParams(parts));
      // A request of its own, so that the other one has been read as well.
      await idle.request();

      spawned.kill('SIGTERM');
      // Idle connections are not waited for; nor does the kernel accept for descriptor 0 any longer.
      expect(await idle.ending()).toBe('closed');
      expect(await isRefused(address)).toBe(true);
      expect(spawned.exitCode).toBeNull();
      busy.send(encodeStream(TYPE.STDIN, 1, Buffer.from('body')));
      const answer = await busy.reply();
      expect([answer.status, answer.text]).toEqual(['200 OK', `${spawned.pid} /busy body`]);
      expect(await busy.ending()).toBe('closed');

      expect(await exit).toEqual([0, null]);
      expect(exitCodes(folder)).toEqual(['0']);
      // The socket is the process manager's, and so is its name.
      if (typeof address === 'string') expect(existsSync(address)).toBe(true);
    });

    test('without a connection it stops at once', async () => {
      const { folder, app } = program();
      const spawned = await start(app, await freeAddress(folder));
      const exit = once(spawned, 'exit');
      spawned.kill('SIGTERM');
      expect(await exit).toEqual([0, null]);
    });
  });
});

let server: RunningServer | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

/** Front ends that start the application themselves, and how they are told to stop gracefully. */
const MANAGERS = [
  {
    name: 'lighttpd, bin-path',
    needs: 'lighttpd',
    start: startLighttpd,
    conf: 'lighttpd/fastcgi-spawn.conf',
    graceful: 'SIGINT',
  },
  {
    name: 'Apache, mod_fcgid',
    needs: 'apache/fcgid.conf',
    start: startApache,
    conf: 'apache/fcgid.conf',
    graceful: 'SIGWINCH',
  },
] as const;

type Manager = (typeof MANAGERS)[number];

/** Lets a front end serve a program. */
async function manage({ start, conf }: Manager, app: string): Promise<RunningServer> {
  const { postern, path } = stagePackage();
  const upstream = `127.0.0.1:${await freePort()}`;
  server = await start({ conf, values: { mount: '', app, postern, path, upstream } });
  return server;
}

for (const manager of MANAGERS) {
  describeWithServer(manager.needs, manager.name, () => {
    test('it serves, many times in one process', async () => {
      const { app } = program();
      const { url } = await manage(manager, app);
      const visits: string[] = [];
      for (let i = 0; i < 5; i++) visits.push((await visit(url, `/${i}`)).body);
      const pids = new Set(visits.map((body) => body.split(' ')[0]));
      expect(visits.map((body) => body.split(' ')[1])).toEqual(['/0', '/1', '/2', '/3', '/4']);
      expect(pids.size).toBe(1);
    });

    test('stopped, it ends with 0', async () => {
      const { folder, app } = program();
      const running = await manage(manager, app);
      await visit(running.url, '/');
      await running.stop();
      expect(exitCodes(folder)).toEqual(['0']);
    });

    test('stopped gracefully, what is in flight is finished', async () => {
      const { folder, app } = program();
      const running = await manage(manager, app);
      await visit(running.url, '/');
      const slow = visit(running.url, '/slow');
      await until(() => existsSync(join(folder, 'slow')));
      process.kill(running.pid, manager.graceful);
      const answer = await slow;
      expect([answer.status, answer.complete]).toEqual([200, true]);
      expect(answer.body).toContain('/slow');
      await running.stop();
      expect(new Set(exitCodes(folder))).toEqual(new Set(['0']));
    });
  });
}
