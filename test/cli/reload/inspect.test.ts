/** The debugger attaches to the application, not to the process that listens. */

import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { ask } from '../ask.ts';
import { CommandProcess } from '../process.ts';
import { answering, folder, times, write } from './kit.ts';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** The program to which a debugger at this port attaches. */
async function debuggedAt(port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/json/list`);
  const [target] = (await response.json()) as [{ title: string }];
  return target.title;
}

const listens = (count: number): RegExp => times('Debugger listening on ', count);

describe('with --reload', () => {
  test.each([
    ['--inspect=PORT', {}],
    ['--inspect=127.0.0.1:PORT', {}],
    ['', { NODE_OPTIONS: '--inspect=PORT' }],
    ['', { POSTERN_INSPECT: 'PORT' }],
  ])('%s %j debugs the application, and what replaces it', async (flag, variables) => {
    write('app.mjs', answering("'one'"));
    const port = await freePort();
    const withPort = (text: string): string => text.replace('PORT', String(port));
    const env = Object.fromEntries(
      Object.entries(variables).map(([name, value]) => [name, withPort(value)]),
    );
    const args = ['app.mjs', '--http', '0', '--reload', ...(flag === '' ? [] : [withPort(flag)])];
    const command = new CommandProcess(args, { cwd: folder, env });
    const [, http] = await command.says(/^postern: http on .*:(\d+)\/$/m);
    expect(await ask('http', { port: Number(http) })).toBe('one');
    expect(await debuggedAt(port)).toContain('reload/child.js');
    const listening = command.stderr.match(/Debugger listening/g)!.length;
    writeFileSync(join(folder, 'app.mjs'), answering("'two'"));
    await command.says(/^postern: reloaded$/m);
    await command.says(listens(listening + 1));
    expect(await debuggedAt(port)).toContain('reload/child.js');
    expect((await command.stop()).stderr).not.toContain('address already in use');
  });
});

test('without it there is one process', async () => {
  write('app.mjs', answering("'one'"));
  const port = await freePort();
  const command = new CommandProcess(['app.mjs', '--http', '0', `--inspect=${port}`], {
    cwd: folder,
  });
  await command.says(/^postern: http on/m);
  expect(await debuggedAt(port)).toMatch(/cli\/main\.c?js/);
});

test('--inspect-brk waits before the application is loaded', async () => {
  write('app.mjs', answering("'one'"));
  const port = await freePort();
  const args = ['app.mjs', '--http', '0', '--reload', `--inspect-brk=${port}`];
  const command = new CommandProcess(args, { cwd: folder });
  await command.says(listens(1));
  expect(await debuggedAt(port)).toContain('reload/child.js');
  expect((await command.stop()).stderr).not.toContain('loaded by');
});

describe('where connections cannot be handed over', () => {
  test.each([
    ['Bun', 'bun --watch'],
    ['Deno', 'deno --watch'],
  ])('%s: --reload is one line', async (name, instead) => {
    write('app.mjs', answering("'one'"));
    // As a start by that program shows itself.
    const env = { NODE_OPTIONS: `--import data:text/javascript,globalThis.${name}={}` };
    const setup = { cwd: folder, env };
    const command = new CommandProcess(['app.mjs', '--http', '0', '--reload'], setup);
    expect(await command.ended).toMatchObject({
      stderr: `postern: --reload needs Node; with ${name}: ${instead}, and --no-reload\n`,
      code: 2,
    });
    const other = new CommandProcess(['app.mjs', '--http', '0'], setup);
    await other.says(/^postern: http on/m);
  });
});
