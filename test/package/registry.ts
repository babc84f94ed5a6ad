/** A registry for npm on this machine: it has what postern runs with, as it is installed here. Nothing else is asked. */

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, dirname, join } from 'node:path';

import { ROOT } from '../readme/markdown.ts';

/** A running registry. */
export interface Registry extends AsyncDisposable {
  /** For npm's option `registry`. */
  readonly url: string;
}

/** A package that is installed: its folder, and its package.json. */
interface Installed {
  readonly folder: string;
  readonly manifest: { readonly name: string; readonly version: string };
}

/** Starts it on a free port. */
export async function startRegistry(): Promise<Registry> {
  const packages = installedPackages();
  const server = createServer((request, response) => {
    const [name, version] = decodeURIComponent(request.url!.slice(1)).split('?')[0]!.split('//');
    const versions = packages.filter(({ manifest }) => manifest.name === name);
    const wanted = versions.find(({ manifest }) => manifest.version === version);
    if (wanted !== undefined) response.end(archive(wanted.folder));
    else if (versions.length > 0) response.end(JSON.stringify(describe(versions, url)));
    else response.writeHead(404).end(`{"error":"this registry has no ${name}"}`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return {
    url,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** What the lock file says is needed to run, and not only to develop. */
function installedPackages(): Installed[] {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
  };
  return Object.entries(lock.packages)
    .filter(([path, { dev }]) => path.startsWith('node_modules/') && dev !== true)
    .map(([path]) => join(ROOT, path))
    .map((folder) => ({
      folder,
      manifest: JSON.parse(
        readFileSync(join(folder, 'package.json'), 'utf8'),
      ) as Installed['manifest'],
    }));
}

/** All versions of a package, in the form that npm asks for. */
function describe(versions: readonly Installed[], url: string): object {
  const described = versions.map(({ manifest }) => {
    const { name, version } = manifest;
    const tarball = `${url}${encodeURIComponent(name)}//${version}`;
    return [version, { ...manifest, dist: { tarball } }] as const;
  });
  return {
    name: versions[0]!.manifest.name,
    'dist-tags': { latest: described.at(-1)![0] },
    versions: Object.fromEntries(described),
  };
}

/** The folder as npm wants it: a compressed tar archive with one folder at its top. */
function archive(folder: string): Buffer {
  const args = ['-czf', '-', '--exclude', 'node_modules', '-C', dirname(folder), basename(folder)];
  return execFileSync('tar', args, { maxBuffer: 1e8 });
}
