/**
 * A server as its package has installed it: its own folders, its own site, its own ports, in namespaces in which changes and
 * processes end with the script. The machine stays as it is.
 */
import { spawnSync } from 'node:child_process';

import { isRoot } from './launch.ts';

/** Mount, network and PID namespaces are made by root, and not in every container. */
export const canIsolate =
  isRoot && spawnSync('unshare', [...namespaces(), 'true'], { stdio: 'ignore' }).status === 0;

function namespaces(): string[] {
  return ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
}

/** What a script has written, and how it has ended. */
export interface StockResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a script of the shell, which ends with its first failure.
 *
 * @param folders of the machine, of which the script gets copies; others that it is to write to are empty
 * @param script in it `until_up COMMAND` waits until a command succeeds
 * @param path the PATH in which it finds postern and node
 */
export function runOnStock(
  folders: { readonly copied: readonly string[]; readonly empty: readonly string[] },
  script: string,
  path: string,
): StockResult {
  const copies = folders.copied.map(
    (folder, i) => `cp -a ${folder} /mnt/${i}; mount --bind /mnt/${i} ${folder}`,
  );
  const prelude = `
mount -t tmpfs -o mode=755 tmpfs /mnt
${copies.join('\n')}
${folders.empty.map((folder) => `mount -t tmpfs -o mode=755 tmpfs ${folder}`).join('\n')}
ip link set lo up
until_up() { for i in $(seq 300); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done; echo "gave up: $*" >&2; exit 1; }
`;
  return spawnSync('unshare', [...namespaces(), 'sh', '-euc', prelude + script], {
    encoding: 'utf8',
    env: { PATH: `${path}:/usr/sbin:/sbin` },
    timeout: 60_000,
  });
}
