/** What is served when nobody says it: by how the process was started. */

import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { ask } from '../ask.ts';
import { CommandProcess, descriptorOf, fixture, run } from '../process.ts';

const APP = fixture('served.mjs');

let folder: string;
let listener: Server;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-detect-'));
  listener = createServer();
});
afterEach(() => {
  listener.close();
  rmSync(folder, { recursive: true });
});

/** A listening socket that is handed to the process, as its own server. */
async function listenOn(where: number | string): Promise<Server> {
  if (typeof where === 'number') listener.listen(where, '127.0.0.1');
  else listener.listen(where);
  await once(listener, 'listening');
  return listener;
}

describe('descriptor 0', () => {
  test.each(['tcp', 'unix'])(
    'is served as FastCGI if it is a listening %s socket',
    async (kind) => {
      const server = await listenOn(kind === 'tcp' ? 0 : join(folder, 'socket'));
      const address = server.address() as AddressInfo | string;
      const command = new CommandProcess([APP], { stdio: [descriptorOf(server)] });
      await command.says(/^postern: fastcgi on fd:0$/m);
      const where =
        typeof address === 'string' ? { path: `${address}.kept` } : { port: address.port };
      if ('path' in where) renameSync(address as string, where.path!); // or it would be removed now
      // From now on this process does not accept connections; the descriptor of the other one does.
      server.close();
      expect(await ask('fastcgi', where, '/x')).toBe('fastcgi |/x');
      expect(await command.stop()).toMatchObject({ code: 0, signal: null });
    },
  );

  // Node itself passes a socket pair as stdin, and so do process managers.
  test('is not taken for one if it is a connected socket', async () => {
    const command = new CommandProcess([APP], { stdio: ['pipe'], env: { POSTERN_HTTP: '0' } });
    await command.says(/^postern: http on http:\/\/127\.0\.0\.1:\d+\/$/m);
  });

  test('of a CGI program is not looked at', async () => {
    const server = await listenOn(0);
    const { stdout, code } = await run([APP], {
      stdio: [descriptorOf(server)],
      env: { GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: 'GET', PATH_INFO: '/x' },
    });
    expect(stdout).toMatch(/^Status: 200 OK\r\n[^]*\r\n\r\ncgi \|\/x$/);
    expect(code).toBe(0);
  });
});

describe('sockets of a service manager', () => {
  // LISTEN_PID has to be that of the process, which a shell knows before it becomes the process.
  const shell = 'LISTEN_PID=$$ LISTEN_FDS=$FDS exec "$@"';

  test('are served as FastCGI, all of them', async () => {
    const server = await listenOn(0);
    const second = createServer().listen(0, '127.0.0.1');
    await once(second, 'listening');
    const ports = [server, second].map((each) => (each.address() as AddressInfo).port);
    const command = new CommandProcess([APP], {
      stdio: ['ignore', 'pipe', 'pipe', descriptorOf(server), descriptorOf(second)],
      env: { FDS: '2' },
      shell,
    });
    await command.says(/^postern: fastcgi on fd:3\npostern: fastcgi on fd:4$/m);
    server.close();
    second.close();
    for (const port of ports) expect(await ask('fastcgi', { port })).toBe('fastcgi |/');
    expect(await command.stop()).toMatchObject({ code: 0 });
  });

  test('are not ours if they were passed to another process', async () => {
    const server = await listenOn(0);
    const command = new CommandProcess([APP], {
      stdio: ['ignore', 'pipe', 'pipe', descriptorOf(server)],
      env: { LISTEN_FDS: '1', LISTEN_PID: String(process.pid), POSTERN_HTTP: '0' },
    });
    await command.says(/^postern: http on /m);
    expect(command.stderr).not.toContain('fd:3');
  });

  test('are served by whatever is asked for', async () => {
    const server = await listenOn(0);
    const { port } = server.address() as AddressInfo;
    const command = new CommandProcess([APP, '--http', 'fd:3'], {
      stdio: ['ignore', 'pipe', 'pipe', descriptorOf(server)],
      env: { FDS: '1' },
      shell,
    });
    await command.says(/^postern: http on fd:3$/m);
    server.close();
    expect(await ask('http', { port })).toBe('http |/');
  });
});

describe('CGI variables', () => {
  test.each([
    ['GATEWAY_INTERFACE', 'CGI/1.1'],
    ['REQUEST_METHOD', 'GET'],
  ])('(%s) make it a CGI program, whatever the arguments say', async (name, value) => {
    const { stdout } = await run([APP, '--http', '127.0.0.1:0'], { env: { [name]: value } });
    expect(stdout).toMatch(/^Status: 200 OK\r\n[^]*\r\n\r\ncgi \|$/);
  });

  test('that are empty do not', async () => {
    const command = new CommandProcess([APP, '--http', '0'], {
      env: { GATEWAY_INTERFACE: '', REQUEST_METHOD: '' },
    });
    await command.says(/^postern: http on /m);
  });
});

test('otherwise HTTP is served on 127.0.0.1:8000', async () => {
  // The port may be in use on this machine: then that is what it says.
  const command = new CommandProcess([APP]);
  await command.says(
    /^postern: (?:http on http:\/\/127\.0\.0\.1:8000\/|127\.0\.0\.1:8000 is in use by another process)$/m,
  );
});
