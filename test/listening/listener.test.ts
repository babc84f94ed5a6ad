/** Where a server listens, and what it leaves behind (SECURITY.md, row 20). */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs, {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import type { Address } from '../../src/sockets/address.ts';
import { UsageError } from '../../src/errors.ts';
import { listen, stopListening } from '../../src/listening/listener.ts';
import type { ListenOptions } from '../../src/listening/listener.ts';

/** Another account. */
const OTHER = 65_534;

let folder: string;
let path: string;
const servers: Server[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-'));
  path = join(folder, 'socket');
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const server of servers.splice(0)) server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function start(address: Address, options?: ListenOptions): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => {}).end('served'));
  servers.push(server);
  await listen(server, address, options);
  return server;
}

/** What a client is told. */
async function ask(where: { port: number } | { path: string }): Promise<string> {
  const socket = connect(where as { path: string });
  let said = '';
  socket.on('data', (chunk) => (said += String(chunk)));
  await once(socket, 'close');
  return said;
}

/** Leaves a unix socket behind. Node removes those that it closes itself, in whatever way. */
function crash(): void {
  const program = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', program, path]);
  expect(statSync(path).isSocket()).toBe(true);
}

async function refusal(address: Address, options?: ListenOptions): Promise<string> {
  const error: unknown = await start(address, options).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UsageError);
  return (error as UsageError).message;
}

describe('a TCP address', () => {
  test('is bound to its host and port, a free one for 0', async () => {
    const server = await start({ host: '127.0.0.1', port: 0 });
    const { address, port } = server.address() as AddressInfo;
    expect([address, port > 0]).toEqual(['127.0.0.1', true]);
    expect(await ask({ port })).toBe('served');
  });

  test('in use is refused, and the one that has it goes on', async () => {
    const { port } = (await start({ host: '127.0.0.1', port: 0 })).address() as AddressInfo;
    const where = `127.0.0.1:${port}`;
    expect(await refusal({ host: '127.0.0.1', port })).toBe(
      `${where} is in use by another process`,
    );
    expect(await ask({ port })).toBe('served');
  });

  test.each([
    [{ host: '192.0.2.1', port: 0 }, '192.0.2.1:0 is not an address of this machine'],
    [{ host: '2001:db8::1', port: 0 }, /^\[2001:db8::1\]:0 /],
    [
      { host: 'nowhere.invalid', port: 0 },
      /^the host of nowhere\.invalid:0 is not known$|^cannot listen/,
    ],
    [{ host: '127.0.0.1', port: 70_000 }, /^cannot listen on 127\.0\.0\.1:70000: /],
  ])('that cannot be had is told of in one line: %o', async (address, message) => {
    expect(await refusal(address)).toMatch(message);
  });
});

const modeOf = (file: string): number => statSync(file).mode & 0o777;

describe('a unix socket', () => {
  test.each([
    [undefined, 0o660],
    [0o600, 0o600],
    [0o666, 0o666],
    [0, 0],
  ])('asked for mode %o has %o, whatever the umask', async (socketMode, mode) => {
    for (const umask of [0o077, 0o022]) {
      const before = process.umask(umask);
      try {
        const server = await start({ path }, { socketMode });
        expect(modeOf(path)).toBe(mode);
        expect(process.umask(before)).toBe(umask);
        await stopListening(server, { path });
      } finally {
        process.umask(before);
      }
    }
  });

  test('has its mode without a chmod, which would follow what somebody puts in its place', async () => {
    const victim = join(folder, 'victim');
    writeFileSync(victim, 'private', { mode: 0o600 });
    const server = createServer();
    servers.push(server);
    server.on('listening', () => {
      renameSync(path, `${path}.bound`);
      symlinkSync(victim, path);
    });
    await listen(server, { path }, { socketMode: 0o666 });
    expect(modeOf(victim)).toBe(0o600);
    expect(modeOf(`${path}.bound`)).toBe(0o666);
  });

  const isRoot = process.getuid?.() === 0;

  test.skipIf(!isRoot)('is given to the account and group that are to connect', async () => {
    await start({ path }, { socketOwner: OTHER, socketGroup: OTHER + 1 });
    expect(statSync(path)).toMatchObject({ uid: OTHER, gid: OTHER + 1 });
    const second = `${path}2`;
    await start({ path: second }, { socketGroup: OTHER });
    expect(statSync(second)).toMatchObject({ uid: 0, gid: OTHER });
    expect(modeOf(second)).toBe(0o660);
  });

  test.skipIf(!isRoot)(
    'is not given away where somebody can put another file in its place',
    async () => {
      chmodSync(folder, 0o777);
      await expect(listen(createServer(), { path }, { socketGroup: OTHER })).rejects.toThrow(
        `${path} is not given to another account: everybody may write to its folder`,
      );
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  test('is not given away by an account that may not', async () => {
    // EPERM: as for every account but root.
    const lchown = vi.spyOn(fs, 'lchownSync').mockImplementation(() => {
      throw Object.assign(new Error('EPERM'), { code: 'EPERM' });
    });
    syncBuiltinESMExports();
    try {
      const rejected = expect(listen(createServer(), { path }, { socketGroup: OTHER })).rejects;
      await rejected.toThrow(
        `${path} cannot be given to group ${OTHER}: only root and the members of that group may do that`,
      );
      expect(readdirSync(folder)).toEqual([]);
    } finally {
      lchown.mockRestore();
      syncBuiltinESMExports();
    }
  });

  test('is removed when the server stops', async () => {
    const server = await start({ path });
    expect(await ask({ path })).toBe('served');
    await stopListening(server, { path });
    expect(readdirSync(folder)).toEqual([]);
  });

  test('is not removed when it is that of another process by now', async () => {
    const first = await start({ path });
    rmSync(path); // as a deployment does that starts the next process before it stops this one
    await start({ path });
    await stopListening(first, { path });
    expect(readdirSync(folder)).toEqual(['socket']);
    expect(await ask({ path })).toBe('served');
  });

  test('is not removed when it is another file by now, and need not be there', async () => {
    const first = await start({ path });
    rmSync(path);
    writeFileSync(path, 'precious');
    await stopListening(first, { path });
    expect(readdirSync(folder)).toEqual(['socket']);
    rmSync(path);
    const second = await start({ path });
    rmSync(path);
    await stopListening(second, { path });
    expect(readdirSync(folder)).toEqual([]);
  });

  test('left over from a crash is replaced', async () => {
    crash();
    await start({ path }, { socketMode: 0o600 });
    expect(await ask({ path })).toBe('served');
    expect(modeOf(path)).toBe(0o600);
  });

  test('that somebody serves is refused, and left alone', async () => {
    await start({ path });
    expect(await refusal({ path })).toBe(`unix:${path} is in use by another process`);
    expect(await ask({ path })).toBe('served');
  });

  test.each([
    ['a file', (): void => writeFileSync(path, 'precious')],
    ['a folder', () => void mkdirSync(path)],
    ['a link to nowhere', () => symlinkSync(join(folder, 'nowhere'), path)],
  ])('never replaces %s', async (_, make) => {
    make();
    expect(await refusal({ path })).toBe(`${path} exists and is not a socket`);
    expect(readdirSync(folder)).toEqual(['socket']);
  });

  test('left over is replaced by one of those that start at the same time, not by each', async () => {
    crash();
    const starts = await Promise.allSettled([1, 2, 3].map(() => start({ path })));
    expect(starts.map(({ status }) => status).toSorted()).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
    ]);
    for (const start of starts) {
      if (start.status === 'rejected')
        expect(start.reason).toEqual(new UsageError(`unix:${path} is in use by another process`));
    }
    expect(await ask({ path })).toBe('served');
  });

  describe.skipIf(process.getuid?.() !== 0)(
    'among what belongs to other accounts (as root)',
    () => {
      test('that another account has left is not removed', async () => {
        crash();
        chownSync(path, OTHER, OTHER);
        expect(await refusal({ path })).toBe(
          `${path} is a stale socket, but it is not removed: it belongs to another account (${OTHER})`,
        );
        expect(statSync(path).isSocket()).toBe(true);
      });

      test.each([
        ['that belongs to another account', OTHER, 0o755, /its folder belongs to another account/],
        ['to which everybody may write', 0, 0o777, /everybody may write to its folder/],
      ])('left over in a folder %s is not removed', async (_, uid, mode, message) => {
        crash();
        chownSync(folder, uid, uid);
        chmodSync(folder, mode);
        expect(await refusal({ path })).toMatch(message);
        expect(statSync(path).isSocket()).toBe(true);
      });

      test('left over in a folder as /tmp is replaced', async () => {
        crash();
        chmodSync(folder, 0o1777);
        await start({ path });
        expect(await ask({ path })).toBe('served');
      });

      test('is not made where a link of another account leads', async () => {
        mkdirSync(join(folder, 'private'));
        const link = join(folder, 'link');
        symlinkSync(join(folder, 'private'), link);
        path = join(link, 'socket');
        await start({ path });
        lchownSync(link, OTHER, OTHER);
        path = join(link, 'other');
        expect(await refusal({ path })).toBe(
          `${link} is a link, and it belongs to another account (${OTHER})`,
        );
        expect(readdirSync(join(folder, 'private'))).toEqual(['socket']);
      });
    },
  );

  test('in a folder that does not exist is refused', async () => {
    path = join(folder, 'none', 'socket');
    expect(await refusal({ path })).toBe(`the folder of unix:${path} does not exist`);
  });

  // sun_path holds 108 bytes, or 104; Node 20 cuts the rest off, and makes a socket of another name.
  test('with a path that is too long is refused, and nothing of another name made', async () => {
    path = join(folder, 'é'.repeat(60));
    expect(path.length).toBeLessThan(104);
    expect(await refusal({ path })).toMatch(/^the path of unix:.* is too long: 1\d\d bytes/);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('with the longest path there can be is served', async () => {
    path = join(folder, 'x'.repeat((process.platform === 'linux' ? 107 : 103) - folder.length - 1));
    await start({ path });
    expect(await ask({ path })).toBe('served');
  });
});

describe('an inherited socket', () => {
  const source = pathToFileURL(
    join(import.meta.dirname, '../../dist/src/listening/listener.js'),
  ).href;
  /** Serves one connection on a descriptor, stops, and asks whether nobody accepts any more. */
  const program = (fd: number): string => `
    import { connect, createServer } from 'node:net';
    import { listen, stopListening } from ${JSON.stringify(source)};
    const address = { fd: ${fd} };
    const server = createServer((socket) => socket.end('inherited'));
    await listen(server, address);
    server.once('connection', (socket) =>
      socket.on('close', async () => {
        await stopListening(server, address);
        connect(${JSON.stringify(path)}).on('error', ({ code }) => console.log('stopped', code));
      }),
    );
    console.log('listening');
  `;

  test.each([0, 3])('on descriptor %i is served, and never unlinked', async (fd) => {
    const manager = createServer().listen(path);
    await once(manager, 'listening');
    const { fd: descriptor } = (manager as unknown as { _handle: { fd: number } })._handle;
    const stdio: ('ignore' | 'pipe' | 'inherit' | number)[] = ['ignore', 'pipe', 'inherit'];
    stdio[fd] = descriptor;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program(fd)], { stdio });
    let said = '';
    child.stdout!.on('data', (chunk) => (said += String(chunk)));
    await once(child.stdout!, 'data');
    // A service manager does not accept; this process would, and would remove the socket when it no longer does.
    renameSync(path, `${path}.kept`);
    manager.close();
    await once(manager, 'close');
    renameSync(`${path}.kept`, path);
    expect(await ask({ path })).toBe('inherited');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(said).toBe('listening\nstopped ECONNREFUSED\n');
    expect(existsSync(path)).toBe(true);
  });

  test.each([
    ['fork()', "fork(file, { stdio: ['inherit', 'ignore', 'ignore', 'ipc'] })"],
    ['fork() without a word about it', 'fork(file, { silent: false })'],
    ["spawn() with stdio: 'inherit'", "spawn(process.execPath, [file], { stdio: 'inherit' })"],
    [
      'spawn() with its number',
      "spawn(process.execPath, [file], { stdio: [0, 'ignore', 'ignore'] })",
    ],
  ])('on descriptor 0 is kept from a child of %s', async (_, start) => {
    const file = join(folder, 'child.mjs');
    writeFileSync(file, 'setInterval(() => {}, 1000);');
    const manager = createServer().listen(path);
    await once(manager, 'listening');
    const { fd } = (manager as unknown as { _handle: { fd: number } })._handle;
    const script = `
      import { fork, spawn } from 'node:child_process';
      import { fstatSync } from 'node:fs';
      import { connect, createServer } from 'node:net';
      import { listen, stopListening } from ${JSON.stringify(source)};
      const address = { fd: 0 };
      const server = createServer((socket) => socket.end('inherited'));
      await listen(server, address);
      const file = ${JSON.stringify(file)};
      const child = ${start};
      await new Promise((resolve) => child.once('spawn', resolve));
      process.send('listening');
      process.once('message', async () => {
        await stopListening(server, address);
        connect(${JSON.stringify(path)})
          .on('connect', () => end('accepted'))
          .on('error', ({ code }) => end(code));
      });
      function end(outcome) {
        if (!process.connected) return;
        process.send([outcome, fstatSync(0).isSocket(), child.exitCode]);
        child.kill();
        process.disconnect();
      }
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: [fd, 'ignore', 'inherit', 'ipc'],
    });
    expect(await once(child, 'message')).toEqual(['listening', undefined]);
    renameSync(path, `${path}.kept`); // as above
    manager.close();
    await once(manager, 'close');
    renameSync(`${path}.kept`, path);
    child.send('stop');
    const [outcome] = (await once(child, 'message')) as [unknown];
    expect(outcome).toEqual(['ECONNREFUSED', false, null]);
  });

  test('that is none is refused', async () => {
    expect(await refusal({ fd: 999_999 })).toMatch(
      /^fd:999999 is not (?:open|a listening socket)$/,
    );
  });
});
