/** An application in a folder of its own, and the command that loads it again when it changes. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, beforeEach } from 'vitest';

import { CommandProcess } from '../process.ts';

/** Where the application of the test is. */
export let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-reload-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Writes a file of the application. */
export function write(name: string, source: string): string {
  const file = join(folder, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, source);
  return file;
}

/** Source of an application that answers with the value of an expression, and tells of itself when it is loaded. */
export const answering = (expression: string): string => `
  console.error('loaded by ' + process.pid);
  export default (environ, startResponse) => {
    startResponse('200 OK', []);
    return [Buffer.from(String(${expression}))];
  };
`;

/** Starts the command, and waits for its port. */
export async function start(
  name = 'app.mjs',
  ...args: string[]
): Promise<[CommandProcess, number]> {
  const command = new CommandProcess([name, '--http', '0', '--reload', ...args], { cwd: folder });
  const [, port] = await command.says(/^postern: http on .*:(\d+)\/$/m);
  return [command, Number(port)];
}

/** What everybody is told of an error. */
export const PLAIN = 'A server error occurred. Please contact the administrator.';

/** The whole response to a browser on this machine. */
export async function askBrowser(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(
    'GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nConnection: close\r\n\r\n',
  );
  return (await socket.toArray()).join('');
}

/** Waits until it has said something so many times. */
export const times = (text: string, count: number): RegExp =>
  new RegExp(`(?:${text}[^]*){${count}}`);

/** Waits for the end of a process. */
export async function untilGone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await sleep(5);
  }
}
