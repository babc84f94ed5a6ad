/** What is said of an application that cannot be loaded, and of what to do about it. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { run } from '../process.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-explain-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

type Files = Readonly<Record<string, string>>;

/**
 * Loads the first of some files as an application.
 *
 * @returns its line of stderr, without the folder; there may be warnings of Node's before it
 */
async function explanationOf(files: Files): Promise<string> {
  for (const [name, source] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), source);
  }
  const [application] = Object.keys(files);
  const { stderr, code } = await run([application!, '--http', '0'], { cwd: folder });
  expect(code).toBe(1);
  const lines = stderr.split('\n').filter((line) => line.startsWith('postern: '));
  expect(lines).toHaveLength(1);
  const start = `postern: cannot load ${folder}/${application}: `;
  expect(lines[0]!.startsWith(start)).toBe(true);
  return lines[0]!.slice(start.length).replaceAll(`${folder}/`, '');
}

const MODULE = { 'package.json': '{ "type": "module" }' };
const COMMON = { 'package.json': '{ "type": "commonjs" }' };

describe('a module that is missing', () => {
  /** [what, files, end of the explanation] */
  test.each<[string, Files, string]>([
    [
      'a package',
      { 'a.mjs': "\nimport express from 'express/lib/router';" },
      ' imported from a.mjs:2: npm install express',
    ],
    [
      'a package with a scope, in CommonJS',
      { 'a.cjs': "require('@some/package/part');" },
      ', required by a.cjs:1: npm install @some/package',
    ],
    [
      'a dependency that is not installed',
      { 'a.mjs': "import 'koa';", 'package.json': '{ "dependencies": { "koa": "3" } }' },
      ' imported from a.mjs:1: npm install',
    ],
    [
      'a path without its dot',
      { 'a.mjs': "import 'lib/part.mjs';", 'lib/part.mjs': '' },
      " imported from a.mjs:1: did you mean './lib/part.mjs'?",
    ],
    ['a module of Node', { 'a.mjs': "import 'test';" }, ": did you mean 'node:test'?"],
    ['an alias', { 'a.mjs': "import '@/part';" }, ' imported from a.mjs:1'],
    [
      'another ending',
      { 'a.mjs': "import './b.mjs';", 'b.mjs': "\n\nimport './part.js'", 'part.mjs': '' },
      " imported from b.mjs:3: did you mean './part.mjs'?",
    ],
    [
      'no ending',
      { 'lib/a.mjs': "import '../p';", 'p.cjs': '', 'q.cjs': '' },
      " imported from lib/a.mjs:1: did you mean '../p.cjs'?",
    ],
    [
      'no ending, in CommonJS',
      { 'a.cjs': "require('./part')", 'part.cjs': '' },
      ", required by a.cjs:1: did you mean './part.cjs'?",
    ],
    [
      'a slip',
      { 'a.mjs': "import './rotues.mjs';", 'Routes.mjs': '', 'others.mjs': '' },
      " imported from a.mjs:1: did you mean './Routes.mjs'?",
    ],
    [
      'a folder',
      { 'a.mjs': "import './lib';", 'lib/index.js': '' },
      " imported from a.mjs:1: did you mean './lib/index.js'?",
    ],
    ['nothing like it', { 'a.mjs': "import './part.mjs';", 'b.mjs': '' }, ' imported from a.mjs:1'],
    [
      'nothing like it, in CommonJS',
      { 'a.cjs': "require('./part.cjs');", 'b.cjs': '' },
      ', required by a.cjs:1',
    ],
    [
      'from TypeScript',
      { 'a.ts': "const one: number = 1;\nimport './part.ts'; one;", 'parts.ts': '' },
      "a.ts:2: did you mean './parts.ts'?",
    ],
  ])('%s is named, with its place and a remedy', async (_what, files, end) => {
    const explanation = await explanationOf(files);
    expect(explanation).toMatch(/^(?:Cannot find (?:module|package)|Directory import) '[^']+'/);
    expect(explanation.slice(-end.length)).toBe(end);
  });
});

describe('the other kind of module', () => {
  test.each<[Files, string]>([
    [
      { 'a.js': "\nrequire('fs');", ...MODULE },
      'ReferenceError: require is not defined in ES module scope (a.js:2): ' +
        'package.json says "type": "module"; use import, or rename it to a.cjs',
    ],
    [
      { 'a.mjs': "import './b.mjs';", 'b.mjs': 'exports.x = 1;' },
      'ReferenceError: exports is not defined in ES module scope (b.mjs:1): ' +
        'its name makes it an ES module; use export, or rename it to b.cjs',
    ],
    [
      { 'a.js': 'import "node:fs"; module.exports = 1;' },
      'ReferenceError: module is not defined in ES module scope (a.js:1): ' +
        'an import or export makes it an ES module; use export, or rename it to a.cjs',
    ],
    [
      { 'a.mjs': 'console.log(__dirname);' },
      'ReferenceError: __dirname is not defined in ES module scope (a.mjs:1): use import.meta.dirname',
    ],
    [
      { 'a.cjs': '\nimport "node:fs";' },
      'SyntaxError: Cannot use import statement outside a module (a.cjs:2): ' +
        'its name makes it CommonJS; rename it to a.mjs',
    ],
    [
      { 'a.js': 'export default 1;', ...COMMON },
      "SyntaxError: Unexpected token 'export' (a.js:1): " +
        'package.json says "type": "commonjs"; make that "module", or rename it to a.mjs',
    ],
    [
      { 'a.cjs': "require('./b.mjs');", 'b.mjs': 'await 1;' },
      'Error: require() cannot be used on an ESM graph with top-level await',
    ],
    [
      { 'a.mjs': "import { b } from './b.cjs';", 'b.cjs': "exports['b' + ''] = 1;" },
      "(a.mjs:1): import x from './b.cjs', and take b from x",
    ],
    [
      { 'a.mjs': "import b from './b.mjs';", 'b.mjs': 'export const b = 1;' },
      '(a.mjs:1): it has no default export; import another by its name: import { NAME }',
    ],
    [
      { 'a.mjs': "import './b.json';", 'b.json': '{}' },
      ": write with { type: 'json' } behind the import",
    ],
  ])('is explained: %j', async (files, expected) => {
    expect(await explanationOf(files)).toContain(expected);
  });
});

describe('a syntax error', () => {
  test('in a module that is imported is found', async () => {
    expect(
      await explanationOf({
        'a.mjs': "import { b } from './lib/b.mjs';",
        'lib/b.mjs': "export { b } from './c.mjs';\nimport './a-file-without-error.mjs';",
        'lib/a-file-without-error.mjs': '',
        'lib/c.mjs': 'export const b = 1;\n\nexport const = 2;',
      }),
    ).toMatch(/^SyntaxError: .* \(lib\/c\.mjs:3\)$/);
  });

  test('that only looks like the wrong kind of module gets no advice on that', async () => {
    expect(await explanationOf({ 'a.mjs': '{\nexport default 1;\n}' })).toMatch(
      /^SyntaxError: Unexpected token 'export' \(a\.mjs:2\)$/,
    );
  });

  test('runs nothing of the application to be found', async () => {
    const files = {
      'a.mjs': "console.log('has run'); import './b.mjs';",
      'b.mjs': 'export const = 2;',
    };
    expect(await explanationOf(files)).toMatch(/\(b\.mjs:1\)$/);
    const { stdout, stderr } = await run(['a.mjs', '--http', '0'], { cwd: folder });
    expect(stdout + stderr).not.toContain('has run');
  });
});
