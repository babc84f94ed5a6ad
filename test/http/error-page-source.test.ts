/** The error page of development: of which files it shows the source. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { pageOf } from './error-page-kit.ts';

/** Not in this form in this file, whose own source may be shown. */
const MARK = ['marked', 'source'].join('-');
const root = realpathSync(mkdtempSync(join(tmpdir(), 'postern-source-')));
const before = process.cwd();

/** Writes a file into the folder. @returns its path */
function file(name: string, text = `first\nconst text = '${MARK}';\nthird\n`): string {
  const path = join(root, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
  return path;
}

beforeAll(() => {
  mkdirSync(join(root, 'app'));
  process.chdir(join(root, 'app'));
});

afterAll(() => {
  process.chdir(before);
  rmSync(root, { recursive: true });
});

/** An error whose stack has come from somewhere else, and names a place in a file. */
function naming(place: string): Error {
  return Object.assign(new Error('x'), { stack: `Error: x\n    at f (${place})` });
}

/** Whether the source at a place is shown, of an error and of a cause. */
async function isShown(place: string): Promise<boolean> {
  const page = await pageOf(naming(place));
  expect(page).toContain('stack-frame-filepath');
  const asCause = await pageOf(new Error('y', { cause: naming(place) }));
  expect(asCause.includes(MARK)).toBe(page.includes(MARK));
  return page.includes(MARK);
}

describe('shown is', () => {
  test.each(['a.js', 'b.mjs', 'c.cjs', 'd.ts', 'e.mts', 'f.cts', 'g.jsx', 'h.tsx'])(
    'a script below the working folder: %s',
    async (name) => {
      const path = file(`app/lib/${name}`);
      expect(await isShown(`${path}:2:1`)).toBe(true);
      expect(await isShown(`${pathToFileURL(path).href}?v=1:2:1`)).toBe(true);
    },
  );

  test('a script in node_modules there', async () => {
    expect(await isShown(`${file('app/node_modules/a/index.js')}:2:1`)).toBe(true);
  });

  test.each(['loaded.cjs', 'loaded.cgi', 'loaded'])(
    'a CommonJS module that is loaded, wherever it lies: %s',
    async (name) => {
      const path = file(`elsewhere/${name}`, `exports.a = 1;\n// ${MARK}\n`);
      expect(await isShown(`${path}:2:1`)).toBe(false);
      createRequire(import.meta.url)(path);
      expect(await isShown(`${path}:2:1`)).toBe(true);
    },
  );

  test('the line and five on each side', async () => {
    const lines = Array.from({ length: 30 }, (_, i) => `// ${MARK} ${i + 1}`);
    const path = file('app/lines.js', lines.join('\r\n'));
    const shown = async (line: number): Promise<number[]> => {
      const page = await pageOf(naming(`${path}:${line}:1`));
      return [...page.matchAll(new RegExp(`${MARK} (\\d+)`, 'g'))].map(([, n]) => Number(n));
    };
    expect(await shown(15)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
    expect(await shown(2)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(await shown(29)).toEqual([24, 25, 26, 27, 28, 29, 30]);
    expect(await shown(31)).toEqual([]);
    expect(await shown(0)).toEqual([]);
    expect(await shown(2 ** 53)).toEqual([]);
  });

  test('of a line that is a whole bundle its beginning', async () => {
    const path = file('app/bundle.js', `/* ${MARK} */${'a();'.repeat(100_000)}\n`);
    const page = await pageOf(naming(`${path}:1:1`));
    expect(page).toContain(MARK);
    expect(page.length).toBeLessThan(150_000);
  });
});

describe('not shown is', () => {
  test('a file of the system', async () => {
    for (const path of ['/etc/passwd', '/proc/self/environ', '/proc/self/cmdline']) {
      const page = await pageOf(naming(`${path}:1:1`));
      expect(page).toContain(path);
      expect(page).not.toContain('<div class="shj-numbers"');
    }
  });

  test.each(['.env', 'config.json', 'key.pem', 'data', 'a.js.txt', '.npmrc', 'b.node'])(
    'what is no script: %s',
    async (name) => {
      expect(await isShown(`${file(`app/${name}`)}:2:1`)).toBe(false);
    },
  );

  test('a script that is neither loaded nor below the working folder', async () => {
    expect(await isShown(`${file('other/a.js')}:2:1`)).toBe(false);
    expect(await isShown(`${file('app-too/a.js')}:2:1`)).toBe(false);
    expect(await isShown(`${join(root, 'app')}/../other/a.js:2:1`)).toBe(false);
    expect(await isShown('../other/a.js:2:1')).toBe(false);
  });

  test('what a link below the working folder leads to', async () => {
    symlinkSync(file('other/secret.js'), join(root, 'app/link.js'));
    symlinkSync(join(root, 'other'), join(root, 'app/folder'));
    expect(await isShown(`${root}/app/link.js:2:1`)).toBe(false);
    expect(await isShown(`${root}/app/folder/secret.js:2:1`)).toBe(false);
    expect(await isShown(`/proc/self/cwd/../other/secret.js:2:1`)).toBe(false);
  });

  test('a JSON file that is loaded', async () => {
    const path = file('elsewhere/data.json', `{\n"a": "${MARK}"\n}`);
    createRequire(import.meta.url)(path);
    expect(await isShown(`${path}:2:1`)).toBe(false);
  });

  test('what is no regular file, without waiting for it', async () => {
    mkdirSync(join(root, 'app/folder.js'));
    execFileSync('mkfifo', [join(root, 'app/pipe.js')]);
    expect(await isShown(`${root}/app/folder.js:1:1`)).toBe(false);
    expect(await isShown(`${root}/app/pipe.js:1:1`)).toBe(false);
  });

  test('a file that is too large for a script', async () => {
    const path = file('app/large.js', `// ${MARK}\n${'a();\n'.repeat(1_000_000)}`);
    expect(await isShown(`${path}:1:1`)).toBe(false);
  });

  test('more than a page can hold', async () => {
    const path = file('app/again.js', `// ${MARK}\n`);
    const stack = `Error: x\n${`    at f (${path}:1:1)\n`.repeat(1000)}`;
    const error = Object.assign(new Error('x'), { stack });
    const page = await pageOf(
      Object.assign(new AggregateError([error, error, new Error('y')], 'x'), { stack }),
    );
    expect(page.match(new RegExp(MARK, 'g'))).toHaveLength(40);
  });
});

test('a place that is none is no obstacle', async () => {
  for (const place of [
    '<anonymous>:1:1',
    'file://host/a.js:1:1',
    'file:///a%2Fb.js:1:1',
    'file:///a b%2Fc:1:1',
    'http://a/b.js:1:1',
    'node:fs:1:1',
    '\\\\?\\a:1:1',
    ':1:1',
    'wasm://wasm/a:wasm-function[1]:0x12',
  ])
    expect(await pageOf(naming(place)), place).toContain('<h1 id="error-title">');
});
