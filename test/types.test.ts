/** The declarations as users get them: types.test-d.ts as a program that imports the built package. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-types-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(ROOT, join(folder, 'node_modules/postern'));
  symlinkSync(join(ROOT, 'node_modules/@types'), join(folder, 'node_modules/@types'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  // As strict as a user's program can be; and the declarations themselves are checked.
  const compilerOptions = {
    target: 'ES2023',
    lib: ['ES2023'],
    types: ['node'],
    module: 'NodeNext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noPropertyAccessFromIndexSignature: false,
    skipLibCheck: false,
    noEmit: true,
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
});
afterAll(() => rmSync(folder, { recursive: true }));

function compile(source: string): string {
  writeFileSync(join(folder, 'program.ts'), source);
  const tsc = join(ROOT, 'node_modules/.bin/tsc');
  const { stdout, stderr } = spawnSync(tsc, [], { cwd: folder, encoding: 'utf8' });
  return stdout + stderr;
}

test('what has to compile does, and what must not does not', () => {
  const source = readFileSync(join(import.meta.dirname, 'types.test-d.ts'), 'utf8')
    .replaceAll("'../src/index.ts'", "'postern'")
    .replaceAll("'../src/testing/index.ts'", "'postern/testing'");
  expect(compile(source)).toBe('');
  // That the compiler has looked at all: without the directives, each of the wrong lines is an error.
  const directive = '// @ts-expect-error';
  const errors = compile(source.replaceAll(directive, '//')).match(/^program\.ts.*: error TS/gm);
  expect(errors).toHaveLength(source.split(directive).length - 1);
});

test('what middleware adds to the environ can be given a type', () => {
  const source = `
    import { toFunction, wrapBody, type Application } from 'postern';

    declare module 'postern' {
      interface Environ {
        'app.user'?: { readonly name: string };
      }
    }
    export function withUser(application: Application, name: string): Application {
      const call = toFunction(application);
      return (environ, startResponse) => {
        environ['app.user'] = { name };
        return wrapBody(call(environ, startResponse), { close: () => delete environ['app.user'] });
      };
    }
    export const greet: Application = (environ, startResponse) => {
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      // @ts-expect-error: a request may have none
      environ['app.user'].name;
      const name: string = environ['app.user']?.name ?? 'nobody';
      return [Buffer.from(name)];
    };
  `;
  expect(compile(source)).toBe('');
});

test('each gateway’s subpath has its types', () => {
  const source = `
    import { runWithCgi } from 'postern/cgi';
    import { runWithFastCgi, type Server } from 'postern/fastcgi';
    import { makeServer, runWithHttp } from 'postern/http';
    import { runWithScgi } from 'postern/scgi';
    import { runWithUwsgi } from 'postern/uwsgi';
    import type { Address, Application, GatewayOptions, ListenOptions } from 'postern';

    declare const app: Application;
    const listen: Address = { path: '/tmp/x' };
    const options: GatewayOptions & ListenOptions = { socketMode: 0o600 };
    const fastcgi: Server = await runWithFastCgi(app, { ...options, listen });
    fastcgi.closed satisfies Promise<void>;
    await using http = await runWithHttp(app, { listen: 0 });
    http.address();
    await using scgi = await runWithScgi(app, { listen: 0 });
    await using uwsgi = await runWithUwsgi(app, { listen: 0 });
    await (await makeServer('', 0, app)).handleRequest();
    await runWithCgi(app);
  `;
  expect(compile(source)).toBe('');
});
