/**
 * The table of mistakes: what a new user types, or has in a file; the one line that answers it, with its remedy; and the
 * exit code. 2: what was given can be right nowhere (see `--help`). 1: it cannot be done here and now.
 */

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { run } from './process.ts';

const APP = "export default (e, start) => { start('200 OK', []); return [Buffer.from('ok')]; };";

/** Files of the folder in which the command is typed. `…` in a line stands for this folder. */
const FILES: Readonly<Record<string, string>> = {
  'ok.mjs': APP,
  'package.txt': '',
  'lib/index.js': APP,
  'empty-folder/x.txt': '',
  'two.mjs': `${APP} export const api = 1, admin = 2;`,
  'route.mjs': 'export const GET = () => {};',
  'empty.mjs': '',
  'forgotten.mjs': 'const app = () => {};',
  'forgotten.cjs': 'const app = () => {};',
  'nothing.cjs': 'module.exports = {};',
  'promise.mjs': 'export default new Promise(() => {});',
  'promise-number.mjs': 'export default Promise.resolve(5);',
  'promise-failed.mjs': "export default Promise.reject(new TypeError('no database'));",
  'instance.mjs': 'class Site { handle() {} }\nexport default new Site();',
  'number.mjs': 'export default 5;',
  'string.mjs': "export default 'app';",
  'null.mjs': 'export default null;',
  'object.mjs': 'export default { fetsh() {} };',
  'array.mjs': 'export default [];',
  'app.py': 'def app(environ, start_response):\n    return []\n',
  'index.php': '<?php echo 1;',
  'notes.txt': 'some words',
  'page.html': '<p>',
  'data.json': '{ "a": 1 }',
  'bad.mjs': 'export default function (',
  'bad.ts': '\nexport default function (e: string, s {',
  'bad.cjs': '\nmodule.exports = (',
  'waits.mjs': `\nawait new Promise(() => {});\n${APP}`,
  'imports-waiting.mjs': `import './waits.mjs';\n${APP}`,
  'exits.mjs': `\nprocess.exit(0);\n${APP}`,
  'imports-exiting.mjs': `import './exits.mjs';\n${APP}`,
  'exits-later.mjs': `setTimeout(() => {\nprocess.exit(1); });\nawait new Promise((r) => setTimeout(r, 1e4));\n${APP}`,
  'throws.mjs': "\nthrow new Error('no DATABASE_URL');",
  'throws-text.mjs': "throw 'text';",
  'listens.mjs': "import { createServer } from 'node:http';\ncreateServer().listen(0);",
  'missing-package.mjs': "import 'expresss';",
  'missing-file.mjs': "import './ok.js';",
  'missing-name.mjs': "import { app } from './ok.mjs';",
  'require.mjs': "\nconst http = require('http');",
  'import.cjs': "\nimport http from 'http';",
  'json.mjs': "import data from './data.json';",
  'bom.json': '\uFEFF{ "port": 1 }',
  'broken.json': '{ http: 1 }',
  'list.json': '[]',
  'unknown.json': '{ "htpp": "8000" }',
  'flag.json': '{ "script-name": "/x" }',
  'wrapped.json': '{ "postern": { "http": "8000" } }',
  'value.json': '{ "http": "localhost" }',
  'typed.json': '{ "http": { "port": 8000 } }',
  'cert.pem': 'not a certificate',
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-mistakes-'));
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  symlinkSync('nowhere.mjs', join(folder, 'link.mjs'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const NO_EXPORT = 'has no export default, application, app, handler, listener or middleware';
const A_MODULE = 'an application is a module of JavaScript or TypeScript, such as app.mjs';
const A_FUNCTION =
  'export default function (environ, startResponse) { … }, or an object with fetch()';
const WHERE =
  'neither package.json names one ("main", "exports"), nor is there app.mjs, app.js, app.ts or app.cjs';

type Mistake = readonly [typed: string, line: string | RegExp, code: 1 | 2];

/** Runs what was typed; `NAME=value` before it is a variable. Waits for a start only where none is expected. */
async function check([typed, line, code]: Mistake): Promise<void> {
  const words = typed.split(' ').filter((word) => word !== '');
  const first = words.findIndex((word) => !/^[A-Z_]+=/.test(word));
  const variables = words.slice(0, first === -1 ? words.length : first);
  const env = Object.fromEntries(variables.map((each) => each.split('=') as [string, string]));
  const outcome = await run(words.slice(variables.length), { cwd: folder, env });
  const lines = outcome.stderr.replaceAll(folder, '…').trimEnd().split('\n');
  const said = lines.filter((each) => each.startsWith('postern: '));
  expect(said).toHaveLength(1);
  // No stack, and nothing but warnings of Node.
  expect(lines.filter((each) => / {4}at /.test(each))).toEqual([]);
  if (typeof line === 'string') expect(said[0]).toBe(`postern: ${line}`);
  else expect(said[0]!.slice('postern: '.length)).toMatch(line);
  expect(outcome.code).toBe(code);
  expect(outcome.stdout).toBe('');
}

const table = (mistakes: readonly Mistake[]): void =>
  void test.each(mistakes)('postern %s', async (...mistake) => check(mistake));

describe('the command line', () => {
  table([
    ['', `no application: ${WHERE} (see postern --help)`, 2],
    ['--htpp 8000 ok.mjs', 'unknown option --htpp; did you mean --http? (see postern --help)', 2],
    ['ok.mjs -http 8000', 'unknown option -http; did you mean --http? (see postern --help)', 2],
    ['ok.mjs --script_name /x', /^unknown option --script_name; did you mean --script-name\?/, 2],
    ['ok.mjs --scriptName /x', /^unknown option --scriptName; did you mean --script-name\?/, 2],
    ['ok.mjs --fcgi 9000', /^unknown option --fcgi; use --fastcgi ADDR/, 2],
    ['ok.mjs --host 0.0.0.0', /^unknown option --host; use --http HOST:PORT/, 2],
    ['ok.mjs --watch', /^unknown option --watch; use --reload/, 2],
    ['ok.mjs --certfile x', /^unknown option --certfile; use --cert FILE/, 2],
    ['ok.mjs --daemon', /^unknown option --daemon: .*postern conf systemd/, 2],
    [
      'ok.mjs --max-requests 1000',
      /^unknown option --max-requests: .*--max-concurrent-requests COUNT/,
      2,
    ],
    ['ok.mjs -v', /^unknown option -v; use --version, or --log-level debug/, 2],
    ['ok.mjs -x', 'unknown option -x (see postern --help)', 2],
    ['ok.mjs --no-http', 'unknown option --no-http; did you mean --http? (see postern --help)', 2],
    ['ok.mjs --http', '--http needs a value: --http ADDR (see postern --help)', 2],
    ['ok.mjs --http --scgi 4000', /^--http needs a value: --http ADDR/, 2],
    ['ok.mjs -b', /^-b needs a value: -b ADDR/, 2],
    ['ok.mjs 8000', /^one argument too many: 8000; did you mean postern ok\.mjs --http 8000\?/, 2],
    ['ok.mjs two.mjs', 'one argument too many: two.mjs (see postern --help)', 2],
    ['run ok.mjs', /^unknown command run; did you mean postern ok\.mjs\?/, 2],
    ['cofn nginx', /^unknown command cofn; did you mean postern conf nginx\?/, 2],
    ['--help=limit', /^--help: there is no group "limit", only .*; did you mean limits\?$/, 2],
    [
      'ok.mjs --access-log two.mjs',
      /^--access-log: two\.mjs is a module: name the application before/,
      2,
    ],
    ['ok.mjs --cgi --http 8000', /^--cgi serves one request/, 2],
    ['ok.mjs --config a --config b', '--config: it can be given once only', 2],
  ]);
});

describe('values', () => {
  table([
    ['ok.mjs --http x', /^--http: "x" is not an address: HOST:PORT, /, 2],
    ['ok.mjs --http 70000', /^--http: "70000" is not an address/, 2],
    [
      'ok.mjs --fastcgi /run/x.sock',
      '--fastcgi: "/run/x.sock" is not an address; did you mean unix:/run/x.sock?',
      2,
    ],
    ['ok.mjs --http x.sock', /did you mean unix:x\.sock\?$/, 2],
    ['ok.mjs --http http://localhost:8000/', /did you mean localhost:8000\?$/, 2],
    ['ok.mjs --http localhost', /did you mean localhost:8000\?$/, 2],
    ['ok.mjs --http *:8000', /did you mean 0\.0\.0\.0:8000\?$/, 2],
    ['ok.mjs --http ::1:8000', /did you mean \[::1\]:8000\?$/, 2],
    ['ok.mjs -p x', /^-p: "x" is not an address/, 2],
    ['ok.mjs --http fd:x', /^--http: address "fd:x" has no descriptor$/, 2],
    ['ok.mjs --http unix:', /^--http: address "unix:" has no path$/, 2],
    ['ok.mjs --http 8123 --scgi 8123', '127.0.0.1:8123 is given twice: --http and --scgi', 2],
    ['ok.mjs --log-level warning', /"warning" is none of .*; did you mean warn\?$/, 2],
    ['ok.mjs --interface WSGI', /"WSGI" is none of .*; did you mean wsgi\?$/, 2],
    ['ok.mjs --interface express', '--interface: "express" is none of auto, wsgi, fetch, node', 2],
    ['ok.mjs --socket-mode rw', /"rw" is not an octal mode such as 0660$/, 2],
    ['ok.mjs --idle-timeout 1min', /"1min" is not a time such as 30s, 500ms or 2m/, 2],
    ['ok.mjs --max-body-size 10MiBs', /is not a number of bytes such as 4096, 64K or 10M$/, 2],
    ['ok.mjs --max-connections many', /"many" is not a number from 1 up$/, 2],
    ['ok.mjs --reload=maybe', /"maybe" is neither true nor false$/, 2],
    ['ok.mjs --allow localhost', /"localhost" is neither an IP address nor a network$/, 2],
    ['ok.mjs --key x', /^--key is the key of a certificate: --cert is missing$/, 2],
    ['ok.mjs --cert x --scgi 0', /^--cert is for HTTP, which is not served: --http is missing$/, 2],
    ['ok.mjs --http 0 --sendfile X-Sendfile', '--sendfile needs --sendfile-root', 2],
  ]);
});

describe('what is not there', () => {
  table([
    ['ok', 'no such application: ok; did you mean ok.mjs?', 1],
    ['ok.js', 'no such application: ok.js; did you mean ok.mjs?', 1],
    ['Ok.mjs', 'no such application: Ok.mjs; did you mean ok.mjs?', 1],
    ['ok:app', 'no such application: ok; did you mean ok.mjs:app?', 1],
    ['lib.index:app', 'no such application: lib.index; did you mean lib/index.js:app?', 1],
    ['src/web.mjs', 'no such application: src/web.mjs', 1],
    ['link.mjs', 'no such application: link.mjs is a link to a file that does not exist', 1],
    ['ok.mjs/x', 'no such application: ok.mjs/x', 1],
    ['empty-folder', `there is no application in empty-folder: ${WHERE}`, 1],
    ['/dev/null', '/dev/null is not a regular file', 1],
    ['ok.mjs --config none.json', 'no such configuration file: none.json', 1],
    ['ok.mjs --http 0 --cert none.pem', 'cannot read none.pem: there is no such file', 1],
    ['ok.mjs --http 0 --cert cert.pem', 'cert.pem holds no certificate in PEM format', 1],
    [
      'ok.mjs --http 0 --access-log logs/access.log',
      'cannot open the log logs/access.log: the folder logs does not exist',
      1,
    ],
    ['ok.mjs --http 0 --access-log lib', 'cannot open the log lib: it is a folder', 1],
    ['ok.mjs --http 0 --spool-dir none', '--spool-dir: "none" is not a folder', 1],
    ['ok.mjs --http unix:run/x.sock', 'the folder of unix:run/x.sock does not exist', 1],
    ['ok.mjs --http unix:ok.mjs', 'ok.mjs exists and is not a socket', 1],
    ['ok.mjs --http 192.0.2.1:8000', '192.0.2.1:8000 is not an address of this machine', 1],
    ['ok.mjs --http no.invalid:8000', 'the host of no.invalid:8000 is not known', 1],
    ['ok.mjs --http fd:99', 'fd:99 is not a listening socket', 1],
  ]);
});

describe('variables and configuration', () => {
  table([
    ['POSTERN_HTTP=x ok.mjs', /^POSTERN_HTTP: "x" is not an address/, 2],
    ['POSTERN_RELOAD=maybe ok.mjs', /^POSTERN_RELOAD: "maybe" is neither true nor false$/, 2],
    ['ok.mjs --config bom.json', 'bom.json: there is no option "port"; did you mean "http"?', 2],
    ['ok.mjs --config broken.json', /^broken\.json is not JSON: /, 2],
    ['ok.mjs --config list.json', 'list.json: the configuration is not an object', 2],
    ['ok.mjs --config unknown.json', /there is no option "htpp"; did you mean "http"\?$/, 2],
    ['ok.mjs --config flag.json', /"script-name"; did you mean "scriptName"\?$/, 2],
    ['ok.mjs --config wrapped.json', /"postern": only in a package\.json the options are below/, 2],
    ['ok.mjs --config value.json', /^value\.json: http: "localhost" is not an address; did/, 2],
    ['ok.mjs --config typed.json', /http is not a string, number, boolean or list$/, 2],
  ]);

  test('a variable that is none is told of, and does no harm', async () => {
    const env = { POSTERN_HTPP: '8000' };
    const { stderr, code } = await run(['ok.mjs', '--cgi'], { cwd: folder, env });
    expect(stderr).toBe(
      'postern: POSTERN_HTPP is no option, and is ignored; did you mean POSTERN_HTTP?\n',
    );
    expect(code).toBe(0);
  });
});

describe('exports', () => {
  table([
    ['ok.mjs:app --http 0', '…/ok.mjs has no export app; it exports default', 1],
    ['two.mjs:apI --http 0', /it exports admin, api, default; did you mean two\.mjs:api\?$/, 1],
    [
      'route.mjs --http 0',
      `…/route.mjs ${NO_EXPORT}; it exports GET; did you mean route.mjs:GET?`,
      1,
    ],
    ['empty.mjs --http 0', `…/empty.mjs ${NO_EXPORT}; it exports nothing: the file is empty`, 1],
    ['forgotten.mjs --http 0', /; it exports nothing: write export default app$/, 1],
    [
      'nothing.cjs --http 0',
      `…/nothing.cjs: the application is an object of class Object, and empty: ${A_FUNCTION}`,
      1,
    ],
    [
      'number.mjs --http 0',
      `…/number.mjs: the application is a number, and not a function: ${A_FUNCTION}`,
      1,
    ],
    ['string.mjs --http 0', /the application is a string, and not a function: export default/, 1],
    ['null.mjs --http 0', /the application is null, and not a function: export default/, 1],
    ['array.mjs --http 0', /the application is an object of class Array, and /, 1],
    ['object.mjs --http 0', /has neither fetch\(\) nor call\(\).*if fetsh\(\) is to be called/, 1],
    [
      'instance.mjs --http 0',
      /an object of class Site, .*\(\.\.\.args\) => object\.handle\(\.\.\.args\)$/,
      1,
    ],
    ['promise.mjs --http 0', '…/promise.mjs exports a promise that nothing is left to settle', 1],
    ['promise-number.mjs --http 0', /the application is a number, and not a function/, 1],
    [
      'promise-failed.mjs --http 0',
      /^cannot load …\/promise-failed\.mjs: TypeError: no database \(/,
      1,
    ],
    ['listens.mjs --http 0', /^…\/listens\.mjs starts its own server: export the application/, 1],
  ]);
});

describe('modules', () => {
  table([
    ['app.py --http 0', new RegExp(`^cannot load …/app\\.py: SyntaxError: .*: ${A_MODULE}$`), 1],
    ['index.php --http 0', new RegExp(`${A_MODULE}$`), 1],
    ['notes.txt --http 0', new RegExp(`${A_MODULE}$`), 1],
    ['page.html --http 0', new RegExp(`${A_MODULE}$`), 1],
    ['data.json --http 0', `…/data.json is no module: ${A_MODULE}`, 1],
    ['bad.mjs --http 0', /^cannot load …\/bad\.mjs: SyntaxError: .* \(…\/bad\.mjs:1\)$/, 1],
    ['bad.cjs --http 0', /^cannot load …\/bad\.cjs: SyntaxError: .* \(…\/bad\.cjs:2\)$/, 1],
    [
      'bad.ts --http 0',
      /^cannot load …\/bad\.ts: SyntaxError: (?!.*ParseError).* \(…\/bad\.ts:2\)$/,
      1,
    ],
    [
      'waits.mjs --http 0',
      'cannot load …/waits.mjs: nothing is left to settle the top-level await of …/waits.mjs:2',
      1,
    ],
    ['imports-waiting.mjs --http 0', /settle the top-level await of …\/waits\.mjs:2$/, 1],
    [
      'exits.mjs --http 0',
      'cannot load …/exits.mjs: process.exit(0) was called (…/exits.mjs:2): throw an error instead',
      1,
    ],
    ['imports-exiting.mjs --http 0', /process\.exit\(0\) was called \(…\/exits\.mjs:2\)/, 1],
    ['exits-later.mjs --http 0', /process\.exit\(1\) was called \(…\/exits-later\.mjs:2\)/, 1],
    ['throws.mjs --http 0', 'cannot load …/throws.mjs: Error: no DATABASE_URL (…/throws.mjs:2)', 1],
    ['throws-text.mjs --http 0', 'cannot load …/throws-text.mjs: it threw a string', 1],
    [
      'missing-package.mjs --http 0',
      /'expresss' imported from …\/missing-package\.mjs:1: npm install expresss$/,
      1,
    ],
    ['missing-file.mjs --http 0', /did you mean '\.\/ok\.mjs'\?$/, 1],
    [
      'missing-name.mjs --http 0',
      /does not provide an export named 'app' \(…\/missing-name\.mjs:1\)/,
      1,
    ],
    [
      'require.mjs --http 0',
      /require is not defined in ES module scope \(…\/require\.mjs:2\): .*use import/,
      1,
    ],
    [
      'import.cjs --http 0',
      /Cannot use import statement outside a module \(…\/import\.cjs:2\): .*rename it/,
      1,
    ],
    ['json.mjs --http 0', /write with \{ type: 'json' \} behind the import$/, 1],
  ]);
});

describe('postern conf', () => {
  const FRONT_ENDS = 'nginx, apache, lighttpd, haproxy, caddy, systemd, docker, kubernetes';
  table([
    ['conf', `no front end: one of ${FRONT_ENDS} (see postern conf --help)`, 2],
    ['conf nginy ok.mjs', `no front end "nginy": ${FRONT_ENDS}; did you mean nginx?`, 2],
    ['conf nginx ok.mjs two.mjs', 'one argument too many: two.mjs (see postern conf --help)', 2],
    [
      'conf nginx ok.mjs --gateway cgi',
      'nginx has no gateway "cgi", only fastcgi, scgi, uwsgi, http',
      2,
    ],
    ['conf nginx ok.mjs --adress 9000', /^unknown option --adress; did you mean --address\?/, 2],
    ['conf nginx ok.mjs --address', /^--address needs a value: --address ADDR/, 2],
    ['conf nginx ok.mjs --listen', /^--listen needs a value: --listen ADDR/, 2],
    ['conf nginx ok.mjs --tls a.pem', /^--tls needs a value: --tls CERT KEY/, 2],
    [
      'conf nginx ok.mjs --part sites',
      /^--part: "sites" is none of site, location; did you mean site\?/,
      2,
    ],
    ['conf nginx ok.mjs --mount /a --mount /b', '--mount: it can be given once only', 2],
  ]);
});
