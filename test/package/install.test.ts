/** What `npm pack` makes is installed and used as a stranger does, in projects of its own. */

import {
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { createPackageFromTarballData, checkPackage } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { blocks, commands, readPage, ROOT, section } from '../readme/markdown.ts';
import {
  clone,
  manifest,
  npm,
  npmEnvironment,
  pack,
  project,
  run,
  sample,
  TARBALL,
} from './kit.ts';
import { startRegistry, type Registry } from './registry.ts';
import { defineTypeTests } from './types.ts';

const CGI = { GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: 'GET' };

const SUBPATHS = ['', '/cgi', '/fastcgi', '/http', '/scgi', '/uwsgi', '/testing'];

let registry: Registry;
let tarball: string;
/** A project into which the file was installed. */
let installed: string;

beforeAll(async () => {
  registry = await startRegistry();
  tarball = await pack();
  installed = project({ 'hello.mjs': sample('// hello.mjs') });
  await npm(['install', tarball], installed, registry);
}, 180_000);

afterAll(() => registry[Symbol.asyncDispose]());

/** The files of the package, as they are installed. */
function files(): string[] {
  const folder = join(installed, 'node_modules/postern');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' });
}

test('the README’s commands are those of these tests', () => {
  const [block] = blocks(section(readPage('README.md'), '## Install'), 'sh');
  expect(commands(block!)).toEqual([
    `npm install ./${TARBALL}`,
    `npm install --global ./${TARBALL}`,
  ]);
});

describe('the file', () => {
  test('is judged good by publint', async () => {
    const buffer = readFileSync(tarball);
    const data = buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength);
    const { messages } = await publint({ pack: { tarball: data }, strict: true });
    expect(messages).toEqual([]);
  });

  test('has the types of each subpath where TypeScript looks for them', async () => {
    const { problems } = (await checkPackage(
      createPackageFromTarballData(new Uint8Array(readFileSync(tarball))),
    )) as { problems: readonly { kind: string; resolutionKind?: string }[] };
    // Old TypeScript knows no subpaths; `module: node16` lets CommonJS import no ES module, as Node 16 did not.
    const unexpected = problems.filter(
      ({ kind, resolutionKind }) =>
        resolutionKind !== 'node10' &&
        !(kind === 'CJSResolvesToESM' && resolutionKind === 'node16-cjs'),
    );
    expect(unexpected).toEqual([]);
    expect(problems.length).toBeGreaterThan(0); // it has looked
  });

  test('has no source map, since it has no sources', () => {
    expect(files().filter((file) => file.endsWith('.map'))).toEqual([]);
    const scripts = files().filter((file) => /^dist\/.*\.(?:js|d\.ts)$/.test(file));
    expect(scripts.length).toBeGreaterThan(200);
    for (const file of scripts) {
      const text = readFileSync(join(installed, 'node_modules/postern', file), 'utf8');
      expect(text, file).not.toContain('sourceMappingURL');
    }
  });

  test('has what is documented, and nothing of the tests', () => {
    expect(files()).toEqual(
      expect.arrayContaining([
        'README.md',
        'LICENSE',
        'CHANGELOG.md',
        'SECURITY.md',
        'conf/README.md',
        'conf/OPTIONS.md',
        'conf/SHARED-HOSTING.md',
      ]),
    );
    expect(files().filter((file) => /(?:^|\/)(?:test|\.ci)(?:\/|$)/.test(file))).toEqual([]);
  });

  test('says whose it is', () => {
    const { author } = JSON.parse(
      readFileSync(join(installed, 'node_modules/postern/package.json'), 'utf8'),
    ) as Record<string, unknown>;
    const license = readFileSync(join(installed, 'node_modules/postern/LICENSE'), 'utf8');
    expect(license).toContain(String(author));
  });
});

describe('in a project', () => {
  test('it is a folder that can be uploaded, and no link', () => {
    const all = readdirSync(join(installed, 'node_modules'));
    expect(all).toContain('postern');
    for (const name of all) {
      expect(lstatSync(join(installed, 'node_modules', name)).isSymbolicLink(), name).toBe(false);
    }
    expect(readFileSync(join(installed, 'package.json'), 'utf8')).toContain(`${TARBALL}"`);
  });

  test('the command serves the README’s application', () => {
    const { status, stdout, stderr } = run(
      ['node_modules/.bin/postern', 'hello.mjs'],
      installed,
      CGI,
    );
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^Status: 200 OK\r\n[^]*You asked for \n$/);
    expect(status).toBe(0);
  });

  test('the README’s middleware answers, around applications of two shapes', () => {
    writeFileSync(join(installed, 'site.mjs'), sample('// site.mjs'));
    const postern = ['node_modules/.bin/postern', 'site.mjs'] as const;
    const hello = run([...postern], installed, { ...CGI, PATH_INFO: '/hello/x' });
    expect(hello.stderr).toMatch(/^\d+(?:\.\d+)? ms\n$/);
    expect(hello.stdout).toMatch(/\r\nX-Frame-Options: DENY\r\n[^]*You asked for \/x\n$/);
    expect(run([...postern], installed, CGI).stdout).toMatch(/\r\n\r\nHome\n$/);
  });

  test.each(['postern/testing', 'postern/fastcgi'])('the README’s sample with %s runs', (words) => {
    const code = sample(`from '${words}'`)
      .replace('unix:/run/hello.sock', '127.0.0.1:0')
      // One that serves is told to stop as soon as it does.
      .replace('await server.closed', "process.kill(process.pid, 'SIGTERM');\nawait server.closed");
    const folder = installed;
    expect(run([process.execPath, '--input-type=module', '-e', code], folder)).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
    });
  });

  test.each([
    ['import', 'module', 'await import(name)'],
    ['require', 'commonjs', 'require(name)'],
  ])('every subpath is there by %s', (_way, type, load) => {
    const names = SUBPATHS.map((path) => `postern${path}`);
    const code = `for (const name of ${JSON.stringify(names)}) console.log(Object.keys(${load}).length > 0);`;
    // The first versions that have require() of ES modules tell that it is new.
    const args = ['--disable-warning=ExperimentalWarning', `--input-type=${type}`, '-e', code];
    const { stdout, stderr } = run([process.execPath, ...args], installed);
    expect(stderr).toBe('');
    expect(stdout).toBe('true\n'.repeat(names.length));
  });
});

describe('in TypeScript', () => defineTypeTests(() => installed));

describe('globally', () => {
  let prefix: string;
  beforeAll(async () => {
    prefix = project();
    await npm(['install', '--global', '--prefix', prefix, tarball], prefix, registry);
  });

  test('the command is in the path', () => {
    const { stdout } = run([join(prefix, 'bin/postern'), '--version'], prefix);
    expect(stdout.trim()).toBe(manifest().version);
  });

  test('an application that imports postern is told how to install it, and that helps', async () => {
    const app = `import { validator } from 'postern';
      import { demoApp } from 'postern';
      export default validator(demoApp);`;
    const folder = project({ 'app.mjs': app });
    const postern = join(prefix, 'bin/postern');
    const { stderr } = run([postern, 'app.mjs', '--http', '0'], folder);
    const [, remedy] = /app\.mjs:1: npm (.*)\n$/.exec(stderr) ?? [];
    expect(remedy, stderr).toBeDefined();
    await npm(remedy!.split(' '), folder, registry);
    expect(lstatSync(join(folder, 'node_modules/postern')).isSymbolicLink()).toBe(false);
    expect(run([postern, 'app.mjs'], folder, CGI).stdout).toMatch(/^Status: 200 OK\r\n/);
  });
});

/** `npm install --global .` in a clone. */
function installGlobally(folder: string): ReturnType<typeof run> {
  const command = ['npm', 'install', '--global', '--prefix', project(), '.'] as const;
  return run([...command], folder, npmEnvironment(registry));
}

describe('a clone without development packages', () => {
  test.each([false, true])('says what to do, because it cannot run; built: %s', (isBuilt) => {
    const folder = clone();
    if (isBuilt) cpSync(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true });
    const { status, stderr } = installGlobally(folder);
    expect(status).not.toBe(0);
    expect(stderr).toContain('run "npm ci" in it (without --omit=dev)');
  });

  test('that was built before is installed as it is', () => {
    const folder = clone();
    cpSync(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true });
    mkdirSync(join(folder, 'node_modules'));
    for (const name of readdirSync(join(ROOT, 'node_modules'))) {
      if (name === '@typescript') continue;
      symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
    }
    const { status, stderr } = installGlobally(folder);
    expect(status, stderr).toBe(0);
    const main = join(folder, 'dist/src/cli/main.cjs');
    expect(run([process.execPath, main, '--version'], folder).stdout).toContain(manifest().version);
  });
});
