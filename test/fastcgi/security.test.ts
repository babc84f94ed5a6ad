/**
 * Bad input, row by row of the table in SECURITY.md. Rows that need more room: 6 in memory.test.ts,
 * 17 in timeouts.test.ts, 24 in departures.test.ts. Rows 8 and 10 are about other gateways.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, describe, expect, test, vi } from 'vitest';

import { runWithFastCgi } from '../../adapters/fastcgi/index.ts';
import { createLog } from '../../src/logging/log.ts';
import { normalizeMount } from '../../src/uri/mount.ts';
import type { Environ } from '../../src/types.ts';
import { echo, hello, keeping, serve, until } from './kit.ts';
import type { Running } from './kit.ts';
import {
  TYPE,
  encodeBegin,
  encodePairs,
  encodeRecord,
  encodeRequest,
  encodeStream,
} from './peer.ts';

const NAMES = ['toString', 'constructor', '__proto__', 'hasOwnProperty', 'valueOf'];

let folder: string | undefined;
afterEach(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  folder = undefined;
  vi.unstubAllEnvs();
});

/** The environ that an application sees of these variables alone. */
async function environOf(pairs: Iterable<readonly [string, string]>): Promise<Environ> {
  const environs: Environ[] = [];
  const gateway = await serve(keeping(environs, hello));
  const peer = await gateway.connect();
  peer.send(encodeBegin({}), encodeStream(TYPE.PARAMS, 1, encodePairs(pairs)));
  expect((await peer.reply()).text).toBe('hello');
  peer.leave();
  return environs[0]!;
}

/** Sends what closes the connection. @returns the one line of the log */
async function refusal(gateway: Running, bytes: Uint8Array): Promise<string> {
  gateway.log.length = 0;
  const peer = await gateway.connect();
  peer.send(bytes);
  await peer.ending();
  expect(gateway.log).toHaveLength(1);
  expect((await gateway.request()).text).toBe('hello');
  return gateway.log[0]!;
}

describe('row 1: lengths of pairs', () => {
  test.each([
    ['0xFFFFFFFF twice', 'ffffffffffffffff'],
    ['a sum that overflows 32 bits', 'ffffffff80000003616263'],
    ['past the end of the stream', '7f7f6162'],
    ['an end inside a length', '8000'],
  ])('%s: 400, and the connection goes on', async (_, digits) => {
    const application = vi.fn(hello);
    const gateway = await serve(application);
    const peer = await gateway.connect();
    const before = process.memoryUsage().arrayBuffers;
    peer.send(encodeBegin({}), encodeStream(TYPE.PARAMS, 1, Buffer.from(digits, 'hex')));
    expect((await peer.reply()).status).toBe('400 Bad Request');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000);
    expect(application).not.toHaveBeenCalled();
    expect((await peer.request()).text).toBe('hello');
    peer.leave();
  });
});

describe('row 2: what is no record of FastCGI', () => {
  test.each([
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), /looks like HTTP/],
    ['a TLS hello', Buffer.from([0x16, 3, 1, 2, 0, 1, 0]), /looks like TLS/],
    ['version 2', Buffer.from([2, 1, 0, 1, 0, 0, 0, 0]), /record version 2 instead of 1/],
    ['version 0', Buffer.alloc(64), /record version 0 instead of 1/],
  ])('%s: closed, with one line in the log', async (_, bytes, rule) => {
    const gateway = await serve(hello);
    const line = await refusal(gateway, bytes);
    expect(line).toMatch(/^fastcgi: 127\.0\.0\.1:\d+: /);
    expect(line).toMatch(rule);
  });

  test.each([0, 3, 6, 7, 9, 10, 11, 12, 99, 255])('type %i', async (type) => {
    const gateway = await serve(echo);
    const peer = await gateway.connect();
    const strange = (id: number): Buffer => encodeRecord(type, id, Buffer.from('strange'), 1);
    // For an id that is not active, for one that is, and for none: that one is answered.
    peer.send(strange(5), encodeBegin({ id: 1 }), strange(1));
    peer.send(encodeRequest({ id: 2, stdin: 'body' }));
    expect((await peer.reply(2)).text).toBe('body');
    if (type !== TYPE.GET_VALUES) {
      peer.send(strange(0));
      while (peer.management.length === 0) await peer.next();
      const { type: answer, content } = peer.management[0]!;
      expect([answer, content[0]]).toEqual([TYPE.UNKNOWN_TYPE, type]);
    }
    expect(gateway.log).toEqual([]);
    peer.leave();
  });
});

describe('row 3: names that mean something in JavaScript', () => {
  test('in GET_VALUES: left out of the result', async () => {
    const gateway = await serve(hello);
    const peer = await gateway.connect();
    peer.send(encodeRecord(TYPE.GET_VALUES, 0, encodePairs(NAMES.map((name) => [name, '']))));
    expect((await peer.next())!.content).toHaveLength(0);
    peer.leave();
  });

  test('in PARAMS: plain data', async () => {
    const environ = await environOf(NAMES.map((name) => [name, `the ${name}`] as const));
    for (const name of NAMES) expect(environ[name]).toBe(`the ${name}`);
    expect(Object.getPrototypeOf(environ)).toBe(null);
    expect(({} as Record<string, unknown>)['the __proto__']).toBeUndefined();
  });

  test('the keys of the contract cannot be forged', async () => {
    const forged = ['wsgi.input', 'wsgi.url_scheme', 'postern.role', 'postern.signal', 'wsgi.x'];
    const environ = await environOf(forged.map((name) => [name, 'forged'] as const));
    for (const name of forged) expect(environ[name]).not.toBe('forged');
  });
});

describe('row 4: records and pairs, cut anywhere', () => {
  test('65,535 bytes of content and 255 of padding, in PARAMS and in STDIN', async () => {
    const environs: Environ[] = [];
    const gateway = await serve(keeping(environs, echo));
    const peer = await gateway.connect();
    const body = Buffer.alloc(65_535, 'b');
    const pairs = encodePairs([
      ['CONTENT_LENGTH', '65535'],
      ['HTTP_X', 'x'.repeat(70_000)],
    ]);
    const bytes = Buffer.concat([
      encodeBegin({}),
      encodeRecord(TYPE.PARAMS, 1, pairs.subarray(0, 65_535), 255),
      encodeRecord(TYPE.PARAMS, 1, pairs.subarray(65_535), 255),
      encodeRecord(TYPE.PARAMS, 1, Buffer.alloc(0), 255),
      encodeRecord(TYPE.STDIN, 1, body, 255),
      encodeRecord(TYPE.STDIN, 1, Buffer.alloc(0), 255),
    ]);
    peer.send(bytes);
    expect((await peer.reply()).body.equals(body)).toBe(true);
    expect(environs[0]!['HTTP_X']).toBe('x'.repeat(70_000));
    peer.leave();
  });

  test('one byte in each record, and each of them by itself', async () => {
    const environs: Environ[] = [];
    const gateway = await serve(keeping(environs, echo));
    const peer = await gateway.connect();
    const pairs = encodePairs([
      ['CONTENT_LENGTH', '4'],
      ['LONG', 'v'.repeat(200)],
    ]);
    const records = [
      encodeBegin({}),
      encodeStream(TYPE.PARAMS, 1, pairs, 1),
      encodeStream(TYPE.STDIN, 1, Buffer.from('body'), 1),
    ];
    for (const byte of Buffer.concat(records)) {
      peer.send(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await peer.reply()).text).toBe('body');
    expect(environs[0]!['LONG']).toBe('v'.repeat(200));
    peer.leave();
  });
});

test('row 5: a body of our own with bytes that look like records and headers', async () => {
  const gateway = await serve(echo);
  const body = Buffer.concat([
    encodeRecord(TYPE.END_REQUEST, 1, Buffer.alloc(8)),
    encodeRequest({ id: 2, stdin: 'smuggled' }),
    encodeRecord(TYPE.STDOUT, 1, Buffer.from('Status: 500 Oh\r\n\r\n')),
    Buffer.from('HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\n\r\n'),
    encodeRecord(TYPE.STDIN, 1, Buffer.alloc(0)),
  ]);
  const answer = await gateway.request({ stdin: body });
  expect(answer.body.equals(body)).toBe(true);
  expect(answer.status).toBe('200 OK');
});

test.each([
  ['', '', ''],
  ['/', '', '/'],
  ['/app', '', '/app/longer/than/the/uri'],
  ['/index.php', '/x\ny', '/'],
  ['/long'.repeat(50), '/x', '/x'],
  ['', '/%0a', '/%250a'],
  ['script', 'info', 'http://[::'],
])('row 7: SCRIPT_NAME %j, PATH_INFO %j, REQUEST_URI %j', async (script, info, uri) => {
  for (const scriptName of [undefined, '', '/app', normalizeMount(`${script}/longer`)]) {
    const environs: Environ[] = [];
    const gateway = await serve(keeping(environs, hello), { scriptName });
    const params = { SCRIPT_NAME: script, PATH_INFO: info, REQUEST_URI: uri };
    expect((await gateway.request({ params })).text).toBe('hello');
    const environ = environs[0]!;
    expect(environ['SCRIPT_NAME']).toMatch(/^$|^\/./);
    expect(environ['PATH_INFO']).toMatch(/^$|^\//);
    expect(environ['REQUEST_URI']).toMatch(/^\/|^\*$/);
  }
});

test('row 9: a Proxy header becomes no variable', async () => {
  const environ = await environOf([['HTTP_PROXY', 'http://evil/']]);
  expect(Object.keys(environ)).not.toContain('HTTP_PROXY');
});

test('row 11: no twin of CONTENT_LENGTH and CONTENT_TYPE takes their place', async () => {
  const environ = await environOf([
    ['HTTP_CONTENT_LENGTH', '99'], // without CONTENT_LENGTH there is no body
    ['CONTENT_TYPE', 'text/plain'],
    ['HTTP_CONTENT_TYPE', 'text/html'],
  ]);
  expect(environ['CONTENT_TYPE']).toBe('text/plain');
  expect(Object.keys(environ).filter((name) => name.startsWith('HTTP_CONTENT'))).toEqual([]);
  expect(Object.keys(environ)).not.toContain('CONTENT_LENGTH');
});

test.each([
  ['200 OK\r\nX: y', []],
  ['200 OK', [['X-A', 'b\r\nSet-Cookie: c=d']]],
  ['200 OK', [['X-A\r\nX-B', 'c']]],
  ['200 OK', [['X-A', 'b\0']]],
  ['200 OK', [['Status', '302 Found']]],
] as const)('row 12: %j with headers %j is refused', async (status, headers) => {
  const gateway = await serve((_environ, startResponse) => {
    startResponse(status, headers);
    return [];
  });
  const answer = await gateway.request();
  expect(answer.status).toBe('500 Internal Server Error');
  expect(answer.head).not.toMatch(/Set-Cookie|X-A|X-B|302|X: y/);
});

test('row 13: a response without a Content-Type stays without', async () => {
  const gateway = await serve((_environ, startResponse) => {
    startResponse('200 OK', []);
    return [Buffer.from('<script>alert(1)</script>')];
  });
  expect((await gateway.request()).head).not.toMatch(/content-type/i);
});

test('row 14: protocol variables change nothing but the environ', async () => {
  const hostile = {
    NODE_OPTIONS: '--inspect=0.0.0.0',
    UWSGI_FILE: '/etc/passwd',
    PHP_VALUE: 'auto_prepend_file=/etc/passwd',
    SCRIPT_FILENAME: '/etc/passwd',
    POSTERN_LOG_LEVEL: 'silent',
    FCGI_WEB_SERVER_ADDRS: '192.0.2.1',
    LD_PRELOAD: '/evil.so',
  };
  const before = { ...process.env };
  const environ = await environOf(Object.entries(hostile));
  expect(environ).toMatchObject(hostile);
  expect(process.env).toEqual(before);
});

test('row 15: an exception is told of on STDERR, and never in the response', async () => {
  const gateway = await serve(() => {
    throw new Error('the secret');
  });
  const answer = await gateway.request();
  expect(answer.status).toBe('500 Internal Server Error');
  expect(answer.head + answer.text).not.toMatch(/secret|at .*\.ts/);
  expect(answer.stderr).toMatch(/^Error: the secret\n {4}at /);
});

test('row 16: control characters are escaped in every log', async () => {
  const lines: string[] = [];
  const gateway = await serve(
    (environ, startResponse) => {
      environ['wsgi.errors'].write(`agent ${environ['HTTP_USER_AGENT']}\n`);
      return hello(environ, startResponse);
    },
    { log: createLog('debug', (line) => void lines.push(line)) },
  );
  const hostile = 'x\x1b[2J\r\nforged\x00';
  expect((await gateway.request({ params: { HTTP_USER_AGENT: hostile } })).stderr).toBe(
    'agent x\\x1b[2J\\r\nforged\\x00\n',
  );
  const params = { REQUEST_METHOD: hostile, REMOTE_ADDR: hostile };
  expect((await gateway.request({ params })).status).toBe('400 Bad Request');
  await until(() => lines.some((line) => line.includes('400')));
  for (const line of lines) expect(line).toMatch(/^postern: [\x20-\x7e]*\n$/);
});

test('row 18: headers of the client never select a file', async () => {
  const names = ['X_SENDFILE', 'X_ACCEL_REDIRECT', 'X_SENDFILE_TYPE', 'X_ACCEL_MAPPING'];
  const gateway = await serve(echo);
  const params = Object.fromEntries(names.map((name) => [`HTTP_${name}`, '/etc/passwd']));
  const answer = await gateway.request({ stdin: 'body', params });
  expect(answer.text).toBe('body');
  expect(answer.head).not.toMatch(/x-sendfile|x-accel/i);
});

describe('row 19: peers that may not connect', () => {
  test.each([
    ['10.0.0.1', false],
    ['10.0.0.1,127.0.0.1', true],
    [' 127.0.0.1 ', true],
    ['', true],
  ])('FCGI_WEB_SERVER_ADDRS %j', async (addresses, isServed) => {
    vi.stubEnv('FCGI_WEB_SERVER_ADDRS', addresses);
    const application = vi.fn(hello);
    const gateway = await serve(application);
    const peer = await gateway.connect();
    peer.send(encodeRequest());
    const answer = await peer.reply();
    expect(answer.text).toBe(isServed ? 'hello' : '');
    if (!isServed) {
      expect(application).not.toHaveBeenCalled();
      expect(gateway.log[0]).toMatch(/^fastcgi: 127\.0\.0\.1:\d+: not among the addresses/);
    }
    peer.leave();
  });

  test('the option goes before the variable, and is no matter of unix sockets', async () => {
    vi.stubEnv('FCGI_WEB_SERVER_ADDRS', '10.0.0.1');
    const gateway = await serve(hello, { allow: ['127.0.0.0/8'] });
    expect((await gateway.request()).text).toBe('hello');
    folder = mkdtempSync(join(tmpdir(), 'postern-'));
    const local = await serve(hello, { listen: `unix:${folder}/app.sock` });
    expect((await local.request()).text).toBe('hello');
  });

  test('an address that is none is said when the server starts', async () => {
    vi.stubEnv('FCGI_WEB_SERVER_ADDRS', '127.0.0.1,localhost');
    const starting = runWithFastCgi(hello, { listen: '127.0.0.1:0' });
    await expect(starting).rejects.toThrow(/"localhost" is neither an IP address nor a network/);
  });
});

describe('row 20: unix sockets', () => {
  test('mode 0660 unless told otherwise; one in use is an error', async () => {
    folder = mkdtempSync(join(tmpdir(), 'postern-'));
    const path = join(folder, 'app.sock');
    const gateway = await serve(hello, { listen: `unix:${path}` });
    expect(statSync(path).mode & 0o777).toBe(0o660);
    const second = runWithFastCgi(hello, { listen: `unix:${path}` });
    await expect(second).rejects.toThrow(/is in use by another process/);
    expect((await gateway.request()).text).toBe('hello');
  });

  test('one that a crash has left is replaced', async () => {
    folder = mkdtempSync(join(tmpdir(), 'postern-'));
    const path = join(folder, 'app.sock');
    // Node removes those that it closes itself, in whatever way: only a process that is killed leaves one.
    const crash = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', crash, path]);
    expect(statSync(path).isSocket()).toBe(true);
    const gateway = await serve(hello, { listen: `unix:${path}` });
    expect((await gateway.request()).text).toBe('hello');
  });
});

describe('row 22: too much', () => {
  test('100,000 variables, and one of a megabyte', async () => {
    const gateway = await serve(hello);
    const peer = await gateway.connect();
    const many = encodePairs(Array.from({ length: 100_000 }, (_, i) => [`A${i}`, 'b'] as const));
    const large = encodePairs([['HTTP_X', 'x'.repeat(1_000_000)]]);
    for (const pairs of [many, large]) {
      peer.send(encodeBegin({}), encodeStream(TYPE.PARAMS, 1, pairs));
      expect((await peer.reply()).status).toBe('431 Request Header Fields Too Large');
    }
    expect(gateway.log).toHaveLength(1); // one a second
    expect((await peer.request()).text).toBe('hello');
    peer.leave();
  });
});

test('row 23: padding is zero, whatever memory held before', async () => {
  const gateway = await serve((environ, startResponse) => {
    const size = Number(environ['QUERY_STRING']);
    // What a pool hands out next was used before.
    for (let i = 0; i < 50; i++) Buffer.allocUnsafe(100 + size).fill(0xee);
    environ['wsgi.errors'].write('e'.repeat(size));
    startResponse('200 OK', []);
    return [Buffer.alloc(size, 'x')];
  });
  const peer = await gateway.connect();
  // The peer fails the test at a padding byte that is not zero.
  for (const size of [1, 2, 3, 4, 5, 6, 7, 8, 9, 100, 1001, 16_385, 20_003, 65_533, 70_001]) {
    const answer = await peer.request({ params: { QUERY_STRING: String(size) } });
    expect([answer.body.length, answer.stderr.length]).toEqual([size, size]);
  }
  peer.leave();
});
