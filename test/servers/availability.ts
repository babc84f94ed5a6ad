/**
 * Which servers this machine has. A missing one is skipped in plain sight, with the reason in the
 * title; under CI it is a failure, because there it would mean that nobody tests it.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { describe } from 'vitest';

import { apacheModuleFolder, apacheModules } from './apache.ts';
import { findExecutable } from './launch.ts';

/** Executables by the name of the folder under `conf/`. */
const EXECUTABLES: Readonly<Record<string, string>> = {
  nginx: 'nginx',
  apache: 'apache2',
  haproxy: 'haproxy',
  lighttpd: 'lighttpd',
  caddy: 'caddy',
  systemd: 'systemd-analyze',
};

/**
 * Whether a server, or what a shipped file needs of it, is there: `'nginx'`, `'apache/fcgid.conf'`.
 * Any other name is that of a program: `'spawn-fcgi'`.
 */
export function serverAvailable(name: string): boolean {
  return missing(name) === undefined;
}

/**
 * `describe` for tests that need servers or programs.
 *
 * @param needs all that they start, each as for {@link serverAvailable}
 */
export function describeWithServer(
  needs: string | readonly string[],
  title: string,
  tests: () => void,
): void {
  const reason = firstMissing(needs);
  describe.skipIf(reason !== undefined)(reason ? `${title} (skipped: ${reason})` : title, tests);
}

/** @throws {Error} under CI, when something is missing */
function firstMissing(needs: string | readonly string[]): string | undefined {
  const reason = [needs]
    .flat()
    .map(missing)
    .find((text) => text !== undefined);
  if (reason !== undefined && process.env.CI === 'true') {
    throw new Error(`${reason}; test/servers/install.sh installs it`);
  }
  return reason;
}

/** What is not there, in words; undefined when everything is. */
function missing(name: string): string | undefined {
  const server = name.split('/', 1)[0]!;
  const executable = EXECUTABLES[server] ?? name;
  if (!findExecutable(executable)) return `${executable} is not installed`;
  if (server !== 'apache') return undefined;
  const folder = apacheModuleFolder();
  if (!folder) return 'the modules of Apache are not installed';
  const absent = apacheModules({ conf: name, values: {} }).filter(
    (module) => !existsSync(join(folder, `mod_${module}.so`)),
  );
  return absent.length > 0 ? `Apache's mod_${absent.join(', mod_')} is not installed` : undefined;
}
