/** What modules export, over FastCGI behind nginx: served, or said at the terminal why not. */

import { rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { testClient } from '../../src/testing/index.ts';
import type { TestResponse } from '../../src/testing/index.ts';
import { describeWithServer } from '../servers/availability.ts';
import { temporaryFolder } from '../servers/launch.ts';
import { startNginx } from '../servers/nginx.ts';
import { startGateway } from '../suite/drivers/gateway.ts';

/** The path of a package, for an import from any folder. */
function resolved(name: string): string {
  return JSON.stringify(createRequire(import.meta.url).resolve(name));
}

interface Answer {
  status: number;
  text: string;
  /** What the command has said at the terminal. */
  log: string;
}

let folder: string;
beforeAll(() => {
  folder = temporaryFolder('exports');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The answer to a request for `/app/x?y`, where the application is mounted at `/app`. */
async function answerOf(name: string, source: string, ...options: string[]): Promise<Answer> {
  const file = join(folder, name);
  writeFileSync(file, source);
  const gateway = await startGateway('fastcgi', file, ...options);
  const upstream = `127.0.0.1:${gateway.port}`;
  const nginx = await startNginx({
    conf: 'nginx/fastcgi.conf',
    values: { upstream, mount: '/app' },
  });
  let response: TestResponse;
  try {
    response = await testClient(nginx.url).get('/app/x?y');
  } finally {
    await nginx.stop();
    await gateway.stop();
  }
  return { status: response.status, text: response.text(), log: gateway.log() };
}

describeWithServer('nginx', 'over FastCGI behind nginx', () => {
  test.each([
    [
      'a promise, from CommonJS',
      'app.cjs',
      `module.exports = (async () => (req, res) => res.end('saw ' + req.url))();`,
    ],
    [
      'hapi',
      'app.mjs',
      `import hapi from ${resolved('@hapi/hapi')};
       const app = hapi.server();
       app.route({ method: 'GET', path: '/x', handler: ({ url }) => 'saw ' + url.pathname + url.search });
       export default app;`,
    ],
    [
      'polka',
      'app.mjs',
      `import polka from ${resolved('polka')};
       export default polka().get('/x', (req, res) => res.end('saw ' + req.url));`,
    ],
    ['a listener', 'app.mjs', `export default (req, res) => { res.end('saw ' + req.url); };`],
    [
      'a middleware under the name of Astro',
      'app.mjs',
      `export const handler = async (request, response, next, locals) => response.end('saw ' + request.url);`,
    ],
    [
      'a listener under the name of Nitro',
      'app.mjs',
      `export const middleware = function toNode(nodeReq, nodeRes) { nodeRes.end('saw ' + nodeReq.url); };`,
    ],
  ])('%s is served', async (_what, name, source) => {
    const answer = await answerOf(name, source);
    expect(answer).toMatchObject({ status: 200, text: 'saw /x?y' });
    expect(answer.log).not.toContain('Warning');
  });

  test.each([
    ['a listener', `export const handler = async (...args) => { args[1].end(args[0].url); };`],
    [
      'one that swallows its error',
      `export const handler = async (...args) => { try { args[1].end(args[0].url); } catch {} };`,
    ],
  ])('%s whose parameters have no names is told at the terminal', async (_what, source) => {
    const answer = await answerOf('app.mjs', source);
    expect(answer.status).toBe(500);
    expect(answer.log).toContain('Warning: the application looks for end() of a response');
    expect(answer.log).toContain('--interface node');
    const told = await answerOf('app.mjs', source, '--interface', 'node');
    expect(told).toMatchObject({ status: 200, text: '/x?y' });
  });

  test('a framework that knows the mount itself gets the whole path with --script-name /', async () => {
    const source = `export default (req, res) => { res.end(req.url + ' ' + (req.baseUrl ?? '')); };`;
    expect((await answerOf('app.mjs', source)).text).toBe('/x?y /app');
    expect((await answerOf('app.mjs', source, '--script-name', '/')).text).toBe('/app/x?y ');
    const fetch = `export default { fetch: ({ url }) => new Response(new URL(url).pathname) };`;
    expect((await answerOf('app.mjs', fetch, '--script-name', '/')).text).toBe('/app/x');
  });
});
