/** Files that the front end sends: which ones, and that real front ends do. */

import { createReadStream } from 'node:fs';
import { chmod, mkdir, mkdtemp, open, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';

import { runWithFastCgi } from '../../adapters/fastcgi/index.ts';
import { runWithHttp } from '../../adapters/http/index.ts';
import { FileWrapper, validator } from '../../src/index.ts';
import type { ApplicationFunction, Header, SendfileOptions } from '../../src/index.ts';
import type { Server } from '../../src/listening/server.ts';
import { testClient } from '../../src/testing/index.ts';
import type { TestClient, TestResponse } from '../../src/testing/index.ts';
import { describeWithServer } from '../servers/availability.ts';
import { launch } from '../servers/launch.ts';
import type { PreparedServer, RunningServer } from '../servers/launch.ts';
import { prepareLighttpd } from '../servers/lighttpd.ts';
import { prepareNginx } from '../servers/nginx.ts';

const CONTENT = Buffer.from('the content of the file\n');
const ODD_NAME = 'odd name?#%41é;&+"\'.bin';
const CONTROL_NAME = 'line\nbreak.txt';

let folder: string;
let root: string;
const opened: FileHandle[] = [];

beforeAll(async () => {
  // Web servers that drop their privileges have to get at the files.
  folder = await mkdtemp(join(tmpdir(), 'postern-sendfile-'));
  await chmod(folder, 0o755);
  root = join(folder, 'root');
  await mkdir(join(root, 'sub'), { recursive: true });
  for (const path of [
    'root/a.txt',
    `root/sub/${ODD_NAME}`,
    `root/${CONTROL_NAME}`,
    'secret.txt',
    'rootkit.txt',
  ]) {
    await writeFile(join(folder, path), CONTENT);
  }
  await writeFile(join(root, 'empty.txt'), '');
  await symlink('../secret.txt', join(root, 'outward.txt'));
  await symlink('sub', join(root, 'inward'));
  await symlink('root', join(folder, 'alias'));
});
afterEach(async () => {
  for (const handle of opened.splice(0)) await handle.close();
});
afterAll(() => rm(folder, { recursive: true }));

async function openFile(path: string): Promise<FileHandle> {
  const handle = await open(path);
  opened.push(handle);
  return handle;
}

interface Sending {
  status?: string;
  headers?: Header[];
  open?: (path: string) => ConstructorParameters<typeof FileWrapper>[0] | Promise<FileHandle>;
}

/** An application that sends a file. */
function sending(path: string, how: Sending = {}): ApplicationFunction {
  return async (_environ, startResponse) => {
    startResponse(how.status ?? '200 OK', [['Content-Type', 'text/plain'], ...(how.headers ?? [])]);
    return new FileWrapper(await (how.open ?? openFile)(path));
  };
}

const accel = (prefix?: string): SendfileOptions => ({ header: 'X-Accel-Redirect', root, prefix });
const xSendfile = (): SendfileOptions => ({ header: 'X-Sendfile', root });

async function ask(
  app: ApplicationFunction,
  sendfile: SendfileOptions | undefined = xSendfile(),
): Promise<TestResponse> {
  return testClient(validator(app), { sendfile }).get('/');
}

function expectDelegated(response: TestResponse, header: string, value: string): void {
  expect(response).toMatchObject({ status: 200, outcome: 'complete', chunks: [], errors: '' });
  expect(response.headers.toArray()).toEqual([
    ['Content-Type', 'text/plain'],
    [header, value],
    ['Content-Length', '0'],
  ]);
}

function expectBytes(response: TestResponse, bytes: Buffer = CONTENT): void {
  expect(response.body).toEqual(bytes);
  expect(response.outcome).toBe('complete');
  expect(response.headers.has('X-Sendfile')).toBe(false);
  expect(response.headers.has('X-Accel-Redirect')).toBe(false);
}

const length: Header = ['Content-Length', String(CONTENT.length)];

// The path of a descriptor is known only there.
const onLinux = describe.skipIf(process.platform !== 'linux');

describe.each<[string, Sending]>([
  ['a FileHandle', {}],
  ['a ReadStream with the file’s Content-Length', { open: createReadStream, headers: [length] }],
])('%s', (kind, how) => {
  const only = kind === 'a FileHandle' ? onLinux : describe;
  only('below the root', () => {
    test('becomes a path for X-Sendfile', async () => {
      const app = sending(join(root, 'a.txt'), how);
      expectDelegated(await ask(app), 'X-Sendfile', join(root, 'a.txt'));
    });

    test.each([
      [undefined, '/a.txt'],
      ['', '/a.txt'],
      ['/', '/a.txt'],
      ['/protected', '/protected/a.txt'],
      ['/protected/', '/protected/a.txt'],
      ['protected//', '/protected/a.txt'],
    ])('becomes a URI for X-Accel-Redirect, with prefix %j', async (prefix, uri) => {
      const app = sending(join(root, 'a.txt'), how);
      expectDelegated(await ask(app, accel(prefix)), 'X-Accel-Redirect', uri);
    });

    test('is written in ASCII, whatever its name', async () => {
      const app = sending(join(root, 'sub', ODD_NAME), how);
      const encoded = "/odd%20name%3F%23%2541%C3%A9;&+%22'.bin";
      expectDelegated(await ask(app, accel()), 'X-Accel-Redirect', `/sub${encoded}`);
      expectDelegated(await ask(app), 'X-Sendfile', `${root}/sub${encoded}`);
    });

    test('is found by its real path, and so is the root', async () => {
      const app = sending(join(folder, 'alias/inward', ODD_NAME), how);
      const response = await ask(app, { ...accel(), root: join(folder, 'alias') });
      expect(response.headers.get('X-Accel-Redirect')).toMatch(/^\/sub\/odd/);
    });

    test('is closed all the same, and was not read', async () => {
      const handle = await openFile(join(root, 'a.txt'));
      const stream = createReadStream(join(root, 'a.txt'));
      const read = vi.spyOn(handle, 'read');
      const file = kind === 'a FileHandle' ? handle : stream;
      await ask(sending('', { ...how, open: () => file }));
      expect(handle.fd === -1 || stream.destroyed).toBe(true);
      expect(read).not.toHaveBeenCalled();
      expect(stream.bytesRead).toBe(0);
      stream.destroy();
    });

    test('for HEAD, too', async () => {
      const app = sending(join(root, 'a.txt'), how);
      const response = await testClient(app, { sendfile: xSendfile() }).head('/');
      expect(response.headers.get('X-Sendfile')).toBe(join(root, 'a.txt'));
      expect(response.headers.has('Content-Length')).toBe(false); // it would be the GET's
    });
  });

  test.each(['secret.txt', 'root/outward.txt', 'rootkit.txt', 'root/../secret.txt'])(
    'of %s, which is not below the root, is sent byte by byte',
    async (path) => expectBytes(await ask(sending(join(folder, path), how))),
  );

  test('with a control character in its path is sent byte by byte', async () =>
    expectBytes(await ask(sending(join(root, CONTROL_NAME), how))));

  test.each<[string, Sending]>([
    ['another status', { status: '206 Partial Content' }],
    ['another status', { status: '201 Created' }],
    ['a header of the application’s own', { headers: [['X-Sendfile', '/other']] }],
    ['Content-Range', { headers: [['Content-Range', 'bytes 0-23/24']] }],
    ['Content-Encoding', { headers: [['content-encoding', 'identity']] }],
  ])('with %s is sent byte by byte', async (_, more) => {
    const headers = [...(how.headers ?? []), ...(more.headers ?? [])];
    const response = await ask(sending(join(root, 'a.txt'), { ...how, ...more, headers }));
    expect(response.body).toEqual(CONTENT);
  });

  test('without the option is sent byte by byte, whatever the client asks for', async () => {
    const app = sending(join(root, 'a.txt'), how);
    const headers = {
      'X-Sendfile-Type': 'X-Accel-Redirect',
      'X-Accel-Mapping': `${root}/=/protected/`,
      'X-Sendfile': '/etc/passwd',
      'X-Accel-Redirect': '/protected/a.txt',
    };
    expectBytes(await testClient(app).get('/', { headers }));
    // And with it, the client has no say in what is sent.
    const response = await testClient(app, { sendfile: xSendfile() }).get('/', { headers });
    if (process.platform === 'linux' || kind !== 'a FileHandle') {
      expect(response.headers.getAll('X-Sendfile')).toEqual([join(root, 'a.txt')]);
    }
    expect(response.headers.has('X-Accel-Redirect')).toBe(false);
  });

  test.each(['/nowhere/at/all', ''])('with the root %j is sent byte by byte', async (wrong) => {
    const app = sending(join(root, 'a.txt'), how);
    expectBytes(await ask(app, { header: 'X-Sendfile', root: wrong }));
  });
});

function file(): string {
  return join(root, 'a.txt');
}

/** Four bytes on from its beginning. */
async function seek(path: string): Promise<FileHandle> {
  const handle = await openFile(path);
  await handle.read(Buffer.alloc(4), 0, 4, null);
  return handle;
}

/** Anything that can be read, with a path besides. */
function reader(path: string): { read(): Buffer | null; path: string } {
  const chunks = [CONTENT];
  return { read: () => chunks.pop() ?? null, path };
}

describe('sent byte by byte', () => {
  test('a part of the file, from its position on', async () => {
    expectBytes(await ask(sending(file(), { open: seek })), CONTENT.subarray(4));
  });

  test('a part of the file, up to the Content-Length', async () => {
    for (const open of [openFile, createReadStream]) {
      const app = sending(file(), { open, headers: [['Content-Length', '3']] });
      expectBytes(await ask(app), CONTENT.subarray(0, 3));
    }
  });

  test('a ReadStream that may be a part, or is text', async () => {
    expectBytes(await ask(sending(file(), { open: createReadStream })));
    const part = createReadStream(file(), { start: 4 });
    expectBytes(await ask(sending('', { open: () => part })), CONTENT.subarray(4));
    const text = createReadStream(file(), 'utf16le');
    const app = sending('', { open: () => text, headers: [length] });
    const response = await testClient(app, { sendfile: xSendfile() }).get('/');
    expect(response.headers.has('X-Sendfile')).toBe(false);
  });

  test('a file that was replaced since it was opened', async () => {
    const path = join(root, 'replaced.txt');
    await writeFile(path, CONTENT);
    const replace = async (): Promise<FileHandle> => {
      const handle = await openFile(path);
      await rm(path);
      await writeFile(path, 'another one');
      return handle;
    };
    expectBytes(await ask(sending(path, { open: replace })));
    // Linux says so in the path, which may be that of a file.
    await writeFile(`${path} (deleted)`, 'a third one');
    expectBytes(await ask(sending(path, { open: replace })), Buffer.from('another one'));
  });

  test('what is no file at all', async () => {
    expectBytes(await ask(sending(file(), { open: reader })));
    const device = await ask(sending('/dev/null'), { header: 'X-Sendfile', root: '/dev' });
    expectBytes(device, Buffer.alloc(0));
  });

  test('after write(), and when the response was begun late', async () => {
    const written = await ask(async (_environ, startResponse) => {
      void startResponse('200 OK', [['Content-Type', 'text/plain']])(Buffer.from('first '));
      return new FileWrapper(await openFile(file()));
    });
    expectBytes(written, Buffer.concat([Buffer.from('first '), CONTENT]));
  });

  test('for an authorizer, whose response is no page', async () => {
    const client = testClient(sending(file()), { sendfile: xSendfile(), role: 'authorizer' });
    expectBytes(await client.get('/'));
  });
});

onLinux('an empty file', () => {
  test('is sent by the front end as well', async () => {
    const response = await ask(sending(join(root, 'empty.txt')));
    expect(response.headers.get('X-Sendfile')).toBe(join(root, 'empty.txt'));
  });
});

// ---- real front ends

/** What the visitor of a front end gets, whatever the front end. */
function defineVisits(client: () => TestClient): void {
  test('GET, with the type that the application gave', async () => {
    const response = await client().get('/a.txt');
    expect(response).toMatchObject({ status: 200, outcome: 'complete' });
    expect(response.body).toEqual(CONTENT);
    expect(response.headers.get('Content-Type')).toBe('application/x-own');
    expect(response.headers.get('Content-Length')).toBe(String(CONTENT.length));
    // The application sets none: it is the front end that has looked at the file.
    expect(response.headers.has('Last-Modified')).toBe(true);
    expect(response.headers.has('X-Sendfile')).toBe(false);
    expect(response.headers.has('X-Accel-Redirect')).toBe(false);
  });

  test('HEAD', async () => {
    const response = await client().head('/a.txt');
    expect(response).toMatchObject({ status: 200, chunks: [] });
    expect(response.headers.get('Content-Length')).toBe(String(CONTENT.length));
  });

  test('a range', async () => {
    const response = await client().get('/a.txt', { headers: { Range: 'bytes=4-10' } });
    expect(response.status).toBe(206);
    expect(response.text()).toBe('content');
  });

  test('a name with everything in it', async () => {
    const response = await client().get('/odd');
    expect(response).toMatchObject({ status: 200, outcome: 'complete' });
    expect(response.body).toEqual(CONTENT);
  });

  test('a file elsewhere, and many requests one after the other', async () => {
    for (let i = 0; i < 5; i++) {
      expect((await client().get('/outward')).body).toEqual(CONTENT);
      expect((await client().get('/a.txt')).body).toEqual(CONTENT);
    }
  });
}

const site: ApplicationFunction = async (environ, startResponse) => {
  const names: Record<string, string> = {
    '/a.txt': 'a.txt',
    '/odd': `sub/${ODD_NAME}`,
    '/outward': 'outward.txt',
  };
  startResponse('200 OK', [
    ['Content-Type', 'application/x-own'],
    ['Content-Disposition', 'inline; filename="a.txt"'],
    ['Cache-Control', 'no-store'],
    ['Set-Cookie', 'a=b'],
    ['Content-Security-Policy', 'sandbox'],
  ]);
  return new FileWrapper(await open(join(root, names[environ.PATH_INFO]!)));
};

/** Puts more into the one block of the shipped file. */
async function amend(
  server: PreparedServer,
  pattern: string,
  replacement: string,
): Promise<RunningServer> {
  const path = join(server.folder, 'site.conf');
  const conf = await readFile(path, 'utf8');
  expect(conf).toContain(pattern);
  await writeFile(
    path,
    conf.replace(pattern, () => replacement),
  );
  return launch(server);
}

function nginxLocations(): string {
  return `location /protected/ { internal; alias ${root}/; }\nlocation / {`;
}

onLinux('behind a front end', () => {
  let server: Server;
  let frontEnd: RunningServer;
  const stop = async (): Promise<void> => {
    await frontEnd?.stop();
    await server?.close({ timeout: 0 });
  };
  const values = (): Record<string, string> => {
    const { port } = server.address() as AddressInfo;
    return { upstream: `127.0.0.1:${port}`, mount: '' };
  };
  describeWithServer('nginx', 'nginx over FastCGI', () => {
    beforeAll(async () => {
      server = await runWithFastCgi(site, { listen: 0, sendfile: accel('/protected') });
      const nginx = await prepareNginx({ conf: 'nginx/fastcgi.conf', values: values() });
      frontEnd = await amend(nginx, 'location / {', nginxLocations());
    });
    afterAll(stop);
    defineVisits(() => testClient(frontEnd.url));

    test('keeps few of the application’s headers', async () => {
      const { headers } = await testClient(frontEnd.url).get('/a.txt');
      const kept = [
        'Content-Disposition',
        'Cache-Control',
        'Set-Cookie',
        'Content-Security-Policy',
      ];
      expect(kept.map((name) => headers.has(name))).toEqual([true, true, true, false]);
    });

    test('the internal location is open to nobody else', async () => {
      expect((await testClient(frontEnd.url).get('/protected/a.txt')).status).toBe(404);
    });
  });

  describeWithServer('nginx', 'nginx over HTTP', () => {
    beforeAll(async () => {
      server = await runWithHttp(site, { listen: '127.0.0.1:0', sendfile: accel('/protected') });
      const nginx = await prepareNginx({ conf: 'nginx/http.conf', values: values() });
      frontEnd = await amend(nginx, 'location / {', nginxLocations());
    });
    afterAll(stop);
    defineVisits(() => testClient(frontEnd.url));
  });

  describeWithServer('lighttpd', 'lighttpd over FastCGI', () => {
    beforeAll(async () => {
      server = await runWithFastCgi(site, { listen: 0, sendfile: xSendfile() });
      const lighttpd = await prepareLighttpd({ conf: 'lighttpd/fastcgi.conf', values: values() });
      const marker = '"check-local" => "disable",';
      const more = `"x-sendfile" => "enable", "x-sendfile-docroot" => ( "${root}" ),`;
      frontEnd = await amend(lighttpd, marker, `${marker} ${more}`);
    });
    afterAll(stop);
    defineVisits(() => testClient(frontEnd.url));
  });
});
