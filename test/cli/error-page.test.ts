/** When the command shows errors of the application, and what it loads for that. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';

import { expect, onTestFinished, test } from 'vitest';

import { describeWithServer } from '../servers/availability.ts';
import { CommandProcess, POSTERN, fixture } from './process.ts';

const APP = fixture('failing.ts');
const LISTENS = /http on .*:(\d+)\//;

/** Asks as a browser does. */
async function browse(port: number): Promise<string> {
  const headers = { Host: 'localhost', Accept: 'text/html', Connection: 'close' };
  const outgoing = request({ host: '127.0.0.1', port, headers }).end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return (await response.toArray()).join('');
}

test.each<[shown: boolean, args: string[], env: Record<string, string>]>([
  [false, [], {}],
  [true, ['--error-page'], {}],
  [true, ['--error-page'], { NODE_ENV: 'production' }],
  [true, [], { POSTERN_ERROR_PAGE: 'on' }],
  [false, ['--no-error-page'], { POSTERN_ERROR_PAGE: 'on' }],
])('without a terminal: %j with %j %j', async (shown, args, env) => {
  const command = new CommandProcess([APP, '--http', '0', ...args], { env });
  const [, port] = await command.says(LISTENS);
  const page = await browse(Number(port));
  expect(page.includes('<html')).toBe(shown);
  expect(page.includes('the application has failed')).toBe(shown);
  await command.says(/Error: the application has failed/);
});

describeWithServer('script', 'at a terminal', () => {
  test.each<[shown: boolean, args: string[], env: Record<string, string>]>([
    [true, [], {}],
    [false, [], { NODE_ENV: 'production' }],
    [false, ['--no-error-page'], {}],
  ])('%j with %j %j', async (shown, args, env) => {
    const words = [process.execPath, POSTERN, APP, '--http', '0', ...args];
    const command = words.map((word) => `'${word}'`).join(' ');
    const terminal = spawn('script', ['-qefc', `exec ${command}`, '/dev/null'], {
      env: { PATH: process.env['PATH'], ...env },
    });
    onTestFinished(() => void terminal.kill('SIGKILL'));
    let said = '';
    terminal.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    while (!LISTENS.test(said)) await once(terminal.stdout, 'data');
    const page = await browse(Number(LISTENS.exec(said)![1]));
    expect(page.includes('<html')).toBe(shown);
    expect(page.includes('the application has failed')).toBe(shown);
  });
});

test('what renders it is loaded with the first error that is shown', async () => {
  const tell = new URL('../cgi/fixtures/tell-modules.mjs', import.meta.url).href;
  const command = new CommandProcess([APP, '--http', '0', '--error-page'], {
    env: { NODE_OPTIONS: `--import ${tell}` },
  });
  const [, port] = await command.says(LISTENS);
  expect(command.stderr).toContain('adapters/http/error-page/index.js');
  const rendering = /error-page\/render\.js|node_modules\/(?:youch|@poppinss|@speed-highlight)/;
  expect(command.stderr).not.toMatch(rendering);
  await browse(Number(port));
  await command.says(rendering);
});
