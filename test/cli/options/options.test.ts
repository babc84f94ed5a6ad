/** Options: where they come from, which comes first, and what is refused. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { readConfigFile, readPackageConfig } from '../../../src/cli/options/config.ts';
import { WrongUsage } from '../../../src/cli/options/option.ts';
import {
  OPTIONS,
  OPTION_NAMES,
  environmentSource,
  resolveSettings,
  toFlag,
  toVariable,
} from '../../../src/cli/options/options.ts';
import type { RawValue, Source } from '../../../src/cli/options/options.ts';
import { parseArguments } from '../../../src/cli/options/parse.ts';
import { UsageError } from '../../../src/errors.ts';

function sourceOf(values: Record<string, RawValue>): Source {
  return { label: (name) => `the ${name}`, values };
}

function flags(...args: string[]): Source {
  const parsed = parseArguments(args);
  if ('text' in parsed) throw new Error('these arguments ask for a text');
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
    ['socketOwner', 'no-one', /there is no account "no-one" on this machine/],
    ['socketGroup', 'a:b', /there is no group "a:b" on this machine/],
    ['socketGroup', '-1', /there is no group "-1" on this machine/],
    ['shutdownTimeout', '-1', /not a number of seconds/],
    ['shutdownTimeout', '1e3', /not a number of seconds/],
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

  test.each([
    [['--bogus'], 'Unknown argument: bogus'],
    [['--scriptName=/x'], 'Unknown argument: scriptName'],
    [['a', 'b'], 'Unknown argument: b'],
    [['a', '--http'], 'Not enough arguments following: http'],
    [['a', '--app', 'b'], 'Unknown argument: app'],
  ])('%j is refused', (args, message) => {
    expect(() => parseArguments(args)).toThrow(WrongUsage);
    expect(() => parseArguments(args)).toThrow(message);
  });

  test('of a value that is wrong is quoted', () => {
    expect(() => resolveSettings([flags('a', '--http', 'x')])).toThrow(
      '--http: "x" is not an address',
    );
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
    ['{"htpp": "8000"}', /there is no option "htpp"/],
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
