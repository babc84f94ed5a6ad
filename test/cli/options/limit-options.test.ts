/** Whatever the gateways can be told, the command can be told too, and tells them. */

import { tmpdir } from 'node:os';

import { describe, expect, test } from 'vitest';

import type { RunOptions } from '../../../adapters/cgi/options.ts';
import { resolveLimits as fastCgiLimits } from '../../../adapters/fastcgi/options.ts';
import type { FastCgiLimits, FastCgiOptions } from '../../../adapters/fastcgi/options.ts';
import { resolveLimits as httpLimits } from '../../../adapters/http/options.ts';
import type { HttpLimits, HttpOptions } from '../../../adapters/http/options.ts';
import { gatewayOptions } from '../../../src/cli/options/gateway-options.ts';
import { LIMIT_OPTIONS } from '../../../src/cli/options/limit-options.ts';
import { WrongUsage } from '../../../src/cli/options/option.ts';
import type { Option } from '../../../src/cli/options/option.ts';
import { environmentSource } from '../../../src/cli/settings/environment.ts';
import { OPTIONS, resolveSettings } from '../../../src/cli/options/options.ts';
import type { OptionName, RawValue, Settings } from '../../../src/cli/options/options.ts';
import { resolveLimits as requestLimits } from '../../../src/one-request/options.ts';
import type { RequestLimits, RequestServerOptions } from '../../../src/one-request/options.ts';

/** What would be given for each kind of limit, and what that means. */
const GIVEN: Readonly<Record<string, readonly [text: string, value: number]>> = {
  COUNT: ['7', 7],
  SIZE: ['7K', 7168],
  TIME: ['0.7', 700],
};

function settingsOf(values: Record<string, RawValue>): Settings {
  return resolveSettings([{ label: (name) => `the ${name}`, values }]);
}

/** The option that sets a limit of a gateway. */
function optionFor(limit: string): [OptionName, Option<unknown>] {
  const found = Object.entries(OPTIONS).find(([name, { gateway }]: [string, Option<unknown>]) =>
    (gateway === true ? [name] : (gateway ?? [])).includes(limit),
  );
  expect(found, `an option for ${limit}`).toBeDefined();
  return found as [OptionName, Option<unknown>];
}

describe.each([
  ['FastCGI', fastCgiLimits({})],
  ['SCGI, uwsgi', requestLimits({})],
  ['HTTP', httpLimits({})],
])('each limit of %s', (gateway, limits) => {
  test.each(Object.entries<number>({ ...limits }))('%s is an option', (limit, value) => {
    const [name, { group, argument, read, defaultText = '' }] = optionFor(limit);
    expect(group).toBe(argument === 'TIME' ? 'Timeouts' : 'Limits');
    // It is the gateway's own default, and said where a user looks for it.
    expect(gatewayOptions(settingsOf({}))[limit]).toBeUndefined();
    const said = new RegExp(`([\\w.]+) for ${gateway}`).exec(defaultText)?.[1];
    expect(read(said ?? defaultText.split(',').at(-1)!.trim().split(' ')[0]!)).toBe(value);
    // What is given arrives.
    const [text, meaning] = GIVEN[argument!]!;
    expect(gatewayOptions(settingsOf({ [name]: text }))[limit]).toBe(meaning);
  });
});

test('every limit of the command is one of a gateway', () => {
  const known = new Set<string>([
    ...Object.keys(fastCgiLimits({})),
    ...Object.keys(requestLimits({})),
    ...Object.keys(httpLimits({})),
  ]);
  const given = Object.entries(LIMIT_OPTIONS).flatMap(([name, { gateway }]) =>
    gateway === true ? [name] : (gateway ?? []),
  );
  expect(given.toSorted()).toEqual([...known].toSorted());
});

/** The limits are looked at above. These are given by the command itself, or make no sense on a command line. */
type Own = 'listen' | 'log' | 'accessLog' | 'errors' | 'tls' | 'forwarding';
type Limits = keyof FastCgiLimits | keyof RequestLimits | keyof HttpLimits;
type Other = Exclude<
  keyof FastCgiOptions | keyof RequestServerOptions | keyof HttpOptions | keyof RunOptions,
  Own | Limits
>;

/** An option of the library that is not here is an error of the compiler. */
const OTHERS: Record<Other, [given: Record<string, RawValue>, value: unknown]> = {
  socketMode: [{ socketMode: '600' }, 0o600],
  socketOwner: [{ socketOwner: 'root' }, 0],
  socketGroup: [{ socketGroup: '33' }, 33],
  backlog: [{ backlog: 7 }, 7],
  scriptName: [{ scriptName: '/app' }, '/app'],
  spoolDir: [{ spoolDir: tmpdir() }, tmpdir()],
  multiprocess: [{ multiprocess: true }, true],
  multiplex: [{ multiplex: false }, false],
  engine: [{ fastcgiEngine: 'node-fastcgi' }, 'node-fastcgi'],
  allow: [{ allow: ['10.0.0.0/8', '::1'] }, ['10.0.0.0/8', '::1']],
  sendfile: [
    { sendfile: 'X-Accel-Redirect', sendfileRoot: tmpdir(), sendfilePrefix: '/files' },
    { header: 'X-Accel-Redirect', root: tmpdir(), prefix: '/files' },
  ],
  forwardedAllowIps: [{ forwardedAllowIps: ['*', 'unix'] }, ['*', 'unix']],
  forwardedHeaders: [
    { forwardedHeaders: 'for=X-Real-IP, proto' },
    { for: 'X-Real-IP', proto: 'X-Forwarded-proto', host: null, port: null, prefix: null },
  ],
  errorPage: [{ errorPage: false }, false],
  underscoreHeaders: [{ underscoreHeaders: 'x_y' }, ['x_y']],
  serverHeader: [{ serverHeader: false }, false],
  nph: [{ nph: true }, true],
  iis: [{ iis: true }, true],
  graceTimeout: [{ graceTimeout: '1.5' }, 1500],
};

describe('each other option of the gateways', () => {
  test.each(Object.entries(OTHERS))('%s can be given', (name, [given, value]) => {
    expect(gatewayOptions(settingsOf(given))[name]).toEqual(value);
  });

  // `allow: []` would let nobody in.
  test('is not given when nobody has given it', () => {
    const options = gatewayOptions(settingsOf({}));
    const names = Object.keys(OTHERS).filter((name) => options[name] !== undefined);
    expect(names).toEqual(['socketMode', 'iis']);
  });
});

describe('values', () => {
  test.each([
    ['maxConnections', '0', /"0" is not a number from 1 up/],
    ['maxConcurrentRequests', '1.5', /not a number from 1 up/],
    ['maxBodySize', '1T', /"1T" is not a number of bytes such as 4096, 64K or 10M/],
    ['maxBodySize', '-1', /not a number of bytes/],
    ['maxDrainSize', '1 K', /not a number of bytes/],
    ['maxBodySize', '10 MB', /not a number of bytes/],
    ['bodyTimeout', '1d', /"1d" is not a time such as 30s, 500ms or 2m/],
    ['bodyTimeout', '1 m', /not a time/],
    ['bodyTimeout', '2147484', /2147484 is more than 2147483 seconds/],
    ['bodyTimeout', '600h', /600h is more than 2147483 seconds/],
    ['shutdownTimeout', '2147484', /more than 2147483 seconds/],
    ['allow', 'localhost', /"localhost" is neither an IP address nor a network/],
    ['allow', '*', /neither an IP address nor a network/],
    ['allow', 'fe80::1%eth0', /neither an IP address nor a network/],
    ['forwardedAllowIps', '10.0.0.0/33', /neither an IP address nor a network/],
    ['forwardedHeaders', 'for,by', /"by" is neither forwarded nor one of for, proto/],
    ['forwardedHeaders', 'for=X Y', /is neither forwarded nor/],
    ['sendfile', 'x-sendfile', /none of X-Accel-Redirect, X-Sendfile/],
    ['serverHeader', '', /a value is missing/],
  ])('%s %j is refused', (name, text, message) => {
    expect(() => settingsOf({ [name]: text })).toThrow(WrongUsage);
    expect(() => settingsOf({ [name]: text })).toThrow(message);
  });

  test('that name what is not there are not wrong in themselves', () => {
    const given = { sendfileRoot: '/nonexistent' };
    expect(() => settingsOf(given)).toThrow('the sendfileRoot: "/nonexistent" is not a folder');
    expect(() => settingsOf(given)).not.toThrow(WrongUsage);
  });

  test.each([
    ['maxBodySize', '1g', 2 ** 30],
    ['maxBodySize', '0', 0],
    ['maxDrainSize', 4096, 4096],
    ['maxBodySize', '10M', 10 * 2 ** 20],
    ['maxBodySize', '64KiB', 65_536],
    ['maxBodySize', '10MB', 10 * 2 ** 20],
    ['maxBodySize', '1024', 1024],
    ['bodyTimeout', '30s', 30_000],
    ['bodyTimeout', '500ms', 500],
    ['bodyTimeout', '2m', 120_000],
    ['bodyTimeout', '1.5h', 5_400_000],
    ['bodyTimeout', 30, 30_000],
    ['bodyTimeout', '0', 0],
    ['bodyTimeout', '0.0001', 1],
    ['bodyTimeout', '0.07', 70],
    ['bodyTimeout', '2147483', 2_147_483_000],
    ['forwardedHeaders', 'forwarded', 'forwarded'],
  ] as const)('%s %j is %j', (name, raw, value) => {
    expect(gatewayOptions(settingsOf({ [name]: raw }))[name]).toEqual(value);
  });

  test('of variables are lists where flags may be repeated', () => {
    const source = environmentSource({ POSTERN_ALLOW: '10.0.0.1  ::1', POSTERN_MAX_HEADERS: '5' });
    expect(gatewayOptions(resolveSettings([source]))).toMatchObject({
      allow: ['10.0.0.1', '::1'],
      maxHeaders: 5,
    });
  });

  test.each([
    [{ sendfile: 'X-Sendfile' }, '--sendfile needs --sendfile-root'],
    [{ sendfileRoot: '/' }, '--sendfile-root and --sendfile-prefix need --sendfile'],
  ])('%j go with others only', (given, message) => {
    expect(() => gatewayOptions(settingsOf(given))).toThrow(new WrongUsage(message));
  });
});
