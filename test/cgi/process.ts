/** A CGI program as a web server starts it: a process with variables, an input and two outputs. */

import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

/** The command, as users have it. */
export const POSTERN = pathOf('../../dist/src/cli/main.cjs');
/** The path of a file in fixtures/. */
export const fixture = (name: string): string => pathOf(`fixtures/${name}`);
/** `application('hello')` is the export `hello` of fixtures/applications.mjs. */
export const application = (name: string): string =>
  `${pathOf('fixtures/applications.mjs')}:${name}`;
/** A script that calls `runWithCgi` itself, with the options that it is given in OPTIONS, as JSON. */
export const RUNNER = pathOf('fixtures/runner.mjs');

/** What a process is given. */
export interface Setup {
  readonly variables?: Readonly<Record<string, string>>;
  /** Default: nothing. The input ends after it, unless `keepOpen`. */
  readonly input?: string | Uint8Array;
  readonly keepOpen?: boolean;
  /** A shell command in which `"$@"` is the program: for what a spawned process cannot be given directly. */
  readonly shell?: string;
}

/** What became of it. */
export interface Outcome {
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly code: number | null;
}

const GET = { GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: 'GET', SERVER_PROTOCOL: 'HTTP/1.1' };

/** Starts `node` with arguments as a CGI program. */
export function start(args: readonly string[], setup: Setup = {}): ChildProcessWithoutNullStreams {
  const env = { PATH: process.env['PATH'], ...GET, ...setup.variables };
  const command = [process.execPath, ...args];
  const [file, ...rest] =
    setup.shell === undefined ? command : ['/bin/sh', '-c', setup.shell, 'sh', ...command];
  const child = spawn(file!, rest, { env });
  // A program may leave its input unread.
  child.stdin.on('error', () => {});
  child.stdin.write(setup.input ?? '');
  if (setup.keepOpen !== true) child.stdin.end();
  return child;
}

/** Runs it to its end. */
export async function run(args: readonly string[], setup: Setup = {}): Promise<Outcome> {
  return outcomeOf(start(args, setup));
}

/** Runs an export of the sample applications under the command. */
export function runApplication(name: string, setup: Setup = {}): Promise<Outcome> {
  return run([POSTERN, application(name)], setup);
}

/** Waits for the end of a process. */
export async function outcomeOf(child: ChildProcessWithoutNullStreams): Promise<Outcome> {
  const stdout: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { stdout: Buffer.concat(stdout), stderr, code };
}

/** Head and body of a response. */
export function split(response: Buffer): { head: string; body: Buffer } {
  const end = response.indexOf('\r\n\r\n');
  if (end < 0) throw new Error(`no end of headers in ${JSON.stringify(response.toString())}`);
  return { head: response.toString('latin1', 0, end), body: response.subarray(end + 4) };
}
