/**
 * Applications from the npm registry that were not written with this package in mind, behind nginx, over
 * FastCGI, driven by their own clients.
 */

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { describeWithServer } from '../servers/availability.ts';
import { temporaryFolder } from '../servers/launch.ts';
import { startNginx } from '../servers/nginx.ts';
import { startGateway } from '../suite/drivers/gateway.ts';

const run = promisify(execFile);

interface Site {
  url: string;
  stop(): Promise<void>;
}

/** @param variables of the environment, for the application */
async function start(file: string, variables: Record<string, string>): Promise<Site> {
  Object.assign(process.env, variables);
  const application = join(import.meta.dirname, 'real', file);
  const gateway = await startGateway('fastcgi', application, '--interface', 'node');
  const values = { mount: '', upstream: `127.0.0.1:${gateway.port}` };
  const server = await startNginx({ conf: 'nginx/fastcgi.conf', values });
  return {
    url: server.url,
    async stop() {
      await server.stop();
      await gateway.stop();
    },
  };
}

describeWithServer('nginx', 'verdaccio', () => {
  const folder = temporaryFolder('verdaccio');
  let site: Site;

  beforeAll(async () => {
    site = await start('verdaccio.mjs', { VERDACCIO_FOLDER: folder });
  });
  afterAll(() => site.stop());

  /** The npm client with a configuration of its own. */
  async function npm(cwd: string, ...args: string[]): Promise<string> {
    const options = ['--registry', `${site.url}/`, '--userconfig', join(folder, 'npmrc')];
    const cache = ['--cache', join(folder, 'cache'), '--no-audit', '--no-fund'];
    const { stdout } = await run('npm', [...args, ...options, ...cache], { cwd });
    return stdout;
  }

  /** As `npm adduser` does, which wants to be asked at a terminal. */
  async function register(name: string, password: string): Promise<void> {
    const response = await fetch(`${site.url}/-/user/org.couchdb.user:${name}`, {
      method: 'PUT',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ _id: `org.couchdb.user:${name}`, name, password, type: 'user' }),
    });
    expect(response.status).toBe(201);
    const { token } = (await response.json()) as { token: string };
    writeFileSync(join(folder, 'npmrc'), `${site.url.replace('http:', '')}/:_authToken=${token}\n`);
  }

  it('takes what npm publishes, and gives it to npm install', async () => {
    await register('somebody', 'with a password');
    expect((await npm(folder, 'whoami')).trim()).toBe('somebody');

    const made = join(folder, 'made');
    mkdirSync(made);
    const manifest = { name: 'a-package-of-the-test', version: '1.2.3', main: 'index.js' };
    writeFileSync(join(made, 'package.json'), JSON.stringify(manifest));
    // More than fits into one record, and nothing that gzip could make small.
    const content = Array.from({ length: 20_000 }, (_, i) => (i * 2654435761) % 4294967296);
    writeFileSync(join(made, 'index.js'), `module.exports = ${JSON.stringify(content)};\n`);
    await npm(made, 'publish');

    const used = join(folder, 'used');
    mkdirSync(used);
    writeFileSync(join(used, 'package.json'), '{}');
    await npm(used, 'install', 'a-package-of-the-test@^1.0.0');
    const installed = join(used, 'node_modules/a-package-of-the-test/index.js');
    expect(readFileSync(installed, 'utf8')).toBe(readFileSync(join(made, 'index.js'), 'utf8'));
    expect(await npm(folder, 'view', 'a-package-of-the-test', 'version')).toBe('1.2.3\n');
  }, 120_000);

  it('refuses what nobody may publish, and what is not there', async () => {
    const made = join(folder, 'anonymous');
    mkdirSync(made);
    writeFileSync(join(made, 'package.json'), '{"name":"not-allowed","version":"1.0.0"}');
    const response = await fetch(`${site.url}/not-allowed`, { method: 'PUT', body: '{}' });
    expect(response.status).toBeGreaterThanOrEqual(400);
    await expect(npm(folder, 'view', 'not-there')).rejects.toThrow('404');
  }, 60_000);
});

describeWithServer('nginx', 'json-server', () => {
  const file = join(temporaryFolder('json-server'), 'db.json');
  let site: Site;

  beforeAll(async () => {
    const posts = Array.from({ length: 25 }, (_, i) => ({ id: i + 1, title: `Post ${i + 1}` }));
    writeFileSync(file, JSON.stringify({ posts, profile: { name: 'somebody' } }));
    site = await start('json-server.mjs', { JSON_SERVER_DB: file });
  });
  afterAll(() => site.stop());

  async function send(method: string, path: string, body?: object): Promise<[number, unknown]> {
    const headers = { 'Content-Type': 'application/json' };
    const options =
      body === undefined ? { method } : { method, headers, body: JSON.stringify(body) };
    const response = await fetch(`${site.url}${path}`, options);
    return [response.status, await response.json()];
  }

  it('creates, reads, changes and deletes', async () => {
    const post = { title: 'Über alles', tags: ['a'] };
    expect(await send('POST', '/posts', post)).toEqual([201, { ...post, id: 26 }]);
    expect(await send('GET', '/posts/26')).toEqual([200, { ...post, id: 26 }]);
    const changed = { ...post, id: 26, title: 'Nothing' };
    expect(await send('PATCH', '/posts/26', { title: 'Nothing' })).toEqual([200, changed]);
    expect(await send('DELETE', '/posts/26')).toEqual([200, {}]);
    expect(await send('GET', '/posts/26')).toEqual([404, {}]);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ profile: { name: 'somebody' } });
  });

  it('pages with links that lead somewhere', async () => {
    const first = await fetch(`${site.url}/posts?_page=1&_limit=10`);
    expect(first.headers.get('x-total-count')).toBe('25');
    const next = /<([^>]+)>; rel="next"/.exec(first.headers.get('link')!)![1]!;
    expect(next.startsWith(site.url)).toBe(true);
    const second = (await (await fetch(next)).json()) as { id: number }[];
    expect(second.map(({ id }) => id)).toEqual([11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
  });

  it('revalidates', async () => {
    const first = await fetch(`${site.url}/profile`);
    const etag = first.headers.get('etag')!;
    // Not with fetch, which adds a Cache-Control that asks for the whole.
    const request = get(`${site.url}/profile`, {
      headers: { 'If-None-Match': etag },
      agent: false,
    });
    const [again] = (await once(request, 'response')) as [IncomingMessage];
    expect(again.resume().statusCode).toBe(304);
  });
});
