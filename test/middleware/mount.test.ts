/** mount: several applications below prefixes. */

import { describe, expect, test } from 'vitest';

import { shiftPathInfo } from '../../src/environ/util.ts';
import { UsageError } from '../../src/errors.ts';
import { mount } from '../../src/middleware/mount.ts';
import { setupTestingDefaults } from '../../src/testing/defaults.ts';
import { testClient } from '../../src/testing/index.ts';
import type { Application } from '../../src/types.ts';
import { validator } from '../../src/validate/validator.ts';

/** Says who it is, and where. */
function named(name: string): Application {
  return validator((environ, startResponse) => {
    startResponse('200 OK', [['Content-Type', 'text/plain']]);
    const { SCRIPT_NAME, PATH_INFO } = environ;
    return [Buffer.from(`${name} ${SCRIPT_NAME}|${PATH_INFO}`, 'latin1')];
  });
}

const client = testClient(
  validator(
    mount({
      '/blog': named('blog'),
      '/blog/drafts': named('drafts'),
      '/café/': named('café'),
      wiki: named('wiki'),
    }),
  ),
);

test.each([
  ['/blog', 'blog /blog|'],
  ['/blog/', 'blog /blog|/'],
  ['/blog/1?x=/blog/drafts', 'blog /blog|/1'],
  ['/blog//1', 'blog /blog|//1'],
  ['/blog/drafts', 'drafts /blog/drafts|'],
  ['/blog/drafts/2', 'drafts /blog/drafts|/2'],
  ['/blog/draftsman', 'blog /blog|/draftsman'],
  ['/wiki/x', 'wiki /wiki|/x'],
])('%s: %s', async (path, answer) => {
  expect((await client.get(path)).text()).toBe(answer);
});

test('a prefix is compared as bytes of UTF-8', async () => {
  const response = await client.get('/café/menu');
  expect(Buffer.from(response.body).toString('utf8')).toContain('/café|/menu');
});

test.each(['/', '/blogs', '//blog', '/Blog', '/./blog', '/%2Fblog'])(
  '%s is not found',
  async (path) => {
    const response = await client.get(path);
    expect(response.status).toBe(404);
    expect(response.text()).toBe('Not Found\n');
    expect((await client.head(path)).headers.get('Content-Length')).toBe('10');
  },
);

test.each(['', '/'])('%j serves what no other does', async (prefix) => {
  const all = testClient(mount({ [prefix]: named('home'), '/x': named('x') }));
  expect((await all.get('/')).text()).toBe('home |/');
  expect((await all.get('/y/z')).text()).toBe('home |/y/z');
  expect((await all.get('/x/z')).text()).toBe('x /x|/z');
});

test('in a mount it is mounted below that', async () => {
  const inner = mount({ '/b': named('b') });
  const outer = testClient(mount({ '/a': inner }), { scriptName: '/app' });
  expect((await outer.get('/app/a/b/c')).text()).toBe('b /app/a/b|/c');
  expect((await outer.get('/app/a/c')).status).toBe(404);
});

test.each(['/a', '/a/', '/a/b', '/a/b/', '/a/b/c'])(
  'of %s it makes what shiftPathInfo does',
  async (path) => {
    const environ = setupTestingDefaults({ PATH_INFO: path, SCRIPT_NAME: '/app' });
    const segments = path === '/a' || path === '/a/' ? 1 : 2;
    const prefix = path
      .split('/')
      .slice(0, segments + 1)
      .join('/');
    for (let i = 0; i < segments; i++) shiftPathInfo(environ);
    const application = testClient(mount({ [prefix]: named('it') }), { scriptName: '/app' });
    const response = await application.get(`/app${path}`);
    expect(response.text()).toBe(`it ${environ.SCRIPT_NAME}|${environ.PATH_INFO}`);
  },
);

describe('refused', () => {
  test('one prefix for two applications', () => {
    expect(() => mount({ '/a': named('1'), '/a/': named('2') })).toThrow(
      new UsageError("two applications are mounted at '/a'"),
    );
  });
  test('what is no application', () => {
    const wrong = { '/a': { fetch() {} } as never as Application };
    expect(() => mount(wrong)).toThrow(
      "mounted at '/a': an object of class Object is no application: fromFetch() makes one of a fetch handler",
    );
  });
});
