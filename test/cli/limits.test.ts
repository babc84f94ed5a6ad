/** Limits and other options that are given to the command hold in the gateways: through real processes. */

import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ask } from './ask.ts';
import { CommandProcess, fixture, run } from './process.ts';

const APP = fixture('served.mjs');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-limits-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function portOf(command: CommandProcess, gateway: string): Promise<number> {
  const [, port] = await command.says(new RegExp(`^postern: ${gateway} on .*:(\\d+)/?$`, 'm'));
  return Number(port);
}

/** Sends bytes and reads until the connection is closed. */
function send(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {}); // a reset is an end, too
  socket.write(text);
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
  return new Promise((resolve) => {
    socket.on('close', () => resolve(answer));
  });
}

const get = (path: string, more = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}Connection: close\r\n\r\n`;

describe('HTTP', () => {
  test('takes its limits from flags, variables and the configuration', async () => {
    const config = join(folder, 'limits.json');
    writeFileSync(config, JSON.stringify({ maxBodySize: '1K', maxHeaders: 50 }));
    const command = new CommandProcess(
      [APP, '--http', '0', '--max-request-line-size', '40', '--headers-timeout=0.2'],
      { env: { POSTERN_MAX_HEADERS: '3', POSTERN_CONFIG: config } },
    );
    const port = await portOf(command, 'http');
    expect(await send(port, get('/'))).toMatch(/^HTTP\/1\.1 200 /);
    expect(await send(port, get(`/${'x'.repeat(40)}`))).toMatch(/^HTTP\/1\.1 414 /);
    expect(await send(port, get('/', 'A: 1\r\nB: 2\r\n'))).toMatch(/^HTTP\/1\.1 431 /);
    expect(await send(port, get('/', 'Content-Length: 1025\r\n'))).toMatch(/^HTTP\/1\.1 413 /);
    expect(await send(port, 'GET / HTTP/1.1\r\n')).toMatch(/^HTTP\/1\.1 408 /);
    expect((await command.stop()).code).toBe(0);
  });

  test('says what it is told to say', async () => {
    const command = new CommandProcess([APP, '--http', '0', '--no-server-header']);
    const response = await send(await portOf(command, 'http'), get('/x'));
    expect(response).toMatch(/^HTTP\/1\.1 200 [^]*http \|\/x$/);
    expect(response).not.toMatch(/^Server:/im);
    expect((await command.stop()).code).toBe(0);
  });
});

test('a limit that gateways call differently is one option', async () => {
  const command = new CommandProcess([
    APP,
    '--fastcgi',
    '0',
    '--scgi',
    '0',
    '--uwsgi',
    '0',
    '--max-variables',
    '5',
  ]);
  for (const gateway of ['fastcgi', 'scgi', 'uwsgi'] as const) {
    await ask(gateway, { port: await portOf(command, gateway) }).catch(() => ''); // reset
  }
  // The names in the log are those of the library.
  await command.says(/fastcgi: .* 431: .*maxParams \(5\)/);
  await command.says(/scgi: .*maxVariables \(5\)/);
  await command.says(/uwsgi: .*maxVariables \(5\)/);
  expect((await command.stop()).code).toBe(0);
});

test('--response-timeout and --idle-timeout are of every gateway', async () => {
  const command = new CommandProcess([
    APP,
    '--http',
    '0',
    '--scgi',
    '0',
    '--fastcgi',
    '0',
    '--response-timeout',
    '0.1',
    '--idle-timeout',
    '0.1',
    '--shutdown-timeout',
    '0.1',
  ]);
  const http = await portOf(command, 'http');
  expect(await send(http, get('/slow'))).toMatch(/^HTTP\/1\.1 503 /);
  const body = 'Service Unavailable';
  expect(await ask('scgi', { port: await portOf(command, 'scgi') }, '/slow')).toContain(body);
  const fastcgi = await portOf(command, 'fastcgi');
  expect(await ask('fastcgi', { port: fastcgi }, '/slow')).toContain(body);
  // A connection on which nothing comes.
  expect(await send(fastcgi, '')).toBe('');
  expect((await command.stop()).code).toBe(0);
});

test('--allow and --max-connections are of every gateway', async () => {
  const strict = new CommandProcess([
    APP,
    '--http',
    '0',
    '--fastcgi',
    '0',
    '--scgi',
    '0',
    '--uwsgi',
    '0',
    '--allow',
    '10.0.0.0/8',
  ]);
  for (const gateway of ['http', 'fastcgi', 'scgi', 'uwsgi'] as const) {
    expect(await send(await portOf(strict, gateway), '')).toBe('');
    await strict.says(new RegExp(`${gateway}: .*: not among the addresses that may connect`));
  }
  expect((await strict.stop()).code).toBe(0);

  const narrow = new CommandProcess([APP, '--http', '0', '--max-connections', '1']);
  const port = await portOf(narrow, 'http');
  const first = connect(port, '127.0.0.1').resume();
  await once(first, 'connect');
  expect(await send(port, get('/'))).toBe('');
  await narrow.says(/more than maxConnections \(1\)/);
  first.destroy();
  expect((await narrow.stop()).code).toBe(0);
});

test('--sendfile lets the web server send files, in CGI too', async () => {
  const app = join(folder, 'file.mjs');
  writeFileSync(join(folder, 'file.txt'), 'content');
  writeFileSync(
    app,
    `import { createReadStream } from 'node:fs';
     export default (environ, startResponse) => {
       startResponse('200 OK', [['Content-Length', '7']]);
       return new environ['wsgi.file_wrapper'](createReadStream('${folder}/file.txt'));
     };`,
  );
  const flags = ['--sendfile', 'X-Accel-Redirect', '--sendfile-root', folder];
  const command = new CommandProcess([app, '--http', '0', ...flags, '--sendfile-prefix', '/files']);
  const response = await send(await portOf(command, 'http'), get('/'));
  expect(response).toMatch(/^X-Accel-Redirect: \/files\/file\.txt\r$/m);
  expect((await command.stop()).code).toBe(0);

  const { stdout } = await run([app], {
    env: {
      GATEWAY_INTERFACE: 'CGI/1.1',
      REQUEST_METHOD: 'GET',
      POSTERN_SENDFILE: 'X-Sendfile',
      POSTERN_SENDFILE_ROOT: folder,
    },
  });
  expect(stdout).toMatch(/^X-Sendfile: .*\/file\.txt\r$/m);
});

describe('a wrong value', () => {
  test.each([
    [['--max-body-size', '1T'], /^postern: --max-body-size: "1T" is not a number of bytes.*\n$/],
    [
      ['--idle-timeout', 'long'],
      /^postern: --idle-timeout: "long" is not a time such as 30s, 500ms or 2m [^\n]*\n$/,
    ],
    [['--allow', 'me'], /^postern: --allow: "me" is neither an IP address nor a network\n$/],
    [['--sendfile', 'X-Sendfile'], /^postern: --sendfile needs --sendfile-root\n$/],
  ])('%j is one line and exit code 2', async (flags, message) => {
    const { stderr, code } = await run([APP, '--http', '0', ...flags]);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });
});
