/** `postern conf FRONTEND [APP]`: the configuration of a front end, ready to use. */

import { existsSync, writeFileSync } from 'node:fs';
import { basename, delimiter, dirname, extname, isAbsolute, join, resolve } from 'node:path';

import { UsageError } from '../../errors.ts';
import { WrongUsage } from '../options/option.ts';
import { parseConfArguments } from './conf-arguments.ts';
import type { ConfArguments } from './conf-arguments.ts';
import { groupOf } from '../accounts.ts';
import { renderConf, usedValues } from './conf.ts';
import { FILES, IMAGES, NAMELESS, STARTERS, accountOf, usualAddress } from './front-ends.ts';
import { LONGEST_NAME } from './values.ts';
import type { Values } from './values.ts';
import { warnings } from './warnings.ts';

/**
 * Prints the configuration to standard output, and its introductory comment to standard error as well; or writes the
 * configuration to a folder.
 *
 * @param args the arguments after `conf`
 * @throws {UsageError} for values that no configuration can hold
 */
export function runConf(args: readonly string[]): void {
  const given = parseConfArguments(args);
  if (typeof given === 'string') {
    process.stdout.write(given);
    return;
  }
  const files = FILES[given.frontEnd]![given.gateway]!;
  const values = valuesOf(given);
  const used = new Set(files.flatMap((file) => [...usedValues(file, values)]));
  checkUse(given, used);
  const texts = files.map((file) => renderConf(file, selectValues(file, values)));
  if (given.output !== undefined) {
    for (const [i, file] of files.entries()) {
      writeNew(join(given.output, outputName(file, values['name']!)), texts[i]!);
    }
  } else {
    process.stdout.write(texts.join('\n'));
    // On a terminal the comment is visible already.
    if (!process.stdout.isTTY) process.stderr.write(texts.map(headerOf).join('\n'));
  }
  const notes = warnings({ frontEnd: given.frontEnd, values, used });
  // A choice of ours, which nobody has asked for.
  if (given.ipv6 === undefined && used.has('ipv6') && !hasIpv6()) notes.push(NO_IPV6);
  for (const note of notes) process.stderr.write(`postern: ${note}\n`);
}

/** The options that become values of a configuration: the flag, and the values of which one has to be used. */
const OPTION_VALUES: Readonly<
  Partial<Record<keyof ConfArguments, readonly [string, ...string[]]>>
> = {
  address: ['address', 'upstream'],
  mount: ['mount', 'mount'],
  listen: ['listen', 'listen'],
  ipv6: ['ipv6', 'ipv6'],
  serverName: ['server-name', 'serverName', 'name'],
  tls: ['tls', 'cert'],
  redirectFrom: ['redirect-from', 'redirectFrom'],
  part: ['part', 'part'],
  user: ['user', 'user'],
  image: ['image', 'image'],
  multiplex: ['multiplex', 'multiplex'],
};

/** Refuses options that would have no effect, HTTPS that would be none, and a missing application if one is needed. */
function checkUse(given: ConfArguments, used: ReadonlySet<string>): void {
  const { frontEnd, part } = given;
  const place = `the configuration of ${frontEnd}${part === 'location' ? ' with --part location' : ''}`;
  for (const [option, [flag, ...values]] of Object.entries(OPTION_VALUES)) {
    if (given[option as keyof ConfArguments] === undefined) continue;
    if (!values.some((value) => used.has(value))) {
      throw new WrongUsage(`--${flag} has no place in ${place}`);
    }
  }
  if (frontEnd === 'kubernetes' && given.serverName?.includes(' ')) {
    throw new WrongUsage('--server-name: the Ingress that is printed has one host');
  }
  checkPorts(given);
  // What starts the application is told where node is found.
  const startsIt = used.has('path') || STARTERS.includes(frontEnd);
  if (startsIt && given.app === undefined) {
    throw new WrongUsage(`the application is missing: postern conf ${frontEnd} APP`);
  }
}

/** Refuses ports on which visitors would expect the other one of HTTP and HTTPS. */
function checkPorts(given: ConfArguments): void {
  const { tls, listen, redirectFrom } = given;
  if (listen?.endsWith(':443') === true && tls === undefined && !isAutomatic(given)) {
    throw new WrongUsage(
      `--listen ${listen}: browsers speak HTTPS to port 443; add --tls CERT KEY`,
    );
  }
  if (listen?.endsWith(':80') === true && tls !== undefined) {
    throw new WrongUsage(
      `--listen ${listen}: browsers speak plain HTTP to port 80; with --tls the site listens on 443`,
    );
  }
  if (redirectFrom !== undefined && redirectFrom === (listen ?? '*:443')) {
    throw new WrongUsage(`--redirect-from ${redirectFrom}: there the site itself listens`);
  }
}

/** Caddy gets certificates for a site with a name. */
function isAutomatic({ frontEnd, serverName, tls, listen }: ConfArguments): boolean {
  const usual = listen === undefined || listen === '*:443';
  return frontEnd === 'caddy' && serverName !== undefined && tls === undefined && usual;
}

function valuesOf(given: ConfArguments): Values {
  const [file, exportName] = splitApplication(given.app);
  const { frontEnd, gateway, mount = '', tls } = given;
  const serverName = given.serverName ?? (NAMELESS.includes(frontEnd) ? undefined : 'localhost');
  const user = given.user ?? accountOf(frontEnd);
  const isStarter = STARTERS.includes(frontEnd);
  const name = given.name ?? (isStarter ? nameAfter(file) : nameOfPlace(serverName ?? '', mount));
  // Paths in the image are not those of this machine.
  const path = file === undefined || IMAGES.includes(frontEnd) ? file : resolve(file);
  return {
    name,
    serverName,
    listen: given.listen ?? (tls === undefined ? '*:80' : '*:443'),
    ipv6: given.ipv6 ?? (hasIpv6() ? 'yes' : 'no'),
    redirectFrom: given.redirectFrom,
    automatic: isAutomatic(given) ? 'yes' : 'no',
    cert: tls && resolve(tls[0]),
    key: tls && resolve(tls[1]),
    part: given.part ?? 'site',
    upstream: given.address ?? usualAddress(gateway),
    mount,
    user,
    group: groupOf(user),
    multiplex: given.multiplex ?? 'no',
    image: given.image ?? `${name.replaceAll('_', '-')}:latest`,
    gateway,
    postern: ownCommand(),
    path: searchPath(),
    app: path,
    program: path && path + exportName,
  };
}

/** The values that make a difference to a file. Others would be checked although they are not used. */
function selectValues(file: string, values: Values): Values {
  const used = usedValues(file, values);
  return Object.fromEntries(Object.entries(values).filter(([name]) => used.has(name)));
}

function splitApplication(app: string | undefined): [file: string | undefined, export_: string] {
  const match = /^(.+?)(:[\p{ID_Start}_][\p{ID_Continue}]*)$/u.exec(app ?? '');
  return match === null ? [app, ''] : [match[1], match[2]!];
}

/**
 * The name of what belongs to one mount of one site, `postern_example_org__app`: no other has the same, however many
 * applications are called app.mjs.
 */
function nameOfPlace(serverNames: string, mount: string): string {
  const place = serverNames.split(' ', 1)[0]!.toLowerCase() + mount;
  const readable = place
    .toLowerCase()
    .replaceAll('/', '__')
    .replaceAll(/[^a-z0-9_]/g, '_');
  const name = readable === '' ? 'postern' : `postern_${readable}`;
  // Of other characters several become the same: a-b and a_b, /App and /app.
  if (/^[a-z0-9./]*$/.test(place) && name.length <= LONGEST_NAME) return name;
  const { createHash } = process.getBuiltinModule('node:crypto');
  const hash = createHash('sha256').update(place).digest('hex').slice(0, 6);
  return `${name.slice(0, LONGEST_NAME - 7)}_${hash}`;
}

function nameAfter(file: string | undefined): string {
  const stem = basename(file ?? '', extname(file ?? ''));
  const name = stem.toLowerCase().replaceAll(/[^a-z0-9_]/g, '_');
  return /^[a-z]/.test(name) ? name.slice(0, LONGEST_NAME) : 'app';
}

const NO_IPV6 =
  'this machine has no IPv6, and a server that is told to listen on it would not start: it is left out; --ipv6 prints it';

/** A server that is told to listen on an IPv6 address does not start where the kernel has none. */
function hasIpv6(): boolean {
  return process.platform !== 'linux' || existsSync('/proc/net/if_inet6');
}

/** PATH for programs that the front end starts: node and postern may be in a user's own folder. */
function searchPath(): string {
  const own = [ownCommand(), process.execPath].map((file) => dirname(file));
  return [...new Set([...own, '/usr/local/bin', '/usr/bin', '/bin'])].join(delimiter);
}

/** The path of the command `postern`; in a checkout that of the script. */
function ownCommand(): string {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(isAbsolute);
  const commands = folders.map((folder) => join(folder, 'postern'));
  return commands.find((command) => existsSync(command)) ?? process.argv[1]!;
}

/** `app.conf`, `app.service`. */
function outputName(file: string, name: string): string {
  if (file.startsWith('docker/')) return 'Dockerfile';
  return file.startsWith('caddy/') ? `${name}.caddyfile` : name + extname(file);
}

function writeNew(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: 'wx' });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === 'EEXIST' ? 'it exists already' : message;
    throw new UsageError(`cannot write ${path}: ${reason}`, { cause: error });
  }
  process.stderr.write(`${path}\n`);
}

/** The comment at the beginning of a configuration, without `#`. */
function headerOf(text: string): string {
  const lines = text.split('\n');
  const end = lines.findIndex((line) => !line.startsWith('#'));
  return lines
    .slice(0, end)
    .map((line) => `${line.replace(/^# ?/, '')}\n`)
    .join('');
}
