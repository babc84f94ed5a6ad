/** The application loaded again when it changes, at a port that stays open. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';

import { CERTIFICATE, KEY } from '../http/certificate.ts';
import { ask } from './ask.ts';
import { CommandProcess, POSTERN, descriptorOf, run } from './process.ts';
import { askTls } from './tls-client.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-reload-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, source: string): string {
  const file = join(folder, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, source);
  return file;
}

/** Source of an application that answers with the value of an expression, and tells of itself when it is loaded. */
const answering = (expression: string): string => `
  console.error('loaded by ' + process.pid);
  export default (environ, startResponse) => {
    startResponse('200 OK', []);
    return [Buffer.from(String(${expression}))];
  };
`;

async function start(name = 'app.mjs', ...args: string[]): Promise<[CommandProcess, number]> {
  const command = new CommandProcess([name, '--http', '0', '--reload', ...args], { cwd: folder });
  const [, port] = await command.says(/^postern: http on .*:(\d+)\/$/m);
  return [command, Number(port)];
}

/** What everybody is told of an error. */
const PLAIN = 'A server error occurred. Please contact the administrator.';

/** The whole response to a browser on this machine. */
async function askBrowser(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(
    'GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nConnection: close\r\n\r\n',
  );
  return (await socket.toArray()).join('');
}

/** Waits until it has said something so many times. */
const times = (text: string, count: number): RegExp => new RegExp(`(?:${text}[^]*){${count}}`);

async function untilGone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await sleep(5);
  }
}

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
    write('app.mjs', 'process.exit(3);');
    const [command, port] = await start();
    await command.says(
      /^postern: the application has ended with exit code 3 while it was loaded\n.*waiting/m,
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

describe('a stop', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('by %s ends both processes', async (signal) => {
    write('app.mjs', answering('1'));
    const [command, port] = await start();
    await ask('http', { port });
    const [, pid] = await command.says(/loaded by (\d+)/);
    const { code, stderr } = await command.stop(signal);
    expect(code).toBe(0);
    await untilGone(Number(pid));
    expect(stderr).toMatch(/^postern: http on .*\nloaded by \d+\n$/);
  });

  test('lets requests finish', async () => {
    write(
      'app.mjs',
      `export default async (environ, startResponse) => {
         const signalled = new Promise((resolve) => process.once('SIGUSR2', resolve));
         console.error('begun by ' + process.pid);
         await signalled;
         startResponse('200 OK', []);
         return [Buffer.from('finished')];
       };`,
    );
    const [command, port] = await start();
    const answer = ask('http', { port });
    const [, pid] = await command.says(/begun by (\d+)/);
    // Ctrl-C reaches all processes of a terminal.
    process.kill(Number(pid), 'SIGINT');
    command.child.kill('SIGINT');
    await untilRefused(port);
    process.kill(Number(pid), 'SIGUSR2');
    expect(await answer).toBe('finished');
    expect(await command.ended).toMatchObject({ code: 0 });
  });

  test('is at once for the second signal, also for a process that hears nothing', async () => {
    write('app.mjs', `export default () => { console.error('stuck: ' + process.pid); for (;;); };`);
    const [command, port] = await start();
    const answer = ask('http', { port }).catch(() => 'broken');
    const [, pid] = await command.says(/stuck: (\d+)/);
    command.child.kill('SIGTERM');
    await untilRefused(port);
    expect(await command.stop('SIGTERM')).toMatchObject({ code: 128 + 15 });
    await untilGone(Number(pid));
    await answer;
  });

  test('of the process that listens, however it came, is one of the other', async () => {
    write('app.mjs', answering('1'));
    const [command] = await start();
    const [, pid] = await command.says(/loaded by (\d+)/);
    command.child.kill('SIGKILL');
    await untilGone(Number(pid));
  });
});

describe('listeners', () => {
  test('are those of every gateway', async () => {
    write('app.mjs', answering("environ['postern.gateway'] + environ.REMOTE_PORT"));
    const socket = join(folder, 'app.sock');
    const gateways = ['--http', `unix:${socket}`, '--fastcgi', '0', '--scgi', '0', '--uwsgi', '0'];
    const [command, port] = await start('app.mjs', ...gateways);
    const askAll = async (): Promise<string[]> => {
      const answers = [await ask('http', { port }), await ask('http', { path: socket })];
      for (const gateway of ['fastcgi', 'scgi', 'uwsgi'] as const) {
        const [, port] = await command.says(new RegExp(`^postern: ${gateway} on .*:(\\d+)$`, 'm'));
        answers.push(await ask(gateway, { port: Number(port) }));
      }
      return answers;
    };
    const all = [expect.stringMatching(/^http\d+$/), 'http', 'fastcgi', 'scgi', 'uwsgi'];
    expect((await askAll()).map((answer) => answer.replace('undefined', ''))).toEqual(all);
    write('app.mjs', answering("'new'"));
    await command.says(/^postern: reloaded$/m);
    expect(await askAll()).toEqual(['new', 'new', 'new', 'new', 'new']);
    write('app.mjs', 'throw 1;');
    await command.says(/^postern: waiting for a change$/m);
    for (const answer of await askAll()) expect(answer).toBe(PLAIN);
    expect(await command.stop()).toMatchObject({ code: 0 });
    expect(existsSync(socket)).toBe(false);
  });

  test('may be HTTPS', async () => {
    write('app.mjs', answering("environ['wsgi.url_scheme']"));
    const [cert, key] = [write('cert.pem', CERTIFICATE), write('key.pem', KEY)];
    const [command, port] = await start('app.mjs', '--cert', cert, '--key', key);
    expect(await askTls(port, '/')).toBe('https');
    write('app.mjs', 'throw 1;');
    await command.says(/^postern: waiting for a change$/m);
    expect(await askTls(port, '/')).toBe(PLAIN);
    write('app.mjs', answering("'new'"));
    await command.says(/^postern: reloaded$/m);
    expect(await askTls(port, '/')).toBe('new');
    expect(await command.stop()).toMatchObject({ code: 0 });
  });

  test('may have been opened by another process', async () => {
    write('app.mjs', answering("'here'"));
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const command = new CommandProcess(['app.mjs', '--http', 'fd:0', '--reload'], {
      cwd: folder,
      stdio: [descriptorOf(server)],
    });
    await command.says(/http on fd:0/);
    server.close();
    expect(await ask('http', { port })).toBe('here');
    write('app.mjs', answering("'new'"));
    await command.says(/^postern: reloaded$/m);
    expect(await ask('http', { port })).toBe('new');
    expect(await command.stop()).toMatchObject({ code: 0 });
  });

  test('that cannot be are an error, as ever', async () => {
    write('app.mjs', answering('1'));
    const [first, port] = await start();
    const { code, stderr } = await run(['app.mjs', '--http', String(port), '--reload'], {
      cwd: folder,
    });
    expect(stderr).toMatch(
      /^postern: 127\.0\.0\.1:\d+ is in use by another process; port .*: postern app\.mjs --http \d+\n$/,
    );
    expect(code).toBe(1);
    await first.stop();
    for (const [args, message] of [
      [['none.mjs'], /^postern: no such application: none\.mjs\n$/],
      [
        ['app.mjs', '--cert', 'none.pem'],
        /^postern: http on .*\n(?:loaded by \d+\n)?postern: cannot read none\.pem: there is no/,
      ],
    ] as const) {
      const outcome = await run([...args, '--http', '0', '--reload'], { cwd: folder });
      expect(outcome.stderr).toMatch(message);
      expect(outcome.code).toBe(1);
    }
  });
});

describe('without a flag', () => {
  test.each([
    [[], true],
    [['--no-reload'], false],
  ])('and with %j at a terminal: %s', async (args, expected) => {
    write('app.mjs', answering('process.connected === true'));
    const words = [process.execPath, POSTERN, 'app.mjs', '--http', '0', ...args];
    const command = words.map((word) => `'${word}'`).join(' ');
    const terminal = spawn('script', ['-qefc', `exec ${command}`, '/dev/null'], {
      cwd: folder,
      env: { PATH: process.env['PATH'] },
    });
    onTestFinished(() => void terminal.kill('SIGKILL'));
    let shown = '';
    let port: string | undefined;
    while (port === undefined) {
      const [chunk] = (await once(terminal.stdout, 'data')) as [Buffer];
      shown += chunk.toString();
      port = /http on .*:(\d+)\//.exec(shown)?.[1];
    }
    expect(await ask('http', { port: Number(port) })).toBe(String(expected));
    terminal.stdin.write('\x03');
    const [code] = (await once(terminal, 'close')) as [number];
    expect(code).toBe(0);
  });

  test('elsewhere it is off', async () => {
    write('app.mjs', answering('process.connected === true'));
    const command = new CommandProcess(['app.mjs', '--http', '0'], { cwd: folder });
    const [, port] = await command.says(/^postern: http on .*:(\d+)\/$/m);
    expect(await ask('http', { port: Number(port) })).toBe('false');
  });
});

/** Connects until nobody listens any more. */
async function untilRefused(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      socket.destroy();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') return;
    }
  }
}
