/** The application of a folder, when no file is named. */

import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { defaultApplication } from '../../../src/cli/load/default-application.ts';
import { run } from '../process.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-default-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

type Files = Readonly<Record<string, string>>;

function write(files: Files): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

const named = (content: object): Files => ({ 'package.json': JSON.stringify(content) });

describe('the application of a folder', () => {
  test.each<[what: string, files: Files, expected: string | undefined]>([
    ['is app.mjs', { 'app.mjs': '', 'app.js': '' }, 'app.mjs'],
    ['is app.js', { 'app.js': '', 'app.ts': '' }, 'app.js'],
    ['is app.ts', { 'app.ts': '', 'app.cjs': '' }, 'app.ts'],
    ['is app.cjs', { 'app.cjs': '', 'index.js': '' }, 'app.cjs'],
    [
      'is "main"',
      { ...named({ main: 'lib/web.mjs' }), 'lib/web.mjs': '', 'app.mjs': '' },
      'lib/web.mjs',
    ],
    [
      'is "main" without its ending',
      { ...named({ main: './lib/web' }), 'lib/web.js': '' },
      'lib/web.js',
    ],
    ['is "main", a folder', { ...named({ main: 'lib' }), 'lib/index.js': '' }, 'lib/index.js'],
    [
      'is "main" in TypeScript',
      { ...named({ main: 'src/web.ts' }), 'src/web.ts': '' },
      'src/web.ts',
    ],
    [
      'is not a "main" that does not exist',
      { ...named({ main: 'index.js' }), 'app.mjs': '' },
      'app.mjs',
    ],
    [
      'is "exports"',
      { ...named({ exports: './web.js', main: 'app.js' }), 'web.js': '', 'app.js': '' },
      'web.js',
    ],
    [
      'is "." of "exports"',
      { ...named({ exports: { '.': './web.js', './x': './x.js' } }), 'web.js': '' },
      'web.js',
    ],
    [
      'is the first condition that holds',
      {
        ...named({
          exports: { '.': { browser: './b.js', types: './t.ts', import: { node: './web.mjs' } } },
        }),
        'web.mjs': '',
        'b.js': '',
      },
      'web.mjs',
    ],
    [
      'is the first of a list',
      { ...named({ exports: [{ browser: './b.js' }, './web.js'] }), 'web.js': '' },
      'web.js',
    ],
    ['is none', { 'index.mjs': '', ...named({ name: 'without' }) }, undefined],
    ['is not named in what is no JSON', { 'package.json': '{', 'app.js': '' }, 'app.js'],
  ])('%s', (_what, files, expected) => {
    write(files);
    const found = defaultApplication(folder);
    expect(found && found.slice(folder.length + 1)).toBe(expected);
  });
});

const APP = `export default (environ, startResponse) => {
  startResponse('200 OK', []);
  return [Buffer.from('served')];
};
export const other = (environ, startResponse) => {
  startResponse('200 OK', []);
  return [Buffer.from('the other one')];
};`;

describe('the command', () => {
  test.each([
    [[], 'served'],
    [['.'], 'served'],
    [['.:other'], 'the other one'],
  ])('takes it with %j', async (args, body) => {
    write({ 'app.mjs': APP });
    const { stdout, stderr } = await run([...args, '--cgi'], { cwd: folder });
    expect(stderr).toBe('');
    expect(stdout.endsWith(`\r\n\r\n${body}`)).toBe(true);
  });

  test('takes it with another folder, and the options of its package.json', async () => {
    write({
      'site/web.mjs': APP,
      'site/package.json': '{ "main": "web.mjs", "postern": { "accessLog": true } }',
    });
    const { stdout, stderr } = await run(['site', '--cgi'], { cwd: folder });
    expect(stderr).toMatch(/" 200 6 /);
    expect(stdout.endsWith('served')).toBe(true);
  });

  test('does not take it where the configuration names one', async () => {
    write({
      'app.mjs': 'export default 5;',
      'web.mjs': APP,
      ...named({ postern: { app: 'web.mjs' } }),
    });
    const { stdout } = await run(['--cgi'], { cwd: folder });
    expect(stdout.endsWith('served')).toBe(true);
  });

  test('says where it has looked', async () => {
    write({ 'site/index.txt': '' });
    const where =
      'neither package.json names one ("main", "exports"), nor is there app.mjs, app.js, app.ts or app.cjs';
    expect(await run([], { cwd: folder })).toMatchObject({
      stderr: `postern: no application: ${where} (see postern --help)\n`,
      code: 2,
    });
    expect(await run(['site'], { cwd: folder })).toMatchObject({
      stderr: `postern: there is no application in site: ${where}\n`,
      code: 1,
    });
  });

  test('takes none as a CGI program', async () => {
    write({ 'app.mjs': APP });
    const env = { GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: 'GET' };
    const { stderr } = await run([folder], { env });
    expect(stderr).toBe(`postern: ${folder} is a folder, not a module\n`);
  });

  // Nobody has named it. Whoever can write to /tmp must not run code of mine there.
  test.skipIf(process.getuid?.() !== 0).each(['app.mjs', 'package.json'])(
    'does not take it when %s belongs to another account (as root)',
    async (name) => {
      write({ 'app.mjs': APP, 'package.json': '{}' });
      chownSync(join(folder, name), 65_534, 65_534);
      const { stdout, stderr, code } = await run(['--cgi'], { cwd: folder });
      expect(stderr).toMatch(
        /^postern: .*app\.mjs is not run: .* \(postern app\.mjs runs it all the same\)$/m,
      );
      expect(stdout).toBe('');
      expect(code).toBe(2);
      expect((await run(['app.mjs', '--cgi'], { cwd: folder })).stdout.endsWith('served')).toBe(
        true,
      );
    },
  );
});
