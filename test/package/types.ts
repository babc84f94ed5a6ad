/** Programs in TypeScript that import the packed package, in each way in which modules are resolved. */

import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { beforeAll, describe, expect, test } from 'vitest';

import { ROOT } from '../readme/markdown.ts';
import { project, run } from './kit.ts';

const PROGRAM = `
import { validator, type Application } from 'postern';
import { runWithCgi } from 'postern/cgi';
import { runWithFastCgi } from 'postern/fastcgi';
import { runWithHttp } from 'postern/http';
import { runWithScgi } from 'postern/scgi';
import { runWithUwsgi } from 'postern/uwsgi';
import { testClient } from 'postern/testing';

const app: Application = (environ, startResponse) => {
  startResponse('200 OK', []);
  return [Buffer.from(environ.PATH_INFO)];
};
export const text: Promise<string> = testClient(validator(app)).get('/x').then((answer) => answer.text());
export const gateways = [runWithCgi, runWithFastCgi, runWithHttp, runWithScgi, runWithUwsgi] as const;
export const closed: Promise<void> = runWithHttp(app, { listen: 0 }).then((server) => server.closed);
// @ts-expect-error The types are there, and not any.
export const wrong: number = validator(app);
`;

/** The compiler of this project, and an older one, which attw has of its own. */
const COMPILERS = {
  new: createRequire(import.meta.url).resolve('@typescript/native/package.json'),
  old: createRequire(import.meta.resolve('@arethetypeswrong/core')).resolve(
    'typescript/package.json',
  ),
};

type Run = [compiler: keyof typeof COMPILERS, skipLibCheck: boolean, ...options: string[]];

const BUNDLER = ['program.mts', '--module', 'esnext', '--moduleResolution', 'bundler'];

const RUNS: readonly Run[] = [
  ...[true, false].flatMap((skip): Run[] => [
    ['new', skip, 'program.mts', '--module', 'node16'],
    ['new', skip, 'program.mts', 'program.cts', '--module', 'nodenext'],
    ['new', skip, ...BUNDLER],
  ]),
  // It lets CommonJS import no ES module, as Node did not when it was made; and it is slow.
  ['old', false, 'program.mts', '--module', 'nodenext'],
  ['old', false, ...BUNDLER],
];

function compileIn(
  folder: string,
  compiler: keyof typeof COMPILERS,
  ...options: readonly string[]
): string {
  const tsc = join(dirname(COMPILERS[compiler]), 'bin/tsc');
  const strict = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--target', 'es2022'];
  const { stdout, stderr } = run([process.execPath, tsc, ...strict, ...options], folder);
  return stdout + stderr;
}

/** @param installed the project into which the package was installed */
export function defineTypeTests(installed: () => string): void {
  let folder: string;
  beforeAll(() => {
    folder = installed();
    writeFileSync(join(folder, 'program.mts'), PROGRAM);
    writeFileSync(join(folder, 'program.cts'), PROGRAM);
    mkdirSync(join(folder, 'node_modules/@types'));
    symlinkSync(join(ROOT, 'node_modules/@types/node'), join(folder, 'node_modules/@types/node'));
  });

  function compile(compiler: keyof typeof COMPILERS, ...options: readonly string[]): string {
    return compileIn(folder, compiler, ...options);
  }

  // The old compiler takes seven seconds of processor time for each.
  test.each(RUNS)(
    '%s compiler, skipLibCheck %s: %s %s %s',
    { timeout: 120_000 },
    (compiler, skip, ...options) => {
      expect(compile(compiler, ...options, '--skipLibCheck', String(skip))).toBe('');
    },
  );

  test.each(['new', 'old'] as const)('%s: a mistake is seen', (compiler) => {
    const options = ['program.mts', '--module', 'node16', '--types', 'absent'];
    expect(compile(compiler, ...options)).toContain('TS2688');
  });

  describe('without @types/node', () => {
    let bare: string;
    beforeAll(() => {
      bare = project({
        'program.mts': PROGRAM.replaceAll('Buffer.from', 'new TextEncoder().encode'),
      });
      // A copy: a link would be followed, to where the types are.
      cpSync(join(installed(), 'node_modules/postern'), join(bare, 'node_modules/postern'), {
        recursive: true,
      });
    });

    test('the compiler says what to install', () => {
      const output = compileIn(bare, 'new', 'program.mts', '--module', 'nodenext');
      expect(output).toContain('npm i --save-dev @types/node');
    });

    test('and with skipLibCheck, where it does not look, a program compiles', () => {
      const options = ['program.mts', '--module', 'nodenext', '--skipLibCheck'];
      expect(compileIn(bare, 'new', ...options)).toBe('');
    });

    test('the package and its types say that it is a peer', () => {
      const folder = join(bare, 'node_modules/postern');
      const { peerDependencies } = JSON.parse(
        readFileSync(join(folder, 'package.json'), 'utf8'),
      ) as { peerDependencies: object };
      expect(Object.keys(peerDependencies)).toEqual(['@types/node']);
      const types = readFileSync(join(folder, 'dist/src/index.d.ts'), 'utf8');
      expect(types).toContain('npm install --save-dev @types/node');
    });
  });
}
