/** An application that cannot be loaded, and how it is waited for. */

import { rmSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { ask } from '../ask.ts';
import { PLAIN, answering, askBrowser, start, times, write } from './kit.ts';

describe('an application that cannot be loaded', () => {
  test('is told of with the place, to the terminal and who asks, and waited for', async () => {
    write('app.mjs', answering("'before'"));
    const [command, port] = await start('app.mjs', '--error-page');
    expect(await ask('http', { port })).toBe('before');
    for (const round of [1, 2]) {
      write('app.mjs', '// its very place\nexport default 1 +;');
      await command.says(times('postern: waiting for a change', round));
      expect(await ask('http', { port })).toBe(PLAIN);
      const page = await askBrowser(port);
      expect(page).toMatch(/^HTTP\/1\.1 500 [^]*cannot load [^\n]*SyntaxError[^\n]*app\.mjs:2/);
      expect(page).toContain('its very place');
      write('app.mjs', answering("'after'"));
      await command.says(times('postern: reloaded', round));
      expect(await ask('http', { port })).toBe('after');
    }
    expect(command.stderr).toMatch(/^postern: cannot load .*SyntaxError: .*app\.mjs:2\)/m);
    expect(await command.stop()).toMatchObject({ code: 0 });
  });

  test('is no reason to end, and told of to nobody else', async () => {
    write('app.mjs', "throw new Error('a secret');");
    const [command, port] = await start();
    await command.says(/^postern: waiting for a change$/m);
    expect(await askBrowser(port)).toMatch(new RegExp(`^HTTP/1\\.1 500 [^]*\r\n\r\n${PLAIN}$`));
    // The terminal has been told once.
    expect(command.stderr.match(/a secret/g)).toHaveLength(1);
    write('app.mjs', answering("'after'"));
    await command.says(/^postern: reloaded$/m);
    expect(await ask('http', { port })).toBe('after');
  });

  test.each([
    ['./part.mjs', 'app.mjs', 'part.mjs', "export default 'found';"],
    ['./lib/deep/part.mjs', 'app.mjs', 'lib/deep/part.mjs', "export default 'found';"],
    ['./part', 'app.cjs', 'part.js', "module.exports = 'found';"],
    ['some-package', 'lib/app.mjs', 'node_modules/some-package/index.js', "exports = 'found';"],
    ['@some/package/part', 'app.cjs', 'node_modules/@some/package/part.js', "exports = 'found';"],
    ['./part.ts', 'app.ts', 'part.ts', "export default 'found' as string;"],
  ])('for want of %s is loaded when that is there', async (specifier, app, missing, source) => {
    const isCommon = app.endsWith('.cjs');
    write(
      app,
      isCommon
        ? `const text = require('${specifier}'); ${answering('text')}`.replace(
            'export default',
            'module.exports =',
          )
        : `import text from '${specifier}'; ${answering('text')}`,
    );
    const [command, port] = await start(app);
    await command.says(/^postern: cannot load .*Cannot find .*\n.*waiting for a change$/m);
    write(missing, source.replace(/^exports/, 'module.exports'));
    if (specifier === 'some-package') write('node_modules/some-package/package.json', '{}');
    if (specifier.startsWith('@')) write('node_modules/@some/package/package.json', '{}');
    await command.says(/^postern: reloaded$/m);
    expect(await ask('http', { port })).toBe('found');
  });

  test('time after time leaves nothing behind', async () => {
    write('app.mjs', 'throw 0;');
    const [command] = await start('app.mjs', '--access-log');
    for (let round = 1; round <= 12; round++) {
      await command.says(times('postern: waiting for a change', round));
      write('app.mjs', `throw new Error('round ${round}');`);
    }
    await command.says(/round 12/);
    expect((await command.stop()).stderr).not.toContain('Warning');
  });

  test('because it is away is loaded when it is back', async () => {
    const app = write('app.mjs', answering("'before'"));
    const [command, port] = await start();
    expect(await ask('http', { port })).toBe('before');
    rmSync(app);
    await command.says(/^postern: no such application: .*\n.*waiting for a change$/m);
    write('app.mjs', answering("'after'"));
    await command.says(/^postern: reloaded$/m);
    expect(await ask('http', { port })).toBe('after');
  });

  test('because it ends itself is waited for too, at whatever time it does', async () => {
    write('app.mjs', "process.kill(process.pid, 'SIGKILL');");
    const [command, port] = await start();
    await command.says(
      /^postern: the application has been ended by SIGKILL while it was loaded\n.*waiting/m,
    );
    write('app.mjs', 'process.exit(3);');
    await command.says(
      /^postern: cannot load .*: process\.exit\(3\) was called \(.*app\.mjs:1\): .*\n.*waiting/m,
    );
    expect(await ask('http', { port })).toBe(PLAIN);
    write('app.mjs', answering("setTimeout(() => process.kill(process.pid, 'SIGKILL')), 'going'"));
    await command.says(times('postern: reloaded', 1));
    await ask('http', { port }).catch(() => {});
    await command.says(/^postern: the application has been ended by SIGKILL\n.*waiting/m);
    write('app.mjs', answering("'here'"));
    await command.says(times('postern: reloaded', 2));
    expect(await ask('http', { port })).toBe('here');
  });
});
