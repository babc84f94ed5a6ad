/** What is wrong on this machine with a configuration that is right. */

import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { findAccount } from '../accounts.ts';
import { parseAddress } from '../../sockets/address.ts';
import { IMAGES } from './front-ends.ts';
import { STRANGER, isSelinuxEnforcing, obstacle } from './reach.ts';
import type { Values } from './values.ts';

/** Values, and which of them make a difference to what is printed. */
export interface Printed {
  readonly frontEnd: string;
  readonly values: Values;
  readonly used: ReadonlySet<string>;
}

/** A line for each. */
export function warnings(printed: Printed, enforcing = isSelinuxEnforcing()): string[] {
  if (IMAGES.includes(printed.frontEnd)) return [];
  return [
    ...missingFiles(printed),
    ...unreachablePrograms(printed),
    ...unreachableSocket(printed),
    ...(enforcing ? selinux(printed) : []),
  ];
}

function* missingFiles({ values, used }: Printed): Iterable<string> {
  const application = used.has('program') || used.has('app') ? [values['app']] : [];
  const certificate = used.has('key') ? [values['cert'], values['key']] : [];
  for (const path of [...application, ...certificate]) {
    if (path !== undefined && !existsSync(path)) yield `there is no ${path} yet`;
  }
}

/** Programs that the front end starts, under its own account. */
function* unreachablePrograms({ frontEnd, values, used }: Printed): Iterable<string> {
  if (!used.has('path')) return;
  const isUnit = frontEnd === 'systemd';
  const name = values['user']!;
  const account = isUnit ? STRANGER : findAccount(name);
  if (account === undefined) return;
  const who = isUnit ? 'the account of the service' : name;
  // CGI programs are executed; elsewhere node reads them.
  const use = used.has('postern') ? 'read' : 'execute';
  const obstacles = [
    values['app'] && obstacle(account, values['app'], use),
    obstacle(account, values['postern']!, 'read'),
    obstacle(account, process.execPath, 'execute'),
  ];
  for (const text of new Set(obstacles)) {
    if (text !== undefined && text !== '') yield `${who}, which runs the application, ${text}`;
  }
}

/** A unix socket, with which the front end connects under its own account. */
function* unreachableSocket({ frontEnd, values, used }: Printed): Iterable<string> {
  const socket = socketOf(values, used);
  if (socket === undefined) return;
  const folder = dirname(socket);
  if (!existsSync(folder)) yield `there is no ${folder} yet, for the socket`;
  if (/^\/(?:var\/)?tmp\//.test(socket))
    yield `${socket}: systemd gives many web servers a /tmp of their own, in which this socket is not; /run is for sockets`;
  const chroot = frontEnd === 'haproxy' ? chrootOf() : undefined;
  if (chroot !== undefined && !socket.startsWith(`${chroot}/`))
    yield `HAProxy works in ${chroot} (chroot in its configuration): it looks for the socket at ${chroot}${socket}, and the application has to listen there`;
  const name = values['user']!;
  const account = frontEnd === 'systemd' ? undefined : findAccount(name);
  const text = account && obstacle(account, socket, 'connect');
  if (text !== undefined) yield `${name}, which connects to ${socket}, ${text}`;
}

/** The folder that HAProxy makes its root, after it has read its configuration. */
export function chrootOf(file = '/etc/haproxy/haproxy.cfg'): string | undefined {
  try {
    return /^[ \t]*chroot[ \t]+(\/\S*[^/\s])/m.exec(readFileSync(file, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

function socketOf(values: Values, used: ReadonlySet<string>): string | undefined {
  if (!used.has('upstream')) return undefined;
  const address = parseAddress(values['upstream']!);
  return 'path' in address ? address.path : undefined;
}

/** What SELinux's policy of Fedora and its kin wants besides (httpd_selinux(8), haproxy_selinux(8)). */
function* selinux({ frontEnd, values, used }: Printed): Iterable<string> {
  if (frontEnd === 'systemd') return;
  const socket = socketOf(values, used);
  if (used.has('path')) {
    yield `SELinux is on: a program that ${frontEnd} starts needs its label, chcon -t httpd_sys_script_exec_t ${values['app']}`;
  } else if (socket !== undefined) {
    yield `SELinux is on: ${frontEnd} connects to sockets in folders with its label, semanage fcontext -a -t httpd_var_run_t '${dirname(socket)}(/.*)?'`;
  } else {
    const boolean = frontEnd === 'haproxy' ? 'haproxy_connect_any' : 'httpd_can_network_connect';
    yield `SELinux is on: ${frontEnd} may not connect to the application before setsebool -P ${boolean} 1`;
  }
}
