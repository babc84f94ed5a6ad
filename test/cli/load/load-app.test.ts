/** Applications as users write and call them: every extension, both kinds of module, every mistake. */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { POSTERN, run } from '../process.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-apps-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, source: string): string {
  const file = join(folder, name);
  writeFileSync(file, source);
  return file;
}

/** An application that answers with `text`, as an expression. */
const answering = (text: string): string =>
  `(environ, startResponse) => { startResponse('200 OK', []); return [Buffer.from(${text})]; }`;

/** What it answers with when it is loaded by the command. */
async function answerOf(application: string): Promise<string> {
  const { stdout, stderr, code } = await run([application, '--cgi'], { cwd: folder });
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return stdout.slice(stdout.indexOf('\r\n\r\n') + 4);
}

/** Runs the command until it has said something. */
async function runUntil(pattern: RegExp, ...args: string[]): Promise<void> {
  const child = spawn(process.execPath, [POSTERN, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  for await (const chunk of child.stderr) {
    text += String(chunk);
    if (pattern.test(text)) break;
  }
  child.kill('SIGKILL');
  expect(text).toMatch(pattern);
}

const ESM = `
  import { basename } from 'node:path';
  export default ${answering("basename('/loaded')")};
`;
const AWAITING = `
  const text = await Promise.resolve('loaded');
  export default ${answering('text')};
`;
const COMMON = `
  const { basename } = require('node:path');
  module.exports = ${answering("basename('/loaded')")};
`;
const TYPED = `
  import type { Application } from 'postern';
  import { text, type Text } from './typed-part.ts';
  interface Unused { a: number }
  const loaded: Text = await Promise.resolve(text);
  export default (${answering('loaded as string')
    .replace('environ', 'environ: object')
    .replace(
      'startResponse)',
      'startResponse: (status: string, headers: [string, string][]) => void)',
    )});
`;

/** The same in TypeScript. */
const asking = (expression: string): string =>
  `export default (environ: object, startResponse: Function) => {
     startResponse('200 OK', []);
     return [Buffer.from(String(${expression}))];
   };`;

describe('a module', () => {
  test.each([
    ['app.mjs', ESM],
    ['app.mjs', AWAITING],
    ['app.js', ESM],
    ['app.js', COMMON],
    ['app.cjs', COMMON],
    ['app.cgi', ESM],
    ['app.cgi', AWAITING],
    ['app.cgi', COMMON],
    ['app.fcgi', AWAITING],
    ['app.1', ESM],
    ['app', ESM],
    ['app', AWAITING],
    ['app', COMMON],
    ['.app', ESM],
    ['app with blanks and \u00e9.cgi', AWAITING],
    ['app#?%41.mjs', ESM],
    ['app#?%41.cgi', AWAITING],
  ])('%s is loaded, whatever it is: %s', async (name, source) => {
    expect(await answerOf(write(name, source))).toBe('loaded');
    expect(await answerOf(write(name, `#!/usr/bin/env postern\n${source}`))).toBe('loaded');
  });

  test.each(['app.ts', 'app.mts'])(
    '%s in TypeScript is loaded, with what it imports',
    async (name) => {
      write('typed-part.ts', "export type Text = string;\nexport const text: Text = 'loaded';\n");
      expect(await answerOf(write(name, TYPED))).toBe('loaded');
    },
  );

  describe('with a tsconfig.json', () => {
    const H = `
      const h = (name: string, _props: object | null, ...children: string[]): string =>
        '<' + name + '>' + children.join('') + '</' + name + '>';`;
    test.each<[what: string, files: Readonly<Record<string, string>>, answer: string]>([
      [
        'paths',
        {
          'app.ts': `import { text } from '@/part';\n${asking('text')}`,
          'src/part.ts': "export const text: string = 'by its name';",
          'tsconfig.json': `{
            // a comment, and a comma too many
            "compilerOptions": { "paths": { "@/*": ["./src/*"] }, },
          }`,
        },
        'by its name',
      ],
      [
        'paths, from a file that is imported',
        {
          'app.ts': `import { text } from './other.ts';\n${asking('text')}`,
          'other.ts': "export { text } from '@part';",
          'part.ts': "export const text: string = 'by its name';",
          'tsconfig.json': '{ "compilerOptions": { "paths": { "@part": ["./part.ts"] } } }',
        },
        'by its name',
      ],
      [
        'paths that begin as the names of a package’s own imports',
        {
          'app.ts': `import { text } from '#part';\n${asking('text')}`,
          'part.ts': "export const text: string = 'by its name';",
          'package.json': '{ "type": "module" }',
          'tsconfig.json': '{ "compilerOptions": { "paths": { "#part": ["./part.ts"] } } }',
        },
        'by its name',
      ],
      [
        'JSX by a function',
        {
          'app.tsx': `${H}\n${asking('<b>text</b>')}`,
          'tsconfig.json': '{ "compilerOptions": { "jsx": "react", "jsxFactory": "h" } }',
        },
        '<b>text</b>',
      ],
      [
        'JSX by a module',
        {
          'app.tsx': `import { Page } from './page';\n${asking('<Page/>')}`,
          'page.tsx': 'export const Page = () => <b>text</b>;',
          'node_modules/tiny/package.json': '{ "exports": { "./jsx-runtime": "./jsx.cjs" } }',
          'node_modules/tiny/jsx.cjs': `exports.jsx = (name, { children }) =>
            typeof name === 'function' ? name({ children }) : '<' + name + '>' + children + '</' + name + '>';`,
          'tsconfig.json':
            '{ "compilerOptions": { "jsx": "react-jsx", "jsxImportSource": "tiny" } }',
        },
        '<b>text</b>',
      ],
    ])('%s are known', async (_what, files, answer) => {
      const own = mkdtempSync(join(folder, 'tsconfig-'));
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(dirname(join(own, name)), { recursive: true });
        writeFileSync(join(own, name), text);
      }
      expect(await answerOf(join(own, Object.keys(files)[0]!))).toBe(answer);
    });
  });

  test.each([
    [
      'an enum',
      'beyond.ts',
      `enum Kind { One = 'loaded' } export default ${answering('Kind.One as string')};`,
    ],
    [
      'a property made by a parameter',
      'beyond.ts',
      `class Text { constructor(readonly text: string) {} }
       export default ${answering("new Text('loaded').text")};`,
    ],
    [
      'an import without its ending',
      'beyond.ts',
      `import { text } from './typed-part'; export default ${answering('text as string')};`,
    ],
    [
      'an import named as the compiler writes it',
      'beyond.ts',
      `import { text } from './typed-part.js'; export default ${answering('text as string')};`,
    ],
    [
      'an import by JavaScript',
      'beyond.mjs',
      `import { text } from './typed-part.ts'; export default ${answering('text')};`,
    ],
  ])('in TypeScript with %s is loaded on every Node', async (_what, name, source) => {
    write('typed-part.ts', "export type Text = string;\nexport const text: Text = 'loaded';\n");
    expect(await answerOf(write(name, source))).toBe('loaded');
  });

  test('is named relative to the current folder', async () => {
    write('relative.mjs', ESM);
    expect(await answerOf('relative.mjs')).toBe('loaded');
    expect(await answerOf('./relative.mjs')).toBe('loaded');
  });
});

describe('an export', () => {
  test.each([
    ['default', 'app.mjs', `export default ${answering("'found'")}; export const app = 1;`],
    [
      'application',
      'app.mjs',
      `export const application = ${answering("'found'")}; export const app = 1;`,
    ],
    ['app', 'app.mjs', `export const app = ${answering("'found'")};`],
    ['app', 'app.cjs', `exports.app = ${answering("'found'")};`],
    ['application', 'app.cgi', `exports.application = ${answering("'found'")};`],
    ['default', 'app.cjs', `exports.__esModule = true; exports.default = ${answering("'found'")};`],
    ['handler', 'app.mjs', `export const options = {}, handler = ${answering("'found'")};`],
    ['listener', 'app.mjs', `export const listener = ${answering("'found'")};`],
    ['middleware', 'app.mjs', `export const websocket = 1, middleware = ${answering("'found'")};`],
    ['handler', 'app.cjs', `exports.handler = ${answering("'found'")};`],
  ])('%s of %s is found', async (_name, file, source) => {
    expect(await answerOf(write(file, source))).toBe('found');
  });

  test.each([
    ['app.mjs', `export const $other_1 = ${answering("'named'")}; export default 1;`],
    ['app.cjs', `exports.$other_1 = ${answering("'named'")};`],
    ['app.cgi', `exports.$other_1 = ${answering("'named'")};`],
    ['C:app.mjs', `export const $other_1 = ${answering("'named'")};`],
  ])('of %s is the one that is named', async (file, source) => {
    expect(await answerOf(`${write(file, source)}:$other_1`)).toBe('named');
  });

  test('is not looked for where the whole name is that of a file', async () => {
    write('half.mjs', `export const other = ${answering("'export'")};`);
    expect(await answerOf(write('half.mjs:other', ESM))).toBe('loaded');
  });

  test.each([
    [
      'class',
      'class { constructor(e, s) { s("200 OK", []); } *[Symbol.iterator]() { yield Buffer.from("shape"); } }',
    ],
    ['object', `{ call: ${answering("'shape'")} }`],
  ])('may be a %s', async (_kind, source) => {
    expect(await answerOf(write('shape.mjs', `export default ${source};`))).toBe('shape');
  });
});

describe('a promise of an application is waited for:', () => {
  const make = `async function make() { await new Promise(setImmediate); return ${answering("'kept'")}; }`;
  test.each([
    ['app.cjs', `${make} module.exports = make();`],
    ['app.cjs', `${make} exports.app = make();`],
    ['app.cgi', `${make} module.exports = make();`],
    ['app.cjs', `${make} exports.__esModule = true; exports.default = make();`],
    ['app.mjs', `${make} export default make();`],
    ['app.mjs', `${make} export const handler = make();`],
    ['app.mjs:other', `${make} export const other = make();`],
    ['app.mjs', `export default Promise.resolve({ default: ${answering("'kept'")} });`],
    ['app.mjs', `export default Promise.resolve({ app: ${answering("'kept'")} });`],
    ['app.mjs', `export default { then(resolve) { resolve(${answering("'kept'")}); } };`],
    ['app.ts', `${make} export default make();`],
  ])('%s: %s', async (name, source) => {
    write(name.split(':')[0]!, source);
    expect(await answerOf(join(folder, name))).toBe('kept');
  });

  test('Fastify, which has a method then(), with and without a promise', async () => {
    const fastify = createRequire(import.meta.url).resolve('fastify');
    const make = `const app = require(${JSON.stringify(fastify)})(); app.get('/', () => 'kept');`;
    expect(await answerOf(write('f.cjs', `${make} module.exports = app;`))).toBe('kept');
    const later = `${make} module.exports = (async () => { await null; return app; })();`;
    expect(await answerOf(write('f.cjs', later))).toBe('kept');
  });
});

/** A module that listens, as source. */
function listening(port: number): string {
  return `import { createServer } from 'node:http'; createServer().listen(${port}, '127.0.0.1');`;
}

describe('a module that starts its own server', () => {
  test('and exports an application is served, and warned of', async () => {
    const file = write('own.mjs', `${listening(0)} export default ${answering("'served'")};`);
    const { stdout, stderr, code } = await run([file, '--cgi']);
    expect(stdout).toMatch(/served$/);
    expect(stderr).toMatch(
      /Warning: .*own\.mjs starts its own server: export the application, and/,
    );
    expect(code).toBe(0);
  });

  test('and exports a promise is warned of, too', async () => {
    const source = `${listening(0)} await 1; export default (async () => ${answering("'served'")})();`;
    const { stdout, stderr } = await run([write('own.mjs', source), '--cgi']);
    expect(stdout).toMatch(/served$/);
    expect(stderr).toMatch(/own\.mjs starts its own server/);
  });

  test.each(['--cgi', '--http=0', '--reload'])(
    'on a port that is in use is told so in one line: %s',
    async (mode) => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const file = write('own.mjs', `${listening(port)} export default ${answering("'served'")};`);
      if (mode === '--reload') {
        // It stays, and waits for a change of the file.
        await runUntil(/cannot load .*: Error: listen EADDRINUSE/, file, '--reload', '--http=0');
      } else {
        const { stdout, stderr, code } = await run([file, mode]);
        const message =
          /^postern: cannot load .*: Error: listen EADDRINUSE.*: export the [^\n]*\n$/;
        expect(stderr).toMatch(message);
        expect(stdout).toMatch(mode === '--cgi' ? /^Status: 500 / : /^$/);
        expect(code).toBe(1);
      }
      await new Promise((resolve) => server.close(resolve));
    },
  );

  test('that guards the call, as the message says, is not warned of', async () => {
    const guarded = `if (process.argv[1] === import.meta.filename) createServer().listen(0);`;
    const esm = `import { createServer } from 'node:http'; ${guarded}
      export default ${answering("'served'")};`;
    expect(await answerOf(write('own.mjs', esm))).toBe('served');
    const common = `if (require.main === module) require('node:http').createServer().listen(0);
      module.exports = ${answering("'served'")};`;
    expect(await answerOf(write('own.cjs', common))).toBe('served');
    expect(await answerOf(write('own.cgi', common))).toBe('served');
  });

  test('and exports nothing is told so, also if it listens later', async () => {
    const later = `(async () => { await 1; await new Promise(() => {}); app.listen(3000); })();`;
    for (const source of [`import 'node:http'; ${listening(0)}`, later]) {
      const { stderr, code } = await run([write('own.mjs', source), '--http=0']);
      expect(stderr).toMatch(/^postern: .*own\.mjs starts its own server: export [^\n]*\n$/);
      expect(code).toBe(1);
    }
  });
});

describe('what cannot be loaded', () => {
  /** [what, argument, source or undefined, message]. Missing modules are in explain.test.ts. */
  test.each([
    ['no file', 'none.mjs', undefined, /^postern: no such application: .*none\.mjs\n$/],
    ['a folder', 'folder', undefined, /^postern: there is no application in .*folder: .*\n$/],
    [
      'a syntax error',
      'bad.mjs',
      'export default\nfunction (',
      /^postern: cannot load .*bad\.mjs: SyntaxError: .* \(.*bad\.mjs:\d+\)\n$/,
    ],
    [
      'a syntax error in TypeScript',
      'bad.ts',
      '\n\nexport default function (',
      /^postern: cannot load .*bad\.ts: .*Error: .* \(.*bad\.ts:\d+\)\n$/,
    ],
    [
      'a syntax error in CommonJS',
      'bad.cjs',
      '\n\nmodule.exports = (',
      /^postern: cannot load .*: SyntaxError: .* \(.*bad\.cjs:\d+\)\n$/,
    ],
    [
      'a syntax error in a script',
      'bad.cgi',
      '\n\nmodule.exports = (',
      /^postern: cannot load .*: SyntaxError: .* \(.*bad\.cgi:\d+\)\n$/,
    ],
    [
      'an error',
      'throws.mjs',
      "\nthrow new TypeError('at load\\nin two lines');",
      /^postern: cannot load .*throws\.mjs: TypeError: at load \(.*throws\.mjs:2\)\n$/,
    ],
    [
      'an error after a while',
      'throws.cgi',
      "await 1;\nthrow new TypeError('at load');",
      /^postern: cannot load .*: TypeError: at load \(.*throws\.cgi:2\)\n$/,
    ],
    [
      'something that is thrown',
      'throws.mjs',
      'throw null;',
      /^postern: cannot load .*throws\.mjs: it threw null\n$/,
    ],
    [
      'something that cannot be looked at',
      'throws.cgi',
      'const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); throw proxy;',
      /^postern: cannot load .*throws\.cgi: it threw an object that cannot be looked at\n$/,
    ],
    [
      'something that is thrown',
      'throws.cgi',
      'throw undefined;',
      /^postern: cannot load .*throws\.cgi: it threw undefined\n$/,
    ],
    [
      'control characters',
      'throws.mjs',
      "throw new Error('\\x1b[31mred');",
      /^postern: cannot load .*: Error: \\x1b\[31mred \(.*\n$/,
    ],
    [
      'no export',
      'none-at-all.mjs',
      'export const other = 1;',
      /^postern: .*none-at-all\.mjs has no export default, application, app, handler, listener or middleware; it exports other; did you mean none-at-all\.mjs:other\?\n$/,
    ],
    [
      'no such export',
      'one.mjs:other',
      'export const app = 1;',
      /^postern: .*one\.mjs has no export other; it exports app\n$/,
    ],
    ['a number', 'number.mjs', 'export default 5;', /^postern: .*a number/],
    ['an object', 'object.mjs', 'export default { serve() {} };', /^postern: .*an object/],
    [
      'a promise that fails',
      'promise.cjs',
      "\nmodule.exports = (async () => { throw new TypeError('at load'); })();",
      /^postern: cannot load .*promise\.cjs: TypeError: at load \(.*promise\.cjs:2\)\n$/,
    ],
    [
      'a promise that is never settled',
      'promise.mjs',
      'export default new Promise(() => {});',
      /^postern: .*promise\.mjs exports a promise that nothing is left to settle\n$/,
    ],
    [
      'a promise of something else',
      'promise.mjs',
      'export default Promise.resolve(5);',
      /^postern: .*promise\.mjs: the application is a number, [^\n]*\n$/,
    ],
    [
      'a promise of nothing',
      'promise.mjs',
      'export default Promise.resolve();',
      /^postern: .*promise\.mjs has no export default, [^\n]*\n$/,
    ],
    [
      'an error in a timer, while it is loaded',
      'throws.mjs',
      "setTimeout(() => {\nthrow new TypeError('at load');\n}); await new Promise((r) => setTimeout(r, 1e4));",
      /^postern: cannot load .*: TypeError: at load \(.*throws\.mjs:2\)\n$/,
    ],
    [
      'a rejection that nobody handles, while it is loaded',
      'throws.mjs',
      "\nvoid Promise.reject(new TypeError('at load')); await new Promise((r) => setTimeout(r, 1e4));",
      /^postern: cannot load .*: TypeError: at load \(.*throws\.mjs:2\)\n$/,
    ],
  ])('%s is said in one line: %s', async (_what, name, source, message) => {
    mkdirSync(join(folder, 'folder'), { recursive: true });
    if (source !== undefined) write(name.split(':')[0]!, source);
    const { stdout, stderr, code } = await run([join(folder, name), '--http', '0']);
    expect(stderr).toMatch(message);
    expect(stderr.split('\n').length).toBe(2);
    expect(stdout).toBe('');
    expect(code).toBe(1);
  });

  // The kernel writes the environment into a file: headers of a request would be a program (CGI).
  test.each([
    ['/proc/self/environ', [], /\/environ is below \/dev, \/proc or \/sys: no module/],
    ['/proc/self/environ:app', [], /\/environ is below \/dev/],
    ['//proc/./self/../self/environ', [], /\/environ is below \/dev/],
    ['link-to-environ', [], /link-to-environ is below \/dev/],
    ['link-to-proc/self/environ', [], /\/environ is below \/dev/],
    ['/proc/self/cwd/good.mjs', [], /good\.mjs is below \/dev/],
    ['/sys/kernel/uevent_seqnum', [], /seqnum is below \/dev/],
    ['/dev/stdin', ['ignore'], /\/dev\/stdin is not a regular file/],
    ['/dev/zero', [], /\/dev\/zero is not a regular file/],
    ['pipe', [], /pipe is not a regular file/],
    ['socket', [], /socket is not a regular file/],
  ] as const)('is what is no file of somebody: %s', async (name, stdio, message) => {
    write('good.mjs', `export default ${answering("'loaded'")};`);
    const link = (target: string, path: string): void => {
      rmSync(join(folder, path), { force: true });
      symlinkSync(target, join(folder, path));
    };
    link('/proc/self/environ', 'link-to-environ');
    link('/proc', 'link-to-proc');
    spawnSync('mkfifo', [join(folder, 'pipe')]);
    const server = createServer().listen(join(folder, 'socket'));
    await once(server, 'listening');
    for (const mode of ['--cgi', '--http=0', '--reload']) {
      const { stderr, code } = await run([name, mode], { cwd: folder, stdio });
      expect(stderr).toMatch(message);
      expect(stderr).toMatch(/^postern: [^\n]*\n$/);
      expect(code).toBe(1);
    }
    server.close();
  });

  test('is said with the stack at the level debug', async () => {
    const file = write('throws.mjs', "function deep() { throw new Error('at load'); }\ndeep();");
    const { stderr } = await run([file, '--http', '0', '--log-level', 'debug']);
    expect(stderr).toMatch(/^postern: UsageError: cannot load /);
    expect(stderr).toMatch(/\[cause\]: Error: at load\n\s+at deep /);
  });

  test('is answered for by CGI', async () => {
    const { stdout, stderr, code } = await run([join(folder, 'nothing.mjs')], {
      env: { GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: 'GET' },
    });
    expect(stdout).toMatch(/^Status: 500 Internal Server Error\r\n/);
    expect(stderr).toMatch(/^postern: no such application: .*nothing\.mjs\n$/);
    expect(code).toBe(1);
  });
});

describe('#!/usr/bin/env postern', () => {
  test.each([ESM, AWAITING, COMMON])('makes a program of a file: %s', (source) => {
    const bin = join(folder, 'bin');
    mkdirSync(bin, { recursive: true });
    const command = write(
      'bin/postern',
      `#!/bin/sh\nexec '${process.execPath}' '${POSTERN}' "$@"\n`,
    );
    const program = write('program', `#!/usr/bin/env postern\n${source}`);
    for (const file of [command, program]) chmodSync(file, 0o755);
    // As a web server calls it, with a query that has become arguments.
    const { stdout, stderr, status } = spawnSync(program, ['--version', '-e'], {
      encoding: 'utf8',
      env: {
        PATH: `${bin}:${process.env['PATH']}`,
        GATEWAY_INTERFACE: 'CGI/1.1',
        REQUEST_METHOD: 'GET',
        QUERY_STRING: '--version+-e',
      },
    });
    expect(stdout).toBe('Status: 200 OK\r\nContent-Length: 6\r\n\r\nloaded');
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });
});
