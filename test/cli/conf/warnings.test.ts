/** What `postern conf` says of this machine, beside the configuration. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { findAccount, groupOf } from '../../../src/cli/accounts.ts';
import type { Account } from '../../../src/cli/accounts.ts';
import { accountOf } from '../../../src/cli/conf/front-ends.ts';
import { isSelinuxEnforcing, obstacle } from '../../../src/cli/conf/reach.ts';
import { chrootOf, warnings } from '../../../src/cli/conf/warnings.ts';

const GROUP = process.getgid!();
/** None of the accounts that have made the files. */
const OTHER: Account = { uid: 65_001, gids: new Set([65_001]) };
const MEMBER: Account = { uid: 65_001, gids: new Set([65_001, GROUP]) };

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-'));
  chmodSync(folder, 0o755);
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A file in a folder, each with these permissions. */
function fileOf(folderMode: number, mode: number): string {
  const inner = join(folder, 'inner');
  mkdirSync(inner);
  const file = join(inner, 'file');
  writeFileSync(file, '');
  chmodSync(file, mode);
  chmodSync(inner, folderMode);
  return file;
}

describe('obstacle', () => {
  test.each([
    [0o755, 0o644, OTHER, 'read', undefined],
    [0o700, 0o644, OTHER, 'read', 'may not enter inner'],
    [0o750, 0o644, OTHER, 'connect', 'may not enter inner'],
    [0o750, 0o644, MEMBER, 'connect', undefined],
    [0o705, 0o644, MEMBER, 'read', 'may not enter inner'], // the group's bits count for its members
    [0o755, 0o640, OTHER, 'read', 'may not read inner/file'],
    [0o755, 0o640, OTHER, 'connect', undefined],
    [0o755, 0o640, MEMBER, 'read', undefined],
    [0o755, 0o644, OTHER, 'execute', 'may not execute inner/file'],
    [0o755, 0o755, OTHER, 'execute', undefined],
    [0o700, 0o600, { uid: 0, gids: new Set<number>() }, 'read', undefined],
  ] as const)('folder %o, file %o: %o to %s', (folderMode, mode, account, use, text) => {
    const file = fileOf(folderMode, mode);
    const found = obstacle(account, file, use)?.replace(`${folder}/`, '');
    chmodSync(join(folder, 'inner'), 0o755);
    expect(found).toBe(text);
  });

  test('what is not there is in nobody’s way', () => {
    expect(obstacle(OTHER, join(folder, 'none/none'), 'read')).toBeUndefined();
  });
});

describe('findAccount', () => {
  test('root, and nobody of that name', () => {
    expect(findAccount('root')).toMatchObject({ uid: 0 });
    expect(findAccount('root')!.gids).toContain(0);
    expect(findAccount('no-such-account')).toBeUndefined();
    expect(groupOf('root')).toBe('root');
    expect(groupOf('nobody')).toMatch(/^no(?:body|group)$/);
    expect(groupOf('no-such-account')).toBeUndefined();
  });
});

describe('accountOf', () => {
  test.each([
    ['nginx', ['root', 'www-data'], 'www-data'], // Debian
    ['nginx', ['root', 'www-data', 'nginx'], 'nginx'], // the package of nginx.org
    ['apache', ['root', 'apache'], 'apache'], // Fedora
    ['caddy', ['root', 'www-data', 'caddy'], 'caddy'],
    ['haproxy', ['root', 'www-data'], 'haproxy'],
    ['lighttpd', ['root'], 'www-data'],
    ['docker', ['root'], 'www-data'],
  ])('%s, where there are %j: %s', (frontEnd, accounts, account) => {
    expect(accountOf(frontEnd, (name) => accounts.includes(name))).toBe(account);
  });
});

describe('isSelinuxEnforcing', () => {
  test.each([
    ['1', true],
    ['1\n', true],
    ['0', false],
    [undefined, false],
  ])('%j: %s', (content, enforcing) => {
    const file = join(folder, 'enforce');
    if (content !== undefined) writeFileSync(file, content);
    expect(isSelinuxEnforcing(file)).toBe(enforcing);
  });
});

/** What is said of a front end under the account `nobody`, which can do nothing. */
function said(frontEnd: string, values: Record<string, string>, enforcing = false): string[] {
  const all = { user: 'nobody', postern: '/usr/bin/env', upstream: '127.0.0.1:9000', ...values };
  return warnings({ frontEnd, values: all, used: new Set(Object.keys(all)) }, enforcing).map(
    (line) => line.replaceAll(folder, '/srv'),
  );
}

describe('chrootOf', () => {
  test.each([
    ['global\n\tchroot /var/lib/haproxy\n\tuser haproxy\n', '/var/lib/haproxy'],
    ['global\n    # chroot /x\n', undefined],
    ['', undefined],
  ])('%j: %s', (text, chroot) => {
    const file = join(folder, 'haproxy.cfg');
    writeFileSync(file, text);
    expect(chrootOf(file)).toBe(chroot);
    expect(chrootOf(join(folder, 'none'))).toBeUndefined();
  });
});

describe('warnings', () => {
  const started = { path: '/bin' };

  test('of files that are missing', () => {
    const files = { app: `${folder}/app.mjs`, cert: `${folder}/c.pem`, key: `${folder}/k.pem` };
    expect(said('nginx', files)).toEqual([
      'there is no /srv/app.mjs yet',
      'there is no /srv/c.pem yet',
      'there is no /srv/k.pem yet',
    ]);
    expect(said('docker', files)).toEqual([]);
  });

  test('of an application that the web server starts and may not reach', () => {
    const app = fileOf(0o700, 0o755);
    expect(said('apache', { ...started, app })[0]).toBe(
      'nobody, which runs the application, may not enter /srv/inner',
    );
    expect(said('systemd', { ...started, app })[0]).toBe(
      'the account of the service, which runs the application, may not enter /srv/inner',
    );
    // Where the application runs on its own, only its own account has to reach it.
    expect(said('nginx', { app })).toEqual([]);
  });

  test('of a CGI program without its execute bit; where postern is started it needs none', () => {
    const app = fileOf(0o755, 0o644);
    const line = 'nobody, which runs the application, may not execute /srv/inner/file';
    const { postern: _, ...cgi } = { ...started, app, postern: '' };
    const used = new Set(['path', 'app']);
    const values = { ...cgi, user: 'nobody', postern: '/usr/bin/env' };
    const lines = warnings({ frontEnd: 'apache', values, used }, false);
    expect(lines.map((text) => text.replaceAll(folder, '/srv'))).toContain(line);
    expect(said('lighttpd', { ...started, app })).not.toContain(line);
  });

  test('of the folder of a unix socket', () => {
    const private_ = join(folder, 'private');
    mkdirSync(private_, { mode: 0o700 });
    expect(said('nginx', { upstream: `unix:${private_}/app.sock` })).toContainEqual(
      'nobody, which connects to /srv/private/app.sock, may not enter /srv/private',
    );
    expect(said('nginx', { upstream: 'unix:/run/none/app.sock' })).toEqual([
      'there is no /run/none yet, for the socket',
    ]);
    expect(said('nginx', { upstream: 'unix:/tmp/app.sock' })[0]).toMatch(
      /^\/tmp\/app.sock: systemd gives/,
    );
    expect(said('nginx', { upstream: 'unix:/run/app.sock' })).toEqual([]);
  });

  test.each([
    ['nginx', {}, 'setsebool -P httpd_can_network_connect 1'],
    ['haproxy', {}, 'setsebool -P haproxy_connect_any 1'],
    ['nginx', { upstream: 'unix:/run/app.sock' }, "-t httpd_var_run_t '/run(/.*)?'"],
    ['apache', { path: '/bin', app: '/bin/sh' }, 'chcon -t httpd_sys_script_exec_t /bin/sh'],
  ])('of SELinux: %s %o', (frontEnd, values, remedy) => {
    expect(said(frontEnd, values, true).join('\n')).toContain(remedy);
    expect(said(frontEnd, values, false).join('\n')).not.toContain('SELinux');
  });
});
