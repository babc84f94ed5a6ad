/** Follows a recipe of conf/README.md as it is written, on a server as its package has installed it, while it is running. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'vitest';

import { CERTIFICATE, KEY } from '../http/certificate.ts';
import { temporaryFolder } from '../servers/launch.ts';
import { stagePackage } from '../servers/staging.ts';
import { runOnStock } from '../servers/stock.ts';
import { blocks, commands, readPage, section } from './markdown.ts';

/** A server of the distribution. */
export interface StockServer {
  /** The heading of its recipes. */
  readonly heading: string;
  /** Folders of the machine, of which the recipe changes copies. */
  readonly copied: readonly string[];
  /** The commands by which the distribution starts it. */
  readonly start: readonly string[];
  readonly stop: string;
}

const EMPTY = ['/run', '/srv', '/etc/ssl'];

/** Applications of the recipes, and a certificate, where the recipes say. */
function files(): string {
  const folder = temporaryFolder('recipe');
  writeFileSync(join(folder, 'site.pem'), CERTIFICATE);
  writeFileSync(join(folder, 'site.key'), KEY);
  const apps = ['app', 'shop', 'blog'].map(
    (name) => `mkdir /srv/${name}; cp ${stagePackage().apps}/hello.mjs /srv/${name}/app.mjs`,
  );
  return `cp ${folder}/site.* /etc/ssl/\n${apps.join('\n')}\n`;
}

/** A line of a recipe. One that starts an application stays in the background. */
function asScript(line: string): string {
  const served = /^postern \S+ --\w+ (?:unix:(\S+)|\S+:(\d+))/.exec(line);
  if (served === null) return line;
  const [, socket, port] = served;
  const connects = `node -e "net.connect(${port}).on('connect', () => process.exit())"`;
  return `${line} &\nuntil_up ${socket === undefined ? connects : `test -S ${socket}`}`;
}

/**
 * Runs commands on a server that is running, then asks.
 *
 * @param asks arguments of curl
 * @returns what each of them has printed
 */
export function run(
  { copied, start, stop }: StockServer,
  lines: readonly string[],
  asks: readonly string[],
): string[] {
  const asking = asks.map((args) => `curl -gs --max-time 20 ${args} || true; echo; echo ----`);
  const marked = ['echo ----', ...asking];
  const { status, stdout, stderr } = runOnStock(
    { copied, empty: EMPTY },
    [files(), ...start, ...lines.map(asScript), ...marked, `${stop} >&2`].join('\n'),
    stagePackage().path,
  );
  expect(status, stdout + stderr).toBe(0);
  const answers = stdout.split(/^----\n/m).slice(1, -1);
  return answers.map((text) => text.trim());
}

/** The same with a recipe of the server. */
export function follow(server: StockServer, block: number, asks: readonly string[]): string[] {
  const recipe = blocks(section(readPage('conf/README.md'), server.heading), 'sh')[block]!;
  return run(server, commands(recipe), asks);
}

/** What conf/apps/hello.mjs answers. */
export function hello(path: string, ip = '127.0.0.1'): string {
  return `Hello, ${ip}! You asked for ${path}`.trim();
}

/** Arguments of curl for a host, which is at an address of this machine. */
export function plain(ip: string, name: string, path = '/x'): string {
  return `--connect-to ::${ip}: http://${name}${path}`;
}

/** The same for HTTPS. The version of HTTP is behind the body. */
export function secure(ip: string, name: string): string {
  return `-k --http2 -w ' over %{http_version}' --connect-to ::${ip}: https://${name}/x`;
}

/** Where a request is redirected. */
export function redirected(ip: string, name: string, path: string): string {
  return `-o /dev/null -w '%{http_code} %{redirect_url}' --connect-to ::${ip}: 'http://${name}${path}'`;
}

/** The status alone. */
export function status(ip: string, name: string, path = '/none'): string {
  return `-o /dev/null -w '%{http_code}' ${plain(ip, name, path)}`;
}
