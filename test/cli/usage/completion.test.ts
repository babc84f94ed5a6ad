/** The completion of a shell. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { OPTION_NAMES, isPositional, toFlag } from '../../../src/cli/options/options.ts';
import { POSTERN, run } from '../process.ts';

/** The words that follow, as the script of a shell asks for them. */
async function wordsAfter(...typed: string[]): Promise<string[]> {
  const args = ['--get-yargs-completions', 'postern', ...typed];
  const { stdout, stderr, code } = await run(args, { env: { SHELL: '/bin/bash' } });
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return stdout.trimEnd().split('\n');
}

describe('the words that may follow', () => {
  test('are all options', async () => {
    const words = await wordsAfter('--');
    for (const name of OPTION_NAMES)
      if (!isPositional(name)) expect(words).toContain(`--${toFlag(name)}`);
    expect(words).toEqual(expect.arrayContaining(['--help', '--version', '--bind', '--port']));
  });

  test.each([
    ['--log-level', ['silent', 'error', 'warn', 'info', 'debug']],
    ['--interface', ['auto', 'wsgi', 'fetch', 'node']],
    ['--fastcgi-engine', ['postern', 'node-fastcgi']],
  ])('%s are its choices', async (flag, choices) => {
    expect(await wordsAfter(flag, '')).toEqual(choices);
  });

  test('are commands', async () => {
    expect(await wordsAfter('con')).toContain('conf');
  });

  test('of conf are front ends, and its own options', async () => {
    expect(await wordsAfter('conf', 'ngi')).toEqual(['nginx']);
    const words = await wordsAfter('conf', 'nginx', '--');
    expect(words).toEqual(expect.arrayContaining(['--gateway', '--mount', '--server-name']));
    expect(words).not.toContain('--fastcgi');
    expect(await wordsAfter('conf', 'nginx', '--part', '')).toEqual(['site', 'location']);
  });
});

describe('the script', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'postern-completion-'));
    symlinkSync(POSTERN, join(folder, 'postern'));
    symlinkSync(process.execPath, join(folder, 'node'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('completes in bash', async () => {
    const { stdout } = await run(['completion'], { env: { SHELL: '/bin/bash' } });
    writeFileSync(join(folder, 'script'), stdout);
    const { stdout: replies, stderr } = spawnSync(
      'bash',
      [
        '--norc',
        '-c',
        `source ./script
         complete -p postern
         COMP_WORDS=(postern --access-log-f) COMP_CWORD=1
         _postern_yargs_completions
         echo "\${COMPREPLY[@]}"`,
      ],
      {
        cwd: folder,
        env: { PATH: `${folder}:/usr/bin:/bin`, SHELL: '/bin/bash' },
        encoding: 'utf8',
      },
    );
    expect(stderr).toBe('');
    expect(replies).toMatch(/^complete .* postern\n--access-log-format\n$/);
  });

  test('is one of zsh there', async () => {
    const { stdout } = await run(['completion'], { env: { SHELL: '/bin/zsh' } });
    expect(stdout).toMatch(/^#compdef postern\n/);
  });
});
