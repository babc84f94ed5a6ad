/** Whose configuration counts: the operator's (CVE-2022-24765). */

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lchownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { readConfigFile, readPackageConfig } from '../../../src/cli/settings/config.ts';
import { run } from '../process.ts';

/** Two accounts that are neither root nor this one. */
const [OTHER, THIRD] = [65_534, 12_345];
const isRoot = process.getuid?.() === 0;

let outer: string;
let folder: string;
let stderr: ReturnType<typeof vi.spyOn>;
beforeEach(() => {
  outer = mkdtempSync(join(tmpdir(), 'postern-config-'));
  folder = join(outer, 'project');
  mkdirSync(folder);
  stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  rmSync(outer, { recursive: true });
});

const PACKAGE = { postern: { scriptName: '/configured' } };

function write(name: string, content: unknown = PACKAGE, uid?: number): string {
  const file = join(outer, name);
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  if (uid !== undefined) chownSync(file, uid, uid);
  return file;
}

const own = (name: string): string => join(folder, name);
const said = (): string => stderr.mock.calls.join('');

/** The nearest package.json counts. */
function expectRead(application?: string): void {
  expect(readPackageConfig(folder, application)?.values).toEqual(PACKAGE.postern);
  expect(said()).toBe('');
}

/** It does not, and one line says why. */
function expectDoubt(why: string, application?: string, file = 'project/package.json'): void {
  expect(readPackageConfig(folder, application)).toBeUndefined();
  expect(said()).toBe(
    `postern: ${join(outer, file)} is not read: ${why} (--config FILE reads it all the same)\n`,
  );
}

describe('a package.json of ours', () => {
  test.each([0o644, 0o600, 0o664])('with mode %o is read', (mode) => {
    chmodSync(write('project/package.json'), mode);
    expectRead();
  });

  test('to which everybody may write is not', () => {
    chmodSync(write('project/package.json'), 0o666);
    expectDoubt('everybody may write to it');
  });

  test('in a folder to which everybody may write is not', () => {
    write('project/package.json');
    chmodSync(folder, 0o777);
    expectDoubt('everybody may write to its folder');
  });

  test('in a folder such as /tmp, where nobody can replace it, is read', () => {
    write('project/package.json');
    chmodSync(folder, 0o1777);
    expectRead();
  });

  test('is read through a link, unless everybody may write where that leads', () => {
    mkdirSync(join(outer, 'elsewhere'));
    symlinkSync(write('elsewhere/package.json'), join(folder, 'package.json'));
    expectRead();
    chmodSync(join(outer, 'elsewhere'), 0o777);
    expectDoubt('everybody may write to its folder');
  });

  test('that is a link to nothing is none, and the next one counts', () => {
    symlinkSync('nowhere', join(folder, 'package.json'));
    write('package.json');
    expectRead();
  });
});

describe.skipIf(!isRoot)('a package.json of another account (as root)', () => {
  test.each([
    ['in a folder of ours', (): void => {}],
    ['in a folder such as /tmp', (): void => chmodSync(folder, 0o1777)],
    ['in a folder of its own', (): void => chownSync(folder, OTHER, OTHER)],
  ])('%s is not read', (_, prepare) => {
    prepare();
    write('project/package.json', PACKAGE, OTHER);
    expectDoubt(`it belongs to another account (${OTHER})`);
  });

  test('is not read in a folder above either, and nothing beyond it', () => {
    chmodSync(outer, 0o1777);
    write('package.json', PACKAGE, OTHER);
    expectDoubt(`it belongs to another account (${OTHER})`, undefined, 'package.json');
  });

  test.each([
    ['is no JSON', () => write('project/package.json', '{', OTHER)],
    ['nobody may read', () => chmodSync(write('project/package.json', PACKAGE, OTHER), 0)],
    ['is a folder', () => mkdirSync(own('package.json'))],
    ['is a link to nothing', () => symlinkSync('nowhere', own('package.json'))],
    ['is a link to a file of ours', () => symlinkSync(write('ours.json'), own('package.json'))],
    ['is a link to itself', () => symlinkSync('package.json', own('package.json'))],
  ])('that %s stops nothing', (_, make) => {
    make();
    lchownSync(own('package.json'), OTHER, OTHER);
    expectDoubt(`it belongs to another account (${OTHER})`);
  });

  // In a process of its own: whoever opens it may wait forever.
  test('that is a pipe is not waited for', async () => {
    spawnSync('mkfifo', [own('package.json')]);
    chownSync(own('package.json'), OTHER, OTHER);
    const outcome = await run([], { cwd: folder });
    expect(outcome.stderr).toMatch(/^postern: .*it belongs to another account .*\npostern: no app/);
  });

  test('is not read behind a link or a second name of ours', () => {
    const file = write('other.json', PACKAGE, OTHER);
    symlinkSync(file, own('package.json'));
    expectDoubt(`it belongs to another account (${OTHER})`);
    rmSync(own('package.json'));
    stderr.mockClear();
    linkSync(file, own('package.json'));
    expectDoubt(`it belongs to another account (${OTHER})`);
  });

  test('does not count when only its folder is somebody else’s', () => {
    write('project/package.json');
    chownSync(folder, OTHER, OTHER);
    expectDoubt(`its folder belongs to another account (${OTHER})`);
  });

  test('is read when the application is of the same account, which decides here anyway', () => {
    const application = write('project/app.mjs', '', OTHER);
    write('project/package.json', PACKAGE, OTHER);
    chownSync(folder, OTHER, OTHER);
    expectRead(application);
    chownSync(join(folder, 'package.json'), THIRD, THIRD);
    expectDoubt(`it belongs to another account (${THIRD})`, application);
  });

  test('is read when that account has called sudo', () => {
    write('project/package.json', PACKAGE, OTHER);
    vi.stubEnv('SUDO_UID', String(OTHER));
    expectRead();
  });

  test('is read when it is named', () => {
    const file = write('project/package.json', PACKAGE, OTHER);
    expect(readConfigFile(file).values).toEqual(PACKAGE.postern);
    expect(said()).toBe('');
  });

  test('opens nothing, writes nothing, runs nothing', async () => {
    const log = join(outer, 'written.log');
    write('project/evil.mjs', `throw new Error('run')`, OTHER);
    write(
      'project/package.json',
      { postern: { app: 'evil.mjs', fastcgi: '0.0.0.0:0', accessLog: log } },
      OTHER,
    );
    const outcome = await run([], { cwd: folder });
    const [first, second, ...rest] = outcome.stderr.split('\n');
    expect(first).toBe(
      `postern: ${join(folder, 'package.json')} is not read: it belongs to another account (${OTHER}) ` +
        '(--config FILE reads it all the same)',
    );
    expect(second).toMatch(/^postern: no application: /);
    expect(rest).toEqual(['']);
    expect(outcome.code).toBe(2);
  });

  test('changes nothing of a CGI program in a folder below', async () => {
    write('package.json', { postern: { accessLog: '/dev/stderr' } }, OTHER);
    const application = write(
      'project/app.mjs',
      `export default (environ, startResponse) => { startResponse('200 OK', []); return []; }`,
    );
    const env = { GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: 'GET' };
    const outcome = await run([application], { env });
    expect(outcome.stdout).toMatch(/^Status: 200 OK/);
    expect(outcome.stderr).toMatch(/^postern: .*package\.json is not read: [^\n]*\n$/);
  });
});

test('a package.json that is named has its options below "postern"', () => {
  expect(readConfigFile(write('package.json')).values).toEqual(PACKAGE.postern);
  expect(readConfigFile(write('package.json', { name: 'without' })).values).toEqual({});
});
