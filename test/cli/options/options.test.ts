/** Options: where they come from, which comes first, and what is refused. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { readConfigFile, readPackageConfig } from '../../../src/cli/settings/config.ts';
import { doubtVariables, environmentSource } from '../../../src/cli/settings/environment.ts';
import { WrongUsage } from '../../../src/cli/options/option.ts';
import {
  OPTIONS,
  OPTION_NAMES,
  resolveSettings,
  toFlag,
  toVariable,
} from '../../../src/cli/options/options.ts';
import type { RawValue, Source } from '../../../src/cli/options/options.ts';
import { parseArguments } from '../../../src/cli/usage/parse.ts';
import { UsageError } from '../../../src/errors.ts';

function sourceOf(values: Record<string, RawValue>): Source {
  return { label: (name) => `the ${name}`, values };
}

function flags(...args: string[]): Source {
  const parsed = parseArguments(args);
  if (!('source' in parsed)) throw new Error('these arguments ask for a text');
  return parsed.source;
}

describe('names', () => {
  test.each([
    ['http', 'http', 'POSTERN_HTTP'],
    ['scriptName', 'script-name', 'POSTERN_SCRIPT_NAME'],
    ['shutdownTimeout', 'shutdown-timeout', 'POSTERN_SHUTDOWN_TIMEOUT'],
  ])('%s is --%s and %s', (name, flag, variable) => {
    expect(toFlag(name)).toBe(flag);
    expect(toVariable(name)).toBe(variable);
  });
});

describe('defaults', () => {
  test('are these', () => {
    expect(resolveSettings([])).toMatchObject({
      app: undefined,
      http: [],
      fastcgi: [],
      cgi: false,
      interface: 'auto',
      scriptName: undefined,
      socketMode: 0o660,
      shutdownTimeout: 30,
      logLevel: 'info',
      nph: undefined,
    });
  });

  test.each(OPTION_NAMES)('of %s can be read like any other value', (name) => {
    const { read, default: value }: { read(text: string): unknown; default?: unknown } =
      OPTIONS[name];
    if (value === undefined) return;
    const text = name === 'socketMode' ? (value as number).toString(8) : String(value);
    expect(read(text)).toBe(value);
  });
});

describe('precedence', () => {
  const all = [
    sourceOf({ scriptName: '/first' }),
    sourceOf({ scriptName: '/second', logLevel: 'debug' }),
    sourceOf({ scriptName: '/third', logLevel: 'error', socketMode: '600' }),
  ];

  test('is the order of the sources, for each option by itself', () => {
    expect(resolveSettings(all)).toMatchObject({
      scriptName: '/first',
      logLevel: 'debug',
      socketMode: 0o600,
      shutdownTimeout: 30,
    });
  });

  test('leaves values that are not looked at unread', () => {
    const wrong = sourceOf({ logLevel: 'nonsense', http: 'nonsense' });
    expect(resolveSettings([sourceOf({ logLevel: 'error' }), wrong], ['logLevel']).logLevel).toBe(
      'error',
    );
  });
});

describe('values', () => {
  test.each([
    ['http', '8000', [{ host: '127.0.0.1', port: 8000 }]],
    ['http', ['8000', 'unix:/x'], [{ host: '127.0.0.1', port: 8000 }, { path: '/x' }]],
    ['http', 8000, [{ host: '127.0.0.1', port: 8000 }]],
    ['scriptName', 'app/', '/app'],
    ['scriptName', '/', ''],
    ['socketMode', '0600', 0o600],
    ['socketMode', '777', 0o777],
    ['socketOwner', 'root', 0],
    ['socketOwner', '33', 33],
    ['socketGroup', 'root', 0],
    ['shutdownTimeout', '1.5', 1.5],
    ['shutdownTimeout', '500ms', 0.5],
    ['shutdownTimeout', '2m', 120],
    ['shutdownTimeout', 0, 0],
    ['cgi', '', true],
    ['cgi', 'no', false],
    ['cgi', true, true],
    ['cgi', 'ON', true],
  ] as const)('%s %j is %j', (name, raw, value) => {
    expect(resolveSettings([sourceOf({ [name]: raw })])[name]).toEqual(value);
  });

  test.each([
    ['http', 'nonsense', /^the http: "nonsense" is not an address/],
    ['http', ['80', '70000'], /^the http: "70000" is not an address/],
    ['socketMode', '999', /^the socketMode: "999" is not an octal mode/],
    ['socketMode', 'rw', /not an octal mode/],
    ['shutdownTimeout', '-1', /not a time such as 30s/],
    ['shutdownTimeout', '1e3', /not a time such as 30s/],
    ['accessLog', 'app.mjs', /app\.mjs is a module/],
    ['socketOwner', 'no-one', /there is no account "no-one" on this machine/],
    ['socketGroup', 'a:b', /there is no group "a:b" on this machine/],
    ['socketGroup', '-1', /there is no group "-1" on this machine/],
    ['logLevel', 'loud', /"loud" is none of silent, error, warn, info, debug/],
    ['cgi', 'perhaps', /neither true nor false/],
    ['config', '', /a value is missing/],
    ['logLevel', ['info', 'debug'], /once only/],
  ] as const)('%s %j is refused', (name, raw, message) => {
    const refused = (): unknown => resolveSettings([sourceOf({ [name]: raw })]);
    expect(refused).toThrow(WrongUsage);
    expect(refused).toThrow(message);
  });
});

describe('the command line', () => {
  test('gives the application and options in any order', () => {
    const settings = resolveSettings([
      flags('--http', '1', 'app.mjs', '--http=2', '--script-name', '/x'),
    ]);
    expect(settings).toMatchObject({
      app: 'app.mjs',
      http: [{ port: 1 }, { port: 2 }],
      scriptName: '/x',
    });
  });

  test('is text, not numbers', () => {
    expect(resolveSettings([flags('007', '--script-name', '1e3')])).toMatchObject({
      app: '007',
      scriptName: '/1e3',
    });
  });

  test('without options gives none', () => {
    expect(
      resolveSettings([flags('app.mjs'), sourceOf({ nph: true, logLevel: 'error' })]),
    ).toMatchObject({
      nph: true,
      logLevel: 'error',
    });
  });

  test('knows the short names that other servers have', () => {
    const settings = resolveSettings([
      flags(
        '-b',
        '0.0.0.0:1',
        '-p2',
        '--bind=3',
        '--port',
        '4',
        '--http',
        'unix:/x',
        '-c',
        'x.json',
      ),
    ]);
    expect(settings.config).toBe('x.json');
    expect(settings.http.map((address) => ('port' in address ? address.port : address))).toEqual([
      1,
      2,
      3,
      4,
      { path: '/x' },
    ]);
  });

  test.each([
    [['--access-log'], ''],
    [['--access-log', '--http', '0'], ''],
    [['--access-log', '-'], '-'],
    [['--access-log=-'], '-'],
    [['--access-log', '/log'], '/log'],
    [['--no-access-log'], false],
    [[], undefined],
  ])('%j: the access log is %j', (args, target) => {
    expect(resolveSettings([flags('app.mjs', ...args)]).accessLog).toBe(target);
  });

  test('of switches the last one counts', () => {
    expect(resolveSettings([flags('--reload', '--no-reload')]).reload).toBe(false);
    expect(resolveSettings([flags('--reload=no', '--reload')]).reload).toBe(true);
    expect(resolveSettings([flags('--no-server-header')]).serverHeader).toBe(false);
  });

  test('has no options behind --', () => {
    expect(resolveSettings([flags('--http', '1', '--', '--help')]).app).toBe('--help');
  });

  test.each([
    [['--help'], { help: '' }],
    [['app.mjs', '-h'], { help: '' }],
    [['-h', 'app.mjs'], { help: '' }],
    [['--help=all'], { help: 'all' }],
  ])('%j asks for help', (args, parsed) => {
    expect(parseArguments(args)).toEqual(parsed);
  });

  test.each([
    [['--bogus'], 'unknown option --bogus (see postern --help)'],
    [['--scriptName=/x'], 'unknown option --scriptName; did you mean --script-name?'],
    [['--script_name=/x'], 'did you mean --script-name?'],
    [['--htpp', '1'], 'did you mean --http?'],
    [['--fast-cgi', '1'], 'did you mean --fastcgi?'],
    [['--no-relaod'], 'did you mean --reload?'],
    [['--forwarded-allow', '*'], 'did you mean --forwarded-allow-ips?'],
    [['-http', '1'], 'unknown option -http; did you mean --http?'],
    [['-x'], 'unknown option -x (see postern --help)'],
    [['--no-http'], 'unknown option --no-http'],
    [['--no-reload=x'], '--no-reload takes no value'],
    [['--host', '0.0.0.0'], 'unknown option --host; use --http HOST:PORT'],
    [['--root-path=/x'], 'unknown option --root-path; use --script-name PREFIX'],
    [['--daemon'], 'unknown option --daemon: it stays in the foreground'],
    [['a', 'b'], 'one argument too many: b (see postern --help)'],
    [['a', '8080'], 'one argument too many: 8080; did you mean postern a --http 8080?'],
    [['serve', 'a'], 'unknown command serve; did you mean postern a?'],
    [['cofn', 'nginx'], 'unknown command cofn; did you mean postern conf nginx?'],
    [['a', '--http'], '--http needs a value: --http ADDR'],
    [['a', '--http', '--scgi', '1'], '--http needs a value: --http ADDR'],
    [['a', '-b'], '-b needs a value: -b ADDR'],
    [['a', '--app', 'b'], 'unknown option --app'],
  ])('%j is refused', (args, message) => {
    expect(() => parseArguments(args)).toThrow(WrongUsage);
    expect(() => parseArguments(args)).toThrow(message);
  });

  test('of a value that is wrong is quoted', () => {
    expect(() => resolveSettings([flags('a', '--http', 'x')])).toThrow(
      '--http: "x" is not an address',
    );
    expect(() => resolveSettings([flags('a', '-p', 'x')])).toThrow('-p: "x" is not an address');
  });

  test.each([
    ['/run/x.sock', 'unix:/run/x.sock'],
    ['./x.sock', 'unix:./x.sock'],
    ['x.sock', 'unix:x.sock'],
    ['unix//run/x.sock', 'unix:/run/x.sock'],
    ['unix@/run/x', 'unix:/run/x'],
    ['http+unix:///run/x', 'unix:/run/x'],
    ['http://127.0.0.1:8000/', '127.0.0.1:8000'],
    ['http://*:8000', '0.0.0.0:8000'],
    ['*:8000', '0.0.0.0:8000'],
    ['::1:8000', '[::1]:8000'],
    ['localhost', 'localhost:8000'],
    ['127.0.0.1', '127.0.0.1:8000'],
  ])('of the address %s names %s', (text, meant) => {
    expect(() => resolveSettings([flags('a', '--http', text)])).toThrow(
      `--http: ${JSON.stringify(text)} is not an address; did you mean ${meant}?`,
    );
    expect(() => OPTIONS.http.read(meant)).not.toThrow();
  });

  test.each([
    [['--log-level', 'warning'], 'did you mean warn?'],
    [['--interface', 'WSGI'], 'did you mean wsgi?'],
    [['--sendfile', 'X-SendFile'], 'did you mean X-Sendfile?'],
  ])('of a choice names the one that is meant: %j', (args, message) => {
    expect(() => resolveSettings([flags('a', ...args)])).toThrow(message);
  });
});

describe('the environment', () => {
  test('gives POSTERN_ variables', () => {
    const source = environmentSource({
      POSTERN_SCRIPT_NAME: '/x',
      POSTERN_HTTP: ' 8000  unix:/x ',
      POSTERN_NPH: 'yes',
      POSTERN_LOG_LEVEL: '',
      POSTERN_UNKNOWN: 'x',
      SCRIPT_NAME: '/y',
    });
    expect(resolveSettings([source])).toMatchObject({
      scriptName: '/x',
      http: [{ port: 8000 }, { path: '/x' }],
      nph: true,
      logLevel: 'info',
    });
  });

  test('is told of variables that are no options', () => {
    const doubts = doubtVariables({
      POSTERN_SCRIPTNAME: '/x',
      POSTERN_HTPP: '1',
      POSTERN_COLOUR: 'x',
      POSTERN_LOG_LEVEL: 'info',
      POSTERN_SERVICE_HOST: '10.0.0.1',
      POSTERN_PORT_8000_TCP_ADDR: '10.0.0.1',
      OTHER: 'x',
    });
    expect(doubts).toEqual([
      'POSTERN_SCRIPTNAME is no option, and is ignored; did you mean POSTERN_SCRIPT_NAME?',
      'POSTERN_HTPP is no option, and is ignored; did you mean POSTERN_HTTP?',
      'POSTERN_COLOUR is no option, and is ignored',
    ]);
  });

  test('is quoted by the name of the variable', () => {
    expect(() => resolveSettings([environmentSource({ POSTERN_LOG_LEVEL: 'x' })])).toThrow(
      /^POSTERN_LOG_LEVEL: "x" is none of/,
    );
  });
});

describe('configuration', () => {
  let folder: string;
  const write = (name: string, content: unknown): string => {
    const file = join(folder, name);
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
    return file;
  };
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'postern-config-'));
    mkdirSync(join(folder, 'project/sub/deeper'), { recursive: true });
    mkdirSync(join(folder, 'project/other'));
    write('package.json', { postern: { scriptName: '/outer' } });
    write('project/package.json', { postern: { scriptName: '/inner', app: 'app.mjs' } });
    write('project/other/package.json', { name: 'without' });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('comes from a file', () => {
    const file = write('postern.json', {
      http: ['8000', 'unix:/x'],
      cgi: false,
      logLevel: 'debug',
    });
    expect(resolveSettings([readConfigFile(file)])).toMatchObject({
      http: [{ port: 8000 }, { path: '/x' }],
      cgi: false,
      logLevel: 'debug',
    });
  });

  test('comes from the nearest package.json, which may have none', () => {
    const near = readPackageConfig(join(folder, 'project/sub/deeper'));
    expect(resolveSettings([near!])).toMatchObject({
      scriptName: '/inner',
      // A module is named from where its name is written.
      app: join(folder, 'project/app.mjs'),
    });
    expect(readPackageConfig(join(folder, 'project/other'))).toBeUndefined();
  });

  test.each([
    ['{', /is not JSON/],
    ['[]', /is not an object/],
    ['null', /is not an object/],
    ['{"htpp": "8000"}', /there is no option "htpp"; did you mean "http"\?/],
    ['{"script-name": "/x"}', /there is no option "script-name"; did you mean "scriptName"\?/],
    ['{"__proto__": "8000"}', /there is no option "__proto__"/],
    ['{"http": {"port": 1}}', /http is not a string, number, boolean or list/],
    ['{"http": [[1]]}', /http is not a string/],
    ['{"scriptName": null}', /scriptName is not a string/],
  ])('%s is refused with its file', (text, message) => {
    const file = write('wrong.json', text);
    expect(() => readConfigFile(file)).toThrow(UsageError);
    expect(() => readConfigFile(file)).toThrow(message);
    expect(() => readConfigFile(file)).toThrow(file);
  });

  test('that is not there is an error', () => {
    expect(() => readConfigFile(join(folder, 'nowhere.json'))).toThrow(
      /no such configuration file/,
    );
  });

  test('that is wrong is quoted with its file', () => {
    const file = write('address.json', { http: 'x' });
    expect(() => resolveSettings([readConfigFile(file)])).toThrow(
      `${file}: http: "x" is not an address`,
    );
  });
});
