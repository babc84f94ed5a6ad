/**
 * Runs a real web server privately: its own temporary folder, a free loopback port, its log in
 * reach, and nothing left of it afterwards, not even when a test forgets to stop it.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { renderConf } from '../../src/cli/conf/conf.ts';

/** What a test says to start a server. */
export interface ServerOptions {
  /** The file under `conf/`: `'nginx/fastcgi.conf'`. */
  readonly conf: string;
  /** Its placeholders. `listen`, `redirectFrom`, `name`, `serverName` and `path` are filled in when not given. */
  readonly values: Readonly<Record<string, string>>;
  /** What is started instead of the shipped file: made for the port that the server is to listen on. */
  readonly text?: (port: number) => string;
  /** More configuration, in the server's own language, beside the shipped file. */
  readonly extra?: string | undefined;
  /** Apache: more lines in the virtual host. */
  readonly within?: string | undefined;
  /** More environment variables for the server's process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A running server. */
export interface RunningServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** Its temporary folder, readable by the account the server works as. */
  readonly folder: string;
  readonly pid: number;
  /** All it has said so far: log file and standard error. */
  errorLog(): string;
  /** Resolves when the process and all its children are gone. */
  stop(): Promise<void>;
}

/** A server's files are written; it is ready to be checked or started. */
export interface PreparedServer {
  readonly folder: string;
  readonly port: number;
  readonly command: string;
  /** Stays in the foreground. */
  readonly startArgs: readonly string[];
  /** Only judges the configuration. */
  readonly checkArgs: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Beginning of the name of a unix socket in the folder on which a helper of the server has to listen, too. */
  readonly helperSocket?: string;
}

/** The account under which servers that are started as root do their work. */
export const WORKER_ACCOUNT = 'www-data';
export const isRoot = process.getuid?.() === 0;

const START_TIMEOUT = 15_000;
const STOP_TIMEOUT = 5_000;

/** What is running, and what it has written, until it is stopped. */
const groups = new Set<number>();
const folders = new Set<string>();

/** For what a test has forgotten, or could not stop because it failed. */
function sweep(): void {
  for (const group of groups) killGroup(group, 'SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  groups.clear();
  folders.clear();
}
process.once('exit', sweep);
// Vitest ends its workers without that event.
if (process.env.VITEST) (await import('vitest')).afterAll(sweep);

/** A temporary folder that other accounts may enter and read. Removed when the test file ends. */
export function temporaryFolder(purpose: string): string {
  const folder = mkdtempSync(join(tmpdir(), `postern-${purpose}-`));
  chmodSync(folder, 0o755);
  folders.add(folder);
  return folder;
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  folders.delete(folder);
}

/**
 * A loopback port that is free now. It is below the range from which the kernel takes ports for
 * outgoing connections, so that no connection of another test can occupy it in the meantime.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 17_000);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  try {
    probe.listen(port, '127.0.0.1');
    await once(probe, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    probe.close();
  }
}

/**
 * A folder and a port for a server, with the shipped file filled in and written there as `site`.
 * The server's main configuration, which is the harness's own, includes it.
 */
export async function prepareSite(
  site: string,
  options: ServerOptions,
): Promise<{ readonly folder: string; readonly port: number }> {
  const folder = temporaryFolder(options.conf.replace(/\W+/g, '-'));
  const port = await freePort();
  const values = {
    name: 'app',
    // Without a name the others serve it under all names.
    ...(/^(?:nginx|apache)/.test(options.conf) && { serverName: 'localhost' }),
    listen: `127.0.0.1:${port}`,
    redirectFrom: `127.0.0.1:${await freePort()}`,
    path: '/usr/local/bin:/usr/bin:/bin',
    ...options.values,
  };
  const text = options.text?.(port) ?? renderConf(options.conf, values);
  // What goes into a site has no such end.
  const end = /(?:<\/VirtualHost>\n)?$/;
  writeFileSync(join(folder, site), text.replace(end, `${options.within ?? ''}\n$&`));
  return { folder, port };
}

/** The path of a program. `/usr/sbin`, where servers live, is not in every account's PATH; `/usr/bin` is. */
export function findExecutable(name: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...folders, ...folders.map((folder) => folder.replace(/\/bin$/, '/sbin'))]
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Starts a prepared server and waits until its port answers. */
export async function launch(server: PreparedServer): Promise<RunningServer> {
  const [command, ...args] = dyingWithUs(executable(server), ...server.startArgs);
  // A process group of its own: stopping reaches workers and CGI children too.
  const child = spawn(command, args, {
    cwd: server.folder,
    detached: true,
    env: environment(server),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  await once(child, 'spawn');
  const group = child.pid!;
  groups.add(group);

  const log = join(server.folder, 'error.log');
  const errorLog = () => (existsSync(log) ? readFileSync(log, 'utf8') : '') + output;
  let stopping: Promise<void> | undefined;
  const stop = () =>
    (stopping ??= stopGroup(child, group).finally(() => removeFolder(server.folder)));

  try {
    await answering(child, server);
  } catch (error) {
    const said = errorLog();
    await stop();
    throw new Error(`${server.command} did not start: ${said}`, { cause: error });
  }
  return {
    url: `http://127.0.0.1:${server.port}`,
    port: server.port,
    folder: server.folder,
    pid: group,
    errorLog,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** What the server's own checker says of the configuration, and whether it is content with it. */
export function check(server: PreparedServer): { readonly ok: boolean; readonly output: string } {
  const result = spawnSync(executable(server), server.checkArgs, {
    cwd: server.folder,
    encoding: 'utf8',
    env: environment(server),
  });
  removeFolder(server.folder);
  return { ok: result.status === 0, output: result.stdout + result.stderr };
}

function executable(server: PreparedServer): string {
  return findExecutable(server.command) ?? server.command;
}

/** Not the environment of the tests: what a server starts would inherit it, NODE_OPTIONS and all. */
function environment(server: PreparedServer): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, ...server.env };
}

/** The command, ended by the kernel when this process is killed and cannot end it any more. */
export function dyingWithUs(...command: [string, ...string[]]): [string, ...string[]] {
  const setpriv = findExecutable('setpriv');
  return setpriv ? [setpriv, '--pdeathsig', 'TERM', '--', ...command] : command;
}

async function answering(child: ChildProcess, server: PreparedServer): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT;
  while (Date.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('it ended');
    if ((await accepts(server.port)) && (await helperAccepts(server))) return;
    await sleep(20);
  }
  throw new Error(`port ${server.port} did not answer in ${START_TIMEOUT} ms`);
}

/** Whether a TCP port on the loopback interface, or a unix socket, takes connections. */
export async function accepts(address: number | string): Promise<boolean> {
  const socket =
    typeof address === 'number' ? connect(address, '127.0.0.1') : connect({ path: address });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function helperAccepts({ folder, helperSocket }: PreparedServer): Promise<boolean> {
  if (helperSocket === undefined) return true;
  const name = readdirSync(folder).find((file) => file.startsWith(helperSocket));
  return name !== undefined && accepts(join(folder, name));
}

async function stopGroup(child: ChildProcess, group: number): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await Promise.race([ended, sleep(STOP_TIMEOUT, undefined, { ref: false })]);
  }
  // Workers may outlive their master by a moment, and nothing may outlive the test. Once they were
  // killed only zombies can be left, which are their new parent's business.
  for (let waited = 0; waited < 2_000 && killGroup(group, waited < 1_000 ? 0 : 'SIGKILL');) {
    await sleep(20);
    waited += 20;
  }
  groups.delete(group);
}

/** Signals a process group (0 only asks); false when nothing of it is left. */
function killGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal);
  } catch {
    return false;
  }
}
