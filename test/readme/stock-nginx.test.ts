/**
 * The recipes for nginx in conf/README.md, followed as they are written: on the nginx of the distribution, with its own
 * site, while it is running.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { beforeAll, expect, test } from 'vitest';

import { CERTIFICATE, KEY } from '../http/certificate.ts';
import { describeWithServer } from '../servers/availability.ts';
import { temporaryFolder } from '../servers/launch.ts';
import { stagePackage, type StagedPackage } from '../servers/staging.ts';
import { canIsolate, runOnStock } from '../servers/stock.ts';
import { blocks, commands, readPage, section } from './markdown.ts';

const RECIPES = blocks(section(readPage('conf/README.md'), '### nginx'), 'sh');

const FOLDERS = {
  copied: ['/etc/nginx', '/var/log/nginx', '/var/lib/nginx', '/var/www'],
  empty: ['/run', '/srv', '/etc/ssl'],
};

let staged: StagedPackage;

beforeAll(() => {
  staged = stagePackage();
});

/** Applications of the recipes, and a certificate, where the recipes say. */
function files(): string {
  const folder = temporaryFolder('recipe');
  writeFileSync(join(folder, 'site.pem'), CERTIFICATE);
  writeFileSync(join(folder, 'site.key'), KEY);
  const apps = ['app', 'shop', 'blog'].map(
    (name) => `mkdir /srv/${name}; cp ${staged.apps}/hello.mjs /srv/${name}/app.mjs`,
  );
  return `cp ${folder}/site.* /etc/ssl/\n${apps.join('\n')}\n`;
}

/** Runs a recipe as it is written on a running nginx, then asks. @returns what each curl has printed */
function follow(block: number, asks: readonly string[]): string[] {
  const script = commands(RECIPES[block]!).map((line) => {
    const served = /^postern \S+ --fastcgi (?:unix:(\S+)|\S+:(\d+))/.exec(line);
    if (served === null) return line;
    const [, socket, port] = served;
    const connects = `node -e "net.connect(${port}).on('connect', () => process.exit())"`;
    return `${line} &\nuntil_up ${socket === undefined ? connects : `test -S ${socket}`}`;
  });
  const asking = asks.map((args) => `curl -gs --max-time 20 ${args}; echo; echo ----`);
  const { status, stdout, stderr } = runOnStock(
    FOLDERS,
    [files(), 'nginx', ...script, ...asking, 'nginx -s stop'].join('\n'),
    staged.path,
  );
  expect(status, stderr).toBe(0);
  return stdout
    .split('\n----\n')
    .slice(0, -1)
    .map((text) => text.trim());
}

function hello(path: string, ip = '127.0.0.1'): string {
  return `Hello, ${ip}! You asked for ${path}`.trim();
}

/** Arguments of curl for HTTPS. */
function secure(ip: string, name: string): string {
  return `-k --http2 -w ' over %{http_version}' --connect-to ::${ip}: https://${name}/x`;
}

/** A host without a site of its own is Debian's. */
const OTHER = '-o /dev/null -w %{http_code} http://127.0.0.1/none';

// Namespaces are for root, and not in every container.
describeWithServer(['nginx', 'curl', 'ip'], 'nginx as Debian has installed it', () => {
  test.skipIf(!canIsolate)('a site beside the one of the distribution', () => {
    const to = '--connect-to ::127.0.0.1: http://example.org/x';
    const six = '--connect-to ::[::1]: http://example.org/x';
    expect(follow(0, [to, six, OTHER])).toEqual([hello('/x'), hello('/x', '::1'), '404']);
  });

  test.skipIf(!canIsolate)('a site with HTTPS', () => {
    const plain =
      "--connect-to ::[::1]: -o /dev/null -w '%{http_code} %{redirect_url}' http://www.example.org/x?y";
    expect(
      follow(1, [
        secure('127.0.0.1', 'example.org'),
        secure('[::1]', 'www.example.org'),
        plain,
        OTHER,
      ]),
    ).toEqual([
      `${hello('/x')}\n over 2`,
      `${hello('/x', '::1')}\n over 2`,
      '301 https://www.example.org/x?y',
      '404',
    ]);
  });

  test.skipIf(!canIsolate)('two applications in the site of the distribution', () => {
    const [shop, blog, six, other] = follow(2, [
      'http://127.0.0.1/shop/x',
      'http://127.0.0.1/blog',
      'http://[::1]/blog/y',
      OTHER,
    ]);
    expect([shop, blog, six, other]).toEqual([hello('/x'), hello(''), hello('/y', '::1'), '404']);
  });
});
