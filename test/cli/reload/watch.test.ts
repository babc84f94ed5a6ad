/** What else is watched: files that are read and not imported, and links to releases. */

import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { Globs } from '../../../src/cli/reload/watch/globs.ts';
import { ask } from '../ask.ts';
import { CommandProcess } from '../process.ts';
import { answering, folder, start, times, write } from './kit.ts';

describe('a glob', () => {
  test.each([
    ['*.html', 'a.html', true],
    ['*.html', 'views/a.html', true],
    ['*.html', 'a.htm', false],
    ['.env', '.env', true],
    ['.env*', 'config/.env.local', true],
    ['views/*.html', 'views/a.html', true],
    ['./views/*.html', 'views/a.html', true],
    ['views/*.html', 'a.html', false],
    ['views/**', 'views/deep/a.txt', true],
    ['{a,b}.json', 'b.json', true],
    ['views', 'views/deep/a.txt', true],
    ['views/', 'views/.hidden', true],
    ['views', 'other/views.txt', false],
    ['.', 'any/thing', true],
  ])('%s and %s: %s', (glob, path, expected) => {
    mkdirSync(join(folder, 'views'));
    expect(new Globs([glob], folder).matches(join(folder, path))).toBe(expected);
  });

  test('that is absolute is so', () => {
    const globs = new Globs([join(folder, 'views/*.html')], '/');
    expect(globs.matches(join(folder, 'views/a.html'))).toBe(true);
    expect(globs.bases).toEqual([join(folder, 'views')]);
  });

  test.each([
    ['build', true],
    ['build/**', true],
    ['build/*.js', false],
  ])('%s excludes a whole folder: %s', (glob, expected) => {
    mkdirSync(join(folder, 'build'));
    expect(new Globs([glob], folder).matchesAllIn(join(folder, 'build'))).toBe(expected);
  });
});

describe('--reload-include', () => {
  const READING = answering(
    "(await import('node:fs')).readFileSync('views/page.html', 'utf8')",
  ).replace('(environ', 'async (environ');

  test('notices files that are changed, made, replaced and removed', async () => {
    write('views/page.html', 'one');
    write('app.mjs', READING);
    const [command, port] = await start(
      'app.mjs',
      '--reload-include',
      '*.html',
      '--reload-include',
      '.env',
    );
    expect(await ask('http', { port })).toBe('one');
    write('views/page.html', 'number two');
    await command.says(/^postern: views\/page\.html changed: reloading$/m);
    await command.says(times('postern: reloaded', 1));
    expect(await ask('http', { port })).toBe('number two');
    write('.env', 'A=1');
    await command.says(/^postern: \.env changed: reloading$/m);
    await command.says(times('postern: reloaded', 2));
    // As editors save.
    writeFileSync(join(folder, 'views/page.tmp'), 'number three');
    renameSync(join(folder, 'views/page.tmp'), join(folder, 'views/page.html'));
    await command.says(times('postern: reloaded', 3));
    expect(await ask('http', { port })).toBe('number three');
    rmSync(join(folder, '.env'));
    await command.says(times('postern: reloaded', 4));
    const { stderr } = await command.stop();
    expect(stderr.match(/changed: reloading/g)).toHaveLength(4);
  });

  test('looks into folders that are made later, and not into node_modules', async () => {
    write('app.mjs', answering('1'));
    write('node_modules/a/page.html', '');
    const [command] = await start('app.mjs', '--reload-include', '*.html');
    await command.says(/loaded by/);
    write('node_modules/a/page.html', 'changed');
    write('new/deep/page.html', '');
    await command.says(/^postern: new\/deep\/page\.html changed: reloading$/m);
    await command.says(times('postern: reloaded', 1));
    write('new/deep/page.html', 'changed');
    await command.says(times('postern: reloaded', 2));
    expect((await command.stop()).stderr).not.toContain('node_modules');
  });
});

test('--reload-exclude leaves out files, also imported ones', async () => {
  write('generated/data.mjs', 'export default 1;');
  write('part.mjs', 'export default 1;');
  write(
    'app.mjs',
    `import one from './generated/data.mjs'; import two from './part.mjs'; ${answering('one + two')}`,
  );
  const args = [
    '--reload-include',
    '**',
    '--reload-exclude',
    'generated',
    '--reload-exclude',
    '*.log',
  ];
  const [command, port] = await start('app.mjs', ...args);
  expect(await ask('http', { port })).toBe('2');
  write('generated/data.mjs', 'export default 10;');
  write('x.log', 'line');
  write('part.mjs', 'export default 2;');
  await command.says(times('postern: reloaded', 1));
  expect(await ask('http', { port })).toBe('12');
  expect((await command.stop()).stderr).toMatch(/^postern: part\.mjs changed: reloading$/m);
});

test('another release behind a link is loaded', async () => {
  write('releases/1/app.mjs', answering("'first'"));
  write('releases/2/app.mjs', answering("'second'"));
  symlinkSync('releases/1', join(folder, 'current'));
  const command = new CommandProcess(['current/app.mjs', '--http', '0', '--reload'], {
    cwd: folder,
  });
  const [, port] = await command.says(/^postern: http on .*:(\d+)\/$/m);
  expect(await ask('http', { port: Number(port) })).toBe('first');
  // As deployments do it, in one step.
  symlinkSync('releases/2', join(folder, 'next'));
  renameSync(join(folder, 'next'), join(folder, 'current'));
  await command.says(times('postern: reloaded', 1));
  expect(await ask('http', { port: Number(port) })).toBe('second');
  // What is in the new one is watched, too.
  write('releases/2/app.mjs', answering("'changed'"));
  await command.says(times('postern: reloaded', 2));
  expect(await ask('http', { port: Number(port) })).toBe('changed');
});
