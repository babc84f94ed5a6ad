import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';

import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { UsageError } from '../../src/errors.ts';
import type { Application, Environ } from '../../src/types.ts';
import { cutAt, damage, damages, places } from '../reader-kit.ts';
import { PROTOCOLS, echo, hello, serve, until } from './kit.ts';
import type { Protocol, Running } from './kit.ts';
import { encodeExactly } from '../scgi/client.ts';
import { encodePacket } from '../uwsgi/client.ts';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'postern-'))));
afterEach(() => rmSync(folder, { recursive: true }));

/** Serves, sends one request with these variables and gives back what the application saw of it. */
async function environOf(protocol: Protocol, variables: Record<string, string>): Promise<Environ> {
  let seen: Environ | undefined;
  const gateway = await serve(protocol, (environ, startResponse) =>
    hello((seen = environ), startResponse),
  );
  expect(String((await gateway.request(variables)).body)).toBe('hello');
  expect(gateway.log).toEqual([]);
  return seen!;
}

/** Sends bytes that are refused. @returns the line in the log */
async function refusal(gateway: Running, bytes: Uint8Array): Promise<string> {
  gateway.log.length = 0;
  const frontEnd = await gateway.connect();
  frontEnd.send(bytes);
  expect((await frontEnd.reply()).head).toBe('');
  expect(gateway.log).toHaveLength(1);
  expect(String((await gateway.request()).body)).toBe('hello');
  return gateway.log[0]!;
}

function modeOf(path: string): number {
  return statSync(path).mode & 0o777;
}

/** What is no request of the protocol, and what the log says of it. */
const REFUSED: Readonly<Record<string, [name: string, bytes: Buffer, rule: RegExp][]>> = {
  scgi: [
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\n\r\n'), /looks like HTTP/],
    ['a TLS hello', Buffer.from([0x16, 3, 1, 2, 0]), /looks like TLS/],
    ['a length of 4 GiB', Buffer.from('4294967295:'), /maxVariablesSize \(131072\)/],
    ['a malformed one', encodeExactly([['SCGI', '1']]), /CONTENT_LENGTH is not the first/],
    ['one that is cut', Buffer.from('7:CONTENT,'), /does not end with NUL/],
  ],
  uwsgi: [
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\n\r\n'), /looks like HTTP/],
    ['a TLS hello', Buffer.from([0x16, 3, 1, 2, 0]), /looks like TLS/],
    [
      'a length behind the end',
      encodePacket(Buffer.from('\xff\xff', 'latin1')),
      /runs past the end/,
    ],
    ['a reload', encodePacket(Buffer.from('x'), { modifier1: 98 }), /modifier1 is 98/],
  ],
};

describe.each(PROTOCOLS)('$name', (protocol) => {
  test.each(REFUSED[protocol.name]!)(
    '%s is closed without a response, with one line in the log',
    async (_, bytes, rule) => {
      const line = await refusal(await serve(protocol, hello), bytes);
      expect(line).toMatch(/^(scgi|uwsgi): 127\.0\.0\.1:\d+: /);
      expect(line).toMatch(protocol.name);
      expect(line).toMatch(rule);
    },
  );

  test('damaged requests do no harm to the next one', async () => {
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const gateway = await serve(protocol, echo);
    const whole = gateway.encode({ HTTP_A: 'b' }, 'body');
    await fc.assert(
      fc.asyncProperty(damages, places, async (where, at) => {
        const frontEnd = await gateway.connect();
        for (const chunk of cutAt(damage(whole, where), at)) frontEnd.send(chunk);
        frontEnd.socket.end();
        await frontEnd.reply();
        expect(String((await gateway.request({}, 'body')).body)).toBe('body');
      }),
      { seed: 7, numRuns: 150 },
    );
    await until(() => gateway.connections === 0);
    expect(stderr).not.toHaveBeenCalled();
  });

  test('too many variables, and too large ones', async () => {
    const gateway = await serve(protocol, hello, { maxVariables: 10, maxVariablesSize: 1000 });
    const many = Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`A${i}`, '']));
    expect(await refusal(gateway, gateway.encode(many))).toMatch(/more than maxVariables \(10\)$/);
    const large = gateway.encode({ HTTP_X: 'x'.repeat(1000) });
    expect(await refusal(gateway, large)).toMatch(/more than maxVariablesSize \(1000\)$/);
  });

  test('names that mean something in JavaScript are plain data', async () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'];
    const environ = await environOf(
      protocol,
      Object.fromEntries(names.map((name) => [name, `the ${name}`])),
    );
    for (const name of names.slice(1)) expect(environ[name]).toBe(`the ${name}`);
    expect(Object.getPrototypeOf(environ)).toBe(null);
    const pairs = [['__proto__', 'the __proto__']] as const;
    let seen: Environ | undefined;
    const gateway = await serve(protocol, (own, startResponse) =>
      hello((seen = own), startResponse),
    );
    const frontEnd = await gateway.connect();
    frontEnd.send(protocol.encode(pairs));
    await frontEnd.reply();
    expect(Object.entries(seen!).filter(([name]) => name === '__proto__')).toEqual(pairs);
    expect(Object.getPrototypeOf(seen)).toBe(null);
  });

  test.each([
    [{ SCRIPT_NAME: '/a/very/long/name', PATH_INFO: '', REQUEST_URI: '/a' }],
    [{ SCRIPT_NAME: '', PATH_INFO: '/x\n\ry', REQUEST_URI: '/x%0a%0dy' }],
    [{ SCRIPT_NAME: '/app', PATH_INFO: '/\n', REQUEST_URI: '' }],
    [{ SCRIPT_NAME: '', PATH_INFO: '', REQUEST_URI: '/' }],
  ])('a path that is odd: %j', async (paths) => {
    const environ = await environOf(protocol, paths);
    expect(environ).toMatchObject({ ...paths, REQUEST_URI: paths.REQUEST_URI || '/app/%0A' });
  });

  test('variables that mean something to other servers change nothing', async () => {
    const before = JSON.stringify([process.env, process.cwd(), process.argv, process.execArgv]);
    const file = join(folder, 'evil.mjs');
    writeFileSync(file, `globalThis.evil = true; export default () => ['evil'];`);
    const variables = {
      UWSGI_FILE: file,
      UWSGI_MODULE: file,
      UWSGI_CALLABLE: 'default',
      UWSGI_SCRIPT: file,
      UWSGI_CHDIR: folder,
      UWSGI_PYHOME: folder,
      UWSGI_TOUCH_RELOAD: file,
      UWSGI_SETENV: 'EVIL=1',
      UWSGI_APPID: 'evil',
      UWSGI_SCHEME: 'https',
      NODE_OPTIONS: `--import ${file}`,
      PHP_VALUE: `auto_prepend_file = ${file}`,
      SCRIPT_FILENAME: file,
      PATH: folder,
    };
    const environ = await environOf(protocol, variables);
    expect(environ).toMatchObject(variables);
    expect(environ['wsgi.url_scheme']).toBe('http');
    expect(JSON.stringify([process.env, process.cwd(), process.argv, process.execArgv])).toBe(
      before,
    );
    expect('evil' in globalThis).toBe(false);
  });

  test('more connections than allowed are closed at once', async () => {
    const gateway = await serve(protocol, hello, { maxConnections: 2 });
    const kept = [await gateway.connect(), await gateway.connect()];
    await until(() => gateway.connections === 2);
    const refused = await gateway.request().catch(() => undefined);
    expect(refused?.head ?? '').toBe('');
    expect(gateway.log).toHaveLength(1);
    expect(gateway.log[0]).toMatch(/^\w+: 127\.0\.0\.1:\d+: more than maxConnections \(2\)$/);
    kept[0]!.leave();
    await until(() => gateway.connections === 1);
    expect(String((await gateway.request()).body)).toBe('hello');
    kept[1]!.leave();
  });

  test('a peer that is not among those allowed is closed at once', async () => {
    const application = vi.fn(hello);
    const gateway = await serve(protocol, application, { allow: ['10.0.0.0/8', '::1'] });
    const refused = await gateway.request().catch(() => undefined);
    expect(refused?.head ?? '').toBe('');
    expect(application).not.toHaveBeenCalled();
    expect(gateway.log).toHaveLength(1);
    expect(gateway.log[0]).toMatch(
      /^\w+: 127\.0\.0\.1:\d+: not among the addresses that may connect$/,
    );
  });

  test('one that has left before it was looked at gets nothing done', async () => {
    const application = vi.fn(hello);
    const gateway = await serve(protocol, application, { allow: ['10.0.0.0/8'] });
    const { port } = gateway.server.address() as AddressInfo;
    // Meanwhile this process does not get to accept the connection. The request arrives all the same.
    const client = `
      const socket = require('net').connect(${port}, '127.0.0.1', () => {
        socket.write(Buffer.from('${gateway.encode({}).toString('hex')}', 'hex'), () =>
          socket.resetAndDestroy());
      });`;
    expect(spawnSync(process.execPath, ['-e', client]).status).toBe(0);
    await until(() => gateway.log.length > 0);
    expect(gateway.log).toEqual([
      `${protocol.name}: a peer that has left: not among the addresses that may connect`,
    ]);
    expect(application).not.toHaveBeenCalled();
  });

  test('a peer that is among them is served, and so is any on a unix socket', async () => {
    const tcp = await serve(protocol, hello, { allow: ['127.0.0.0/8'] });
    expect(String((await tcp.request()).body)).toBe('hello');
    const unix = await serve(protocol, hello, { allow: [], listen: `unix:${folder}/socket` });
    expect(String((await unix.request()).body)).toBe('hello');
  });

  test('a unix socket is for owner and group, unless told otherwise', async () => {
    await serve(protocol, hello, { listen: `unix:${folder}/a` });
    await serve(protocol, hello, { listen: `unix:${folder}/b`, socketMode: 0o600 });
    expect([modeOf(`${folder}/a`), modeOf(`${folder}/b`)]).toEqual([0o660, 0o600]);
  });

  test('a unix socket left over from a crash is replaced, one that is served is not', async () => {
    const path = join(folder, 'socket');
    const crash = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', crash]);
    expect(statSync(path).isSocket()).toBe(true);
    const gateway = await serve(protocol, hello, { listen: `unix:${path}` });
    expect(String((await gateway.request()).body)).toBe('hello');
    await expect(serve(protocol, hello, { listen: `unix:${path}` })).rejects.toThrow(UsageError);
    expect(String((await gateway.request()).body)).toBe('hello');
    await gateway.server.close();
    expect(() => statSync(path)).toThrow(/ENOENT/);
  });

  test('a refused request on a unix socket is named in the log', async () => {
    const gateway = await serve(protocol, hello, { listen: `unix:${folder}/socket` });
    const line = await refusal(gateway, Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    expect(line).toMatch(new RegExp(`^${protocol.name}: unix: `));
  });

  test('what a user can get wrong is said before anything listens', async () => {
    await expect(serve(protocol, hello, { maxVariables: -1 })).rejects.toThrow(UsageError);
    await expect(serve(protocol, hello, { bodyTimeout: NaN })).rejects.toThrow(/bodyTimeout NaN/);
    await expect(serve(protocol, hello, { allow: ['localhost'] })).rejects.toThrow(UsageError);
    await expect(serve(protocol, hello, { listen: 'nowhere' })).rejects.toThrow(UsageError);
    await expect(serve(protocol, 'none' as unknown as Application)).rejects.toThrow(UsageError);
  });
});

test('no limit at all is possible', async () => {
  const infinite = {
    maxConnections: Infinity,
    maxVariablesSize: Infinity,
    maxVariables: Infinity,
    variablesTimeout: Infinity,
    bodyTimeout: Infinity,
    responseTimeout: Infinity,
    sendTimeout: Infinity,
    closeTimeout: Infinity,
  };
  for (const protocol of PROTOCOLS) {
    const gateway = await serve(protocol, echo, infinite);
    const body = Buffer.alloc(5_000_000, 'x');
    const reply = await gateway.request({ HTTP_X: 'x'.repeat(60_000) }, body);
    expect(reply.body.equals(body)).toBe(true);
  }
});
