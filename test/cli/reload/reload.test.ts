/** The application loaded again when it changes, at a port that stays open. */

import { once } from 'node:events';
import { renameSync, utimesSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { ask } from '../ask.ts';
import { answering, folder, start, times, untilGone, write } from './kit.ts';

describe('a change', () => {
  const IMPORTS = `import { text } from './part.mjs'; ${answering('text')}`;
  test.each([
    ['the application', 'app.mjs', answering("'before'"), 'app.mjs', answering("'after'")],
    [
      'an import',
      'app.mjs',
      IMPORTS,
      'part.mjs',
      "export const text = 'after';",
      "export const text = 'before';",
    ],
    [
      'a module that CommonJS requires',
      'app.mjs',
      `import text from './between.cjs'; ${answering('text')}`,
      'part.cjs',
      "module.exports = 'after';",
      "module.exports = 'before';",
    ],
    [
      'JSON',
      'app.mjs',
      `import text from './text.json' with { type: 'json' }; ${answering('text')}`,
      'text.json',
      '"after"',
      '"before"',
    ],
    [
      'TypeScript',
      'app.ts',
      `import { text } from './part.ts'; enum Kind { One } ${answering('text')}`.replace(
        '(environ, startResponse)',
        '(environ: object, startResponse: (status: string, headers: []) => void)',
      ),
      'part.ts',
      "export const text: string = 'after';",
      "export const text: string = 'before';",
    ],
    [
      'a package',
      'app.mjs',
      `import text from 'some-package'; ${answering('text')}`,
      'node_modules/some-package/index.js',
      "module.exports = 'after';",
      "module.exports = 'before';",
    ],
    [
      'a script without an extension',
      'app.mjs',
      `import { createRequire } from 'node:module';
       const text = createRequire(import.meta.url)('./script'); ${answering('text')}`,
      'script',
      "module.exports = 'after';",
      "module.exports = 'before';",
    ],
  ])('of %s is served', async (_what, app, source, changing, after, before?: string) => {
    write('between.cjs', "module.exports = require('./part.cjs');");
    if (before !== undefined) write(changing, before);
    write(app, source);
    const [command, port] = await start(app);
    expect(await ask('http', { port })).toBe('before');
    write(changing, after);
    await command.says(/^postern: reloaded$/m);
    expect(await ask('http', { port })).toBe('after');
    expect(command.stderr).toMatch(new RegExp(`^postern: ${changing} changed: reloading$`, 'm'));
    expect(await command.stop()).toMatchObject({ code: 0 });
  });

  test('of what is imported while a request is served counts', async () => {
    write('late.mjs', "export const text = 'before';");
    write('later.cjs', "module.exports = '';");
    write(
      'app.mjs',
      `import { createRequire } from 'node:module';
       const load = async () =>
         (await import('./late.mjs')).text + createRequire(import.meta.url)('./later.cjs');
       export default async (environ, startResponse) => {
         startResponse('200 OK', []);
         return [Buffer.from(await load())];
       };`,
    );
    const [command, port] = await start();
    expect(await ask('http', { port })).toBe('before');
    // Each of them is found, even if it was changed before its import was told of.
    write('late.mjs', "export const text = 'after';");
    await command.says(times('postern: reloaded', 1));
    expect(await ask('http', { port })).toBe('after');
    write('later.cjs', "module.exports = ' all';");
    await command.says(times('postern: reloaded', 2));
    expect(await ask('http', { port })).toBe('after all');
  });

  test('may put a new file in the place of the old one, time after time', async () => {
    write('app.mjs', answering('0'));
    const [command, port] = await start();
    expect(await ask('http', { port })).toBe('0');
    for (const turn of [1, 2, 3]) {
      write('app.mjs.tmp', answering(String(turn)));
      renameSync(join(folder, 'app.mjs.tmp'), join(folder, 'app.mjs'));
      await command.says(times('postern: reloaded', turn));
      expect(await ask('http', { port })).toBe(String(turn));
    }
  });

  test('may be of the whole folder', async () => {
    write('lib/part.mjs', "export const text = 'before';");
    write('app.mjs', `import { text } from './lib/part.mjs'; ${answering('text')}`);
    const [command, port] = await start();
    expect(await ask('http', { port })).toBe('before');
    // As a version control system changes it.
    write('other/part.mjs', "export const text = 'after';");
    renameSync(join(folder, 'lib'), join(folder, 'old'));
    renameSync(join(folder, 'other'), join(folder, 'lib'));
    await command.says(/^postern: reloaded$/m);
    expect(await ask('http', { port })).toBe('after');
    const { length } = command.stderr;
    write('lib/part.mjs', "export const text = 'again';");
    await command.says(new RegExp(`^[^]{${length}}[^]*postern: reloaded$`, 'm'));
    expect(await ask('http', { port })).toBe('again');
  });

  test('may be a touch', async () => {
    const app = write('app.mjs', answering('1'));
    const [command] = await start();
    await command.says(times('loaded by', 1));
    utimesSync(app, new Date(), new Date());
    await command.says(/^postern: reloaded$/m);
  });

  test('of other files changes nothing, and many at once are one', async () => {
    write('part.mjs', 'export const text = 0;');
    write('app.mjs', `import { text } from './part.mjs'; ${answering('text')}`);
    const [command, port] = await start();
    expect(await ask('http', { port })).toBe('0');
    for (let turn = 1; turn <= 50; turn++) {
      write('other.mjs', String(turn));
      write('part.mjs', `export const text = ${turn};`);
    }
    await command.says(/^postern: part\.mjs changed: reloading$/m);
    while ((await ask('http', { port })) !== '50');
    const { stderr } = await command.stop();
    expect(stderr.match(/reloading/g)!.length).toBeLessThan(10);
    expect(stderr).not.toContain('other.mjs');
  });

  test('while the application is being loaded counts, and ends that', async () => {
    write('app.mjs', `console.error('loaded by ' + process.pid); for (;;);`);
    const [command, port] = await start();
    const [, pid] = await command.says(/loaded by (\d+)/);
    const answer = ask('http', { port });
    write('app.mjs', answering("'at last'"));
    expect(await answer).toBe('at last');
    await untilGone(Number(pid));
  });
});

describe('requests', () => {
  test('in flight are finished by what they have begun with', async () => {
    write(
      'app.mjs',
      `console.error('loaded by ' + process.pid);
       export default async (environ, startResponse) => {
         const signalled = new Promise((resolve) => process.once('SIGUSR2', resolve));
         console.error('begun');
         await signalled;
         startResponse('200 OK', []);
         return [Buffer.from('old')];
       };`,
    );
    const [command, port] = await start();
    const old = ask('http', { port });
    await command.says(/begun/);
    const [, pid] = await command.says(/loaded by (\d+)/);
    write('app.mjs', answering("'new'"));
    await command.says(/^postern: reloaded$/m);
    expect(await ask('http', { port })).toBe('new');
    process.kill(Number(pid), 'SIGUSR2');
    expect(await old).toBe('old');
    await untilGone(Number(pid));
  });

  test('that come meanwhile wait', async () => {
    write('app.mjs', answering("'old'"));
    const [command, port] = await start();
    expect(await ask('http', { port })).toBe('old');
    write(
      'app.mjs',
      `const signalled = new Promise((resolve) => process.once('SIGUSR2', resolve));
       console.error('waits: ' + process.pid);
       await signalled;
       ${answering("'new'")}`,
    );
    const [, pid] = await command.says(/waits: (\d+)/);
    const answers = [ask('http', { port }), ask('http', { port })];
    // One that does not wait is no harm.
    const impatient = connect(port, '127.0.0.1');
    await once(impatient, 'connect');
    impatient.destroy();
    // All of them have been accepted when one that came later has.
    await once(connect(port, '127.0.0.1').end(), 'connect');
    process.kill(Number(pid), 'SIGUSR2');
    expect(await Promise.all(answers)).toEqual(['new', 'new']);
  });

  test('on a connection that is kept reach the new application', async () => {
    write('app.mjs', answering("'old'"));
    const [command, port] = await start();
    const kept = connect(port, '127.0.0.1').resume();
    kept.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(kept, 'data');
    write('app.mjs', answering("'new'"));
    await once(kept, 'end'); // so that the client makes another one
    await command.says(/^postern: reloaded$/m);
    expect(await ask('http', { port })).toBe('new');
  });
});
