/** What a client cannot reach, and what a process of one request does not load. */

import { pathToFileURL } from 'node:url';

import { describe, expect, test } from 'vitest';

import { POSTERN, RUNNER, application, fixture, run, runApplication, split } from './process.ts';

const HELLO = /^Status: 200 OK\r\n[^]*\r\n\r\nhello$/;

// A query without "=" becomes arguments (RFC 3875 § 4.4): so php-cgi gave away its options.
describe('arguments (CVE-2012-1823, CVE-2024-4577)', () => {
  test.each([
    ['-e', 'process.exit(99)'],
    ['--config=/nonexistent.json'],
    ['--http', '127.0.0.1:1'],
    ['--script-name=/evil'],
    ['--version'],
    ['--help'],
    ['--', '--cgi'],
    ['\u00adconfig=/nonexistent.json'],
    ['-d', 'allow_url_include=1'],
    ['--require', '/nonexistent.js'],
    ['second', 'third'],
  ])('%j after the application change nothing', async (...words) => {
    const { stdout, stderr, code } = await run([POSTERN, application('hello'), ...words], {
      variables: { QUERY_STRING: words.map(encodeURIComponent).join('+') },
    });
    expect(stdout.toString()).toMatch(HELLO);
    expect(stderr).toBe('');
    expect(code).toBe(0);
  });

  test('in place of the application are no options either', async () => {
    const { stdout, stderr, code } = await run([POSTERN, '--version']);
    expect(split(stdout).head).toMatch(/^Status: 500 /);
    expect(stderr).toBe('postern: no such application: --version\n');
    expect(code).toBe(1);
  });

  test('do not name the application when postern itself is the program', async () => {
    const evil = application('hello');
    const { stdout, stderr, code } = await run([POSTERN, evil], {
      variables: { QUERY_STRING: encodeURIComponent(evil) },
    });
    expect(split(stdout).head).toMatch(/^Status: 500 /);
    expect(stderr).toContain('name the application in POSTERN_APP');
    expect(code).toBe(1);
  });

  test.each(['', 'x=1', 'word'])(
    'of postern itself as the program never name it, here with the query %j',
    async (query) => {
      const { stdout, stderr, code } = await run([POSTERN, application('hello')], {
        variables: { QUERY_STRING: query, SCRIPT_FILENAME: POSTERN },
      });
      expect(split(stdout).head).toMatch(/^Status: 500 /);
      expect(stderr).toBe(
        'postern: the web server has started postern itself: name the application in POSTERN_APP\n',
      );
      expect(code).toBe(1);
    },
  );

  test('are not looked at when POSTERN_APP names the application', async () => {
    const { stdout } = await run([POSTERN, '/nonexistent.mjs'], {
      variables: { QUERY_STRING: '/nonexistent.mjs', POSTERN_APP: application('hello') },
    });
    expect(stdout.toString()).toMatch(HELLO);
  });

  test('are not read by runWithCgi', async () => {
    const { stdout } = await run([RUNNER, '--version', '-e', 'x'], {
      variables: { APPLICATION: 'hello' },
    });
    expect(stdout.toString()).toMatch(HELLO);
  });
});

describe('variables of the request', () => {
  test('name no application, no option and no file', async () => {
    const { stdout, stderr } = await runApplication('hello', {
      variables: {
        SCRIPT_FILENAME: '/etc/passwd',
        PATH_TRANSLATED: '/etc/passwd',
        PHP_VALUE: 'auto_prepend_file=/etc/passwd',
        UWSGI_FILE: '/etc/passwd',
        HTTP_POSTERN_SCRIPT_NAME: '/evil',
        HTTP_X_SENDFILE: '/etc/passwd',
      },
    });
    expect(stdout.toString()).toMatch(HELLO);
    expect(stderr).toBe('');
  });
});

async function filesLoadedBy(args: readonly string[], variables = {}): Promise<string[]> {
  const tell = new URL('fixtures/tell-modules.mjs', import.meta.url).href;
  const { stderr } = await run(['--import', tell, ...args], { variables });
  const files = [...stderr.matchAll(/^loaded file:\/\/(.*)$/gm)];
  return [...new Set(files.map(([, path]) => path!))];
}

async function builtinsOf(args: readonly string[]): Promise<Set<string>> {
  const { stderr } = await run(['--require', fixture('tell-builtins.cjs'), ...args]);
  return new Set([...stderr.matchAll(/^NativeModule (.*)$/gm)].map(([, name]) => name!));
}

describe('what is loaded', () => {
  const root = pathToFileURL(POSTERN.replace(/dist\/.*/, 'dist/')).href;

  test.each(['cjs', 'mjs'])('is one file, and the application: app.%s', async (kind) => {
    const app = fixture(`hello.${kind}`);
    const files = await filesLoadedBy([POSTERN, app]);
    const own = POSTERN.replace('main.cjs', 'cgi/cgi.cjs');
    expect(files.toSorted()).toEqual([app, own, POSTERN].toSorted());
  });

  test('is one file by the library, too', async () => {
    const files = await filesLoadedBy([fixture('runner.mjs')], { APPLICATION: 'hello' });
    const own = files.filter((path) => path.startsWith(new URL(root).pathname));
    const folder = new URL('adapters/cgi/', root).pathname;
    expect(own.toSorted()).toEqual([`${folder}cgi.cjs`, `${folder}index.js`]);
  });

  // For require(). On Node 20 node:module loads the other two.
  const OF_NODE_MODULE =
    /^(?:module|internal\/source_map\/source_map|internal\/modules\/esm\/(?:assert|loader))$/;

  test.each([
    ['cjs', OF_NODE_MODULE],
    ['mjs', /^$/],
  ])('of Node is what the smallest script loads: app.%s', async (kind, besides) => {
    const bare = await builtinsOf([fixture(`bare.${kind}`)]);
    const ours = await builtinsOf([POSTERN, fixture(`hello.${kind}`)]);
    expect(bare).toContain('fs');
    expect([...ours].filter((name) => !bare.has(name) && !besides.test(name))).toEqual([]);
  });
});
