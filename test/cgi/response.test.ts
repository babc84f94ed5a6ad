/** What reaches standard output, and how the process ends. */

import { once } from 'node:events';

import { describe, expect, test } from 'vitest';

import { POSTERN, RUNNER, application, run, runApplication, split, start } from './process.ts';

const EXPECTED_HELLO =
  'Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello';

describe('the response', () => {
  test('is CGI style, and the process ends well', async () => {
    const { stdout, stderr, code } = await runApplication('hello');
    expect(stdout.toString()).toBe(EXPECTED_HELLO);
    expect(stderr).toBe('');
    expect(code).toBe(0);
  });

  test('is the same from a program around runWithCgi, whose promise is fulfilled', async () => {
    const { stdout, stderr, code } = await run([RUNNER], { variables: { APPLICATION: 'hello' } });
    expect(stdout.toString()).toBe(EXPECTED_HELLO);
    expect(stderr).toBe('afterwards, exit code 0\n');
    expect(code).toBe(0);
  });

  test('of HEAD has no body', async () => {
    const { stdout } = await runApplication('hello', { variables: { REQUEST_METHOD: 'HEAD' } });
    expect(split(stdout)).toEqual({
      head: 'Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5',
      body: Buffer.alloc(0),
    });
  });

  // A pipe holds 64 KiB. What process.exit() cuts off is what lies beyond.
  test.each(['large', 'careless'])('of %s arrives whole through a pipe', async (name) => {
    const { stdout } = await runApplication(name, { shell: '"$@" | { sleep 0.2; cat; }' });
    const { body } = split(stdout);
    const large = Buffer.concat(Array.from({ length: 256 }, (_, i) => Buffer.alloc(4096, i)));
    // Not toEqual, which takes seconds for so many bytes.
    if (name === 'careless') expect(body.toString()).toBe('hello');
    else expect(body.equals(large)).toBe(true);
  });

  // The pipe is nearly full, and a write to it does not wait: by the fcntl(2) of another process that has it, here dd.
  test.each(['hello', 'large', 'pieces'])(
    'of %s arrives whole where a write does not wait for the reader',
    async (name) => {
      const nonBlocking = 'dd if=/dev/null oflag=nonblock status=none';
      const { stdout } = await runApplication(name, {
        shell: `{ head -c 65530 /dev/zero; ${nonBlocking}; "$@"; } | { sleep 0.5; cat; }`,
      });
      const expected = await runApplication(name);
      expect(stdout.subarray(0, 65_530).equals(Buffer.alloc(65_530))).toBe(true);
      expect(stdout.subarray(65_530).equals(expected.stdout)).toBe(true);
    },
  );

  test('arrives whole in a file', async () => {
    const { stdout } = await runApplication('large', {
      shell: 'file=$(mktemp); "$@" > "$file"; cat "$file"; rm "$file"',
    });
    expect(split(stdout).body.length).toBe(1024 * 1024);
  });

  test.each(['command', 'runner'])('is all that reaches stdout (%s)', async (how) => {
    const { stdout, stderr } =
      how === 'command'
        ? await runApplication('talkative')
        : await run([RUNNER], { variables: { APPLICATION: 'talkative' } });
    expect(stdout.toString()).toBe('Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nhello');
    for (const text of ['by log', 'by table', 'by process.stdout', 'by a held stream', 'later']) {
      expect(stderr).toContain(text);
    }
  });
});

test('whose log nobody reads is sent all the same, and the process ends well', async () => {
  const { stdout } = await runApplication('complaining', {
    shell:
      'exec 3>&1; { sleep 0.2; "$@" >&3; echo "exit code $?" >&3; } 2>&1 >&3 | true; sleep 0.5',
  });
  expect(stdout.toString()).toBe(`${EXPECTED_HELLO}exit code 0\n`);
});

test('row 16: what the error log is told has no control characters', async () => {
  const { stderr } = await runApplication('complaining', {
    variables: { QUERY_STRING: 'a%1b%5b31mb%0dc%0a%09d' },
  });
  expect(stderr).toBe('a\\x1b[31mb\\rc\n\td\n');
});

describe('non-parsed headers', () => {
  const EXPECTED =
    /^HTTP\/1\.1 200 OK\r\nDate: [A-Z][a-z]{2}, .* GMT\r\nServer: postern\r\nConnection: close\r\nContent-Type: text\/plain\r\nContent-Length: 5\r\n\r\nhello$/;

  test.each([
    ['SCRIPT_NAME', '/cgi-bin/nph-hello.cgi'],
    ['SCRIPT_FILENAME', '/srv/cgi-bin/nph-hello'],
  ])('are sent for a script that is called so in %s', async (name, value) => {
    const { stdout } = await runApplication('hello', { variables: { [name]: value } });
    expect(stdout.toString()).toMatch(EXPECTED);
  });

  test('are sent when asked for', async () => {
    const { stdout } = await runApplication('hello', { variables: { POSTERN_NPH: '1' } });
    expect(stdout.toString()).toMatch(EXPECTED);
  });

  test.each(['/nph-folder/hello.cgi', '/cgi-bin/graph-nph-1'])(
    'are not sent for %s',
    async (SCRIPT_NAME) => {
      const { stdout } = await runApplication('hello', { variables: { SCRIPT_NAME } });
      expect(stdout.toString()).toBe(EXPECTED_HELLO);
    },
  );
});

describe('the end of the process', () => {
  test('does not wait for what the application has left open', async () => {
    const { stdout, code } = await runApplication('careless');
    expect(stdout.toString()).toBe(EXPECTED_HELLO);
    expect(code).toBe(0);
  });

  test('waits for the body to be closed, and a moment for what goes on behind it', async () => {
    const { stderr, code } = await runApplication('diligent');
    expect(stderr).toBe('closed after the response\ndone in the background\n');
    expect(code).toBe(0);
  });

  test('is not what tells the web server that the response is complete', async () => {
    const variables = { APPLICATION: 'careless', OPTIONS: '{"graceTimeout":60000}' };
    const child = start([RUNNER], { variables });
    await once(child.stdout.resume(), 'end');
    child.kill('SIGKILL');
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
  });

  test.each(['endless', 'flood'])('is quiet when the reader of %s leaves', async (name) => {
    const { stdout, stderr, code } = await runApplication(name, {
      shell: '{ "$@"; echo "exit code $?" >&2; } | head -c 100000',
    });
    expect(stdout.length).toBe(100_000);
    expect(stderr.replace('aborted\n', '')).toBe('closed\nexit code 0\n');
    expect(code).toBe(0);
  });

  test.each(['endless', 'flood'])('by SIGTERM closes the body of %s', async (name) => {
    const child = start([POSTERN, application(name)]);
    const ended = once(child, 'close');
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    // One chunk, and nothing after it: the process is stuck in writing.
    await once(child.stdout, 'readable');
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([128 + 15, null]);
    child.stdout.resume();
    await ended;
    expect(stderr.replace('aborted\n', '')).toBe('closed\n');
  });

  test('by SIGTERM comes even if the application does not care', async () => {
    const child = start([POSTERN, application('stuckWithTimer')]);
    await once(child.stderr, 'data');
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([128 + 15, null]);
  });
});

describe('errors', () => {
  test('before the headers get a 500 that tells nothing, and the process ends well', async () => {
    const { stdout, stderr, code } = await runApplication('failing');
    expect(split(stdout).head).toMatch(/^Status: 500 Internal Server Error\r\n/);
    expect(stdout.toString()).not.toContain('secret');
    expect(stderr).toMatch(/^Error: a secret\n {4}at failing /);
    expect(code).toBe(0);
  });

  test('after the headers break the response off, and the exit code tells', async () => {
    const { stdout, stderr, code } = await runApplication('broken');
    expect(stdout.toString()).toBe('Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nhel');
    expect(stderr).toMatch(/^Error: broken in the middle\n/);
    expect(code).toBe(1);
  });

  test('after the headers, and after a while, do the same to a program around runWithCgi', async () => {
    const variables = { APPLICATION: 'brokenLater' };
    const { stdout, stderr, code } = await run([RUNNER], { variables });
    expect(split(stdout).body.toString()).toBe('hel');
    expect(stderr).toMatch(/^Error: broken in the middle\n[^]*\nafterwards, exit code 1\n$/);
    expect(code).toBe(1);
  });

  test.each([
    ['throwing', 'postern: uncaught exception while serving GET /: Error: thrown by a timer\n'],
    ['rejecting', 'postern: unhandled rejection while serving GET /: Error: rejected by nobody'],
  ])('%s outside of the request are told of, and the exit code tells', async (name, message) => {
    const { stdout, stderr, code } = await runApplication(name);
    expect(stdout.toString()).toBe(EXPECTED_HELLO);
    expect(stderr).toContain(message);
    expect(code).toBe(1);
  });

  test('an application that waits for nothing is answered for', async () => {
    const { stdout, stderr, code } = await runApplication('stuck');
    expect(split(stdout).head).toMatch(/^Status: 500 Internal Server Error\r\n/);
    expect(stderr).toContain('the application waits for something that will never happen');
    expect(code).toBe(1);
  });

  test('a body that waits for nothing is broken off', async () => {
    const { stdout, code } = await runApplication('stuckInTheMiddle');
    expect(split(stdout).body.toString()).toBe('hel');
    expect(code).toBe(1);
  });
});
