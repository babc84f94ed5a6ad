/** Authorizers (FastCGI 1.0 § 6.3), driven by the two web servers that know them. */

import { chmodSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { afterEach, expect, test } from 'vitest';

import type { Environ, StartResponse } from '../../src/types.ts';
import { startApache } from '../servers/apache.ts';
import { describeWithServer } from '../servers/availability.ts';
import { temporaryFolder } from '../servers/launch.ts';
import type { RunningServer } from '../servers/launch.ts';
import { startLighttpd } from '../servers/lighttpd.ts';
import { stagePackage } from '../servers/staging.ts';
import { visit } from './front-ends.ts';
import { serve } from './kit.ts';

const ALLOWED = { Authorization: 'Bearer let-me-in' };

let running: RunningServer | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

describeWithServer('lighttpd', 'lighttpd, mode authorizer', () => {
  const seen: Environ[] = [];

  /** Both roles in one process; the responder shows what the authorizer has added. */
  function application(environ: Environ, startResponse: StartResponse): Buffer[] {
    if (environ['postern.role'] === 'responder') {
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      return [Buffer.from(`the page for ${String(environ['USER_FROM_AUTHORIZER'])}`)];
    }
    seen.push(environ);
    if (environ['HTTP_AUTHORIZATION'] === ALLOWED.Authorization) {
      startResponse('200 OK', [['Variable-USER_FROM_AUTHORIZER', 'ada']]);
      return [];
    }
    startResponse('403 Forbidden', [['Content-Type', 'text/plain']]);
    return [Buffer.from('not you')];
  }

  async function start(): Promise<RunningServer> {
    const gateway = await serve(application);
    const { port } = gateway.server.address() as AddressInfo;
    const root = temporaryFolder('files');
    writeFileSync(join(root, 'file.txt'), 'the file');
    writeFileSync(join(root, 'some.page'), 'what the responder hides');
    const host = `"host" => "127.0.0.1", "port" => ${port}, "check-local" => "disable"`;
    const extra = `
server.modules += ( "mod_fastcgi" )
fastcgi.server = (
    "/" => (( ${host}, "mode" => "authorizer", "docroot" => "${root}" )),
    ".page" => (( ${host} ))
)
`;
    const values = { mount: '/app', upstream: `127.0.0.1:${port}` };
    return startLighttpd({ conf: 'lighttpd/fastcgi.conf', values, extra });
  }

  test("a request that is not authorized gets the authorizer's own response", async () => {
    running = await start();
    const answer = await visit(running.url, '/file.txt?x=1');
    expect(answer).toMatchObject({ status: 403, body: 'not you', complete: true });
    const environ = seen.at(-1)!;
    expect(environ).toMatchObject({
      'postern.role': 'authorizer',
      REQUEST_METHOD: 'GET',
      REQUEST_URI: '/file.txt?x=1',
      SCRIPT_NAME: '',
      PATH_INFO: '',
    });
    expect(Object.keys(environ)).not.toContain('CONTENT_LENGTH');
    expect(Object.keys(environ)).not.toContain('PATH_TRANSLATED');
  });

  test('an authorized one goes on to the file that was asked for', async () => {
    running = await start();
    const answer = await visit(running.url, '/file.txt', ALLOWED);
    expect(answer).toMatchObject({ status: 200, body: 'the file', complete: true });
  });

  test('or to a responder, which gets what the authorizer has added', async () => {
    running = await start();
    const answer = await visit(running.url, '/some.page', ALLOWED);
    expect(answer).toMatchObject({ status: 200, body: 'the page for ada', complete: true });
    expect((await visit(running.url, '/some.page')).status).toBe(403);
  });
});

describeWithServer('apache/fcgid.conf', 'Apache, FcgidAuthorizer', () => {
  test('refuses and lets on, and what it adds reaches the responder', async () => {
    running = await startWithPrograms();
    for (const credentials of ['ada:wrong', 'bob:secret']) {
      const refused = await visit(running.url, '/page', basic(credentials));
      expect(refused.status).toBe(401);
      expect(refused.body).not.toContain('the page:');
    }
    const allowed = await visit(running.url, '/page', basic('ada:secret'));
    expect(allowed).toMatchObject({ status: 200, body: 'the page: authorizer knows ada' });
    expect(allowed.complete).toBe(true);
  });
});

function basic(credentials: string): { Authorization: string } {
  return { Authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

async function startWithPrograms(): Promise<RunningServer> {
  const { folder, authorizer, app } = writePrograms();
  const { postern, path } = stagePackage();
  const extra = `
<Directory "${folder}">
    Require all granted
</Directory>
# After the sections of the shipped file, which grants all.
<If "%{IS_SUBREQ} == 'false'">
    AuthType Basic
    AuthName "the page"
    FcgidAuthenticator "${authorizer}"
    FcgidAuthorizer "${authorizer}"
    Require valid-user
</If>
`;
  return startApache({
    conf: 'apache/fcgid.conf',
    values: { mount: '', app, postern, path, upstream: '127.0.0.1:1' },
    extra,
    modules: ['authn_core', 'authz_user'],
  });
}

/** Programs that mod_fcgid starts: the authorizer and a responder, each with the command as interpreter. */
function writePrograms(): { folder: string; authorizer: string; app: string } {
  const folder = temporaryFolder('programs');
  const authorizer = join(folder, 'authorizer.fcgi');
  const app = join(folder, 'app.fcgi');
  const shebang = `#!${stagePackage().postern}\n`;
  writeFileSync(
    authorizer,
    `${shebang}export default (environ, startResponse) => {
  const isAuthorizer = environ.FCGI_APACHE_ROLE === 'AUTHORIZER';
  const { REMOTE_USER: user, REMOTE_PASSWD: password } = environ;
  const isKnown = isAuthorizer ? user === 'ada' : password === 'secret';
  const added = isAuthorizer ? [['Variable-ADDED', environ['postern.role'] + ' knows ' + user]] : [];
  startResponse(isKnown ? '200 OK' : '401 Unauthorized', added);
  return [];
};
`,
  );
  writeFileSync(
    app,
    `${shebang}export default (environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return [Buffer.from('the page: ' + environ.ADDED)];
};
`,
  );
  for (const program of [authorizer, app]) chmodSync(program, 0o755);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  return { folder, authorizer, app };
}
