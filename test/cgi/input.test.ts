/** Standard input: CONTENT_LENGTH bytes of it, when they are asked for, and nothing else. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { POSTERN, RUNNER, application, runApplication, split, start } from './process.ts';

const POST = { REQUEST_METHOD: 'POST' };

test('ends at CONTENT_LENGTH, whatever comes after it', async () => {
  const { stdout, code } = await runApplication('echo', {
    variables: { ...POST, CONTENT_LENGTH: '5' },
    input: 'hello and more',
    keepOpen: true,
  });
  expect(split(stdout).body.toString()).toBe('hello');
  expect(code).toBe(0);
});

test('comes from a file as well', async () => {
  const { stdout } = await runApplication('echo', {
    variables: { ...POST, CONTENT_LENGTH: '5' },
    input: 'hello and more',
    shell: 'file=$(mktemp); cat > "$file"; "$@" < "$file"; rm "$file"',
  });
  expect(split(stdout).body.toString()).toBe('hello');
});

test('of 4 MiB arrives whole', async () => {
  const input = Buffer.from(Array.from({ length: 4 * 1024 * 1024 }, (_, i) => i % 251));
  const { stdout } = await runApplication('echo', {
    variables: { ...POST, CONTENT_LENGTH: String(input.length) },
    input,
  });
  expect(split(stdout).body.equals(input)).toBe(true);
});

test.each([
  ['hello', '14', 'is not touched when the application does not read'],
  ['echo', '', 'is not touched when there is no CONTENT_LENGTH'],
])('%s with CONTENT_LENGTH %j %s', async (name, CONTENT_LENGTH) => {
  const { stdout } = await runApplication(name, {
    variables: { ...POST, CONTENT_LENGTH },
    input: 'left untouched',
    // What the program leaves is there for the next one.
    shell: '"$@" > /dev/null; cat',
  });
  expect(stdout.toString()).toBe('left untouched');
});

test('is not waited for when the application leaves it', async () => {
  const { stdout, code } = await runApplication('reluctant', {
    variables: { ...POST, CONTENT_LENGTH: '1000000' },
    input: 'x',
    keepOpen: true,
  });
  expect(split(stdout).body.toString()).toBe('x');
  expect(code).toBe(0);
});

test.each(['careless', 'reluctant'])(
  'that %s leaves does not hold up who writes it',
  async (name) => {
    // As Apache does: nothing of the response is read before all of the body has been written, or
    // cannot be. The process itself goes on for a while.
    const input = Buffer.alloc(10_000_000);
    const child = start([RUNNER], {
      variables: {
        ...POST,
        CONTENT_LENGTH: String(input.length),
        APPLICATION: name,
        OPTIONS: '{"graceTimeout":60000}',
      },
      input,
      keepOpen: true,
    });
    const [error] = (await once(child.stdin, 'error')) as [NodeJS.ErrnoException];
    expect(['EPIPE', 'ECONNRESET']).toContain(error.code);
    child.kill('SIGKILL');
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
  },
);

// As under Apache's mod_cgid. Closed with bytes unread, the socket would be reset, and the response lost.
test.each(['careless', 'reluctant', 'echo', 'nobody'])(
  'that %s leaves is read to its end when it is the same socket as the output',
  async (name) => {
    const input = Buffer.alloc(1_000_000, 'x');
    const { response, code } = await runOnSocket(name, input);
    expect(response.toString()).toMatch(/^Status: (?:200|500) /);
    expect(code).toBe(name === 'nobody' ? 1 : 0);
  },
);

/** A program of which one socket is both input and output; all of the input is sent before its output is read. */
async function runOnSocket(
  name: string,
  input: Buffer,
): Promise<{ response: Buffer; code: number | null }> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-cgi-'));
  const server = createServer({ pauseOnConnect: true }).listen(join(folder, 'socket'));
  await once(server, 'listening');
  const socket = connect({ path: join(folder, 'socket'), allowHalfOpen: true });
  const [theirs] = (await once(server, 'connection')) as [Socket];
  const child = spawn(process.execPath, [POSTERN, application(name)], {
    env: {
      GATEWAY_INTERFACE: 'CGI/1.1',
      ...POST,
      CONTENT_LENGTH: String(input.length),
    },
    stdio: [theirs, theirs, 'ignore'],
  });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  theirs.destroy();
  server.close();
  await new Promise((resolve) => socket.end(input, resolve as () => void));
  const response = Buffer.concat(await socket.toArray());
  rmSync(folder, { recursive: true });
  return { response, code: (await exited)[0] };
}

test('that ends early is an error', async () => {
  const { stdout, stderr } = await runApplication('echo', {
    variables: { ...POST, CONTENT_LENGTH: '10' },
    input: 'short',
  });
  expect(split(stdout).head).toMatch(/^Status: 500 /);
  expect(stderr).toContain('the request body ended 5 bytes before CONTENT_LENGTH');
});

test.each(['x', '-1', '1e3', '0x10', '99999999999999999999', ' 5'])(
  'of CONTENT_LENGTH %j is refused',
  async (CONTENT_LENGTH) => {
    const { stdout } = await runApplication('echo', { variables: { ...POST, CONTENT_LENGTH } });
    expect(split(stdout).head).toMatch(/^Status: 400 Bad Request\r\n/);
  },
);
