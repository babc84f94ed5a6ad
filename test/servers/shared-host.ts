/**
 * A shared host: Apache, of which a customer may change nothing but what he uploads. CGI programs are run
 * by suexec under the customer's account, with an environment that is all but empty.
 */
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

import { startApache } from './apache.ts';
import { isRoot, type RunningServer } from './launch.ts';
import { stagePackage } from './staging.ts';

/** Below this folder alone does suexec run programs, as Debian has set it up. */
const SUEXEC_ROOT = '/var/www';
const SUEXEC = '/usr/lib/apache2/suexec';
const SUEXEC_LOG = '/var/log/apache2/suexec.log';

/** The customer's account: suexec wants one that is not the web server's, with an id of 100 or more. */
export const CUSTOMER = { name: 'nobody', group: 'nogroup', uid: 65534, gid: 65534 };

/** Why there can be no shared host on this machine; undefined when there can. */
export function missingForSharedHost(): string | undefined {
  if (!isRoot) return 'suexec can be set up by root alone';
  return existsSync(SUEXEC) ? undefined : 'suexec is not installed';
}

/** A customer's home folder, to which files can be uploaded. */
export class Home {
  readonly folder: string;

  constructor() {
    mkdirSync(SUEXEC_ROOT, { recursive: true });
    this.folder = mkdtempSync(join(SUEXEC_ROOT, 'postern-'));
    chownSync(this.folder, CUSTOMER.uid, CUSTOMER.gid);
    chmodSync(this.folder, 0o755);
  }

  /** What a page calls `/home/me`, as it is here. */
  localize(text: string): string {
    return text.replaceAll('/home/me', this.folder);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** As with FTP: the file belongs to the customer, and its folders are made. */
  upload(name: string, content: string, mode = 0o644): void {
    this.#makeFolder(dirname(name));
    writeFileSync(this.path(name), content);
    chownSync(this.path(name), CUSTOMER.uid, CUSTOMER.gid);
    chmodSync(this.path(name), mode); // not subject to umask
  }

  /** The same for what is too large to be copied. */
  link(name: string, target: string): void {
    this.#makeFolder(dirname(name));
    symlinkSync(target, this.path(name));
    lchownSync(this.path(name), CUSTOMER.uid, CUSTOMER.gid);
  }

  #makeFolder(name: string): void {
    if (name === '.') return;
    this.#makeFolder(dirname(name));
    if (existsSync(this.path(name))) return;
    mkdirSync(this.path(name));
    chownSync(this.path(name), CUSTOMER.uid, CUSTOMER.gid);
    chmodSync(this.path(name), 0o755);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What the host's administrator has decided. */
export interface HostOptions {
  /** Whether `.htaccess` may hold everything. Default true. */
  readonly overrides?: boolean;
  /** Whether programs are run under the customer's account. Default true. */
  readonly suexec?: boolean;
  /** More directives of the administrator. */
  readonly directives?: string;
}

/** Starts the host of one customer, whose web space is `public_html`. */
export async function startSharedHost(
  home: Home,
  { overrides = true, suexec = true, directives = '' }: HostOptions = {},
): Promise<RunningServer> {
  const space = home.path('public_html');
  const begin = existsSync(SUEXEC_LOG) ? statSync(SUEXEC_LOG).size : 0;
  const server = await startApache({
    conf: 'apache/cgi.conf',
    values: {},
    modules: ['suexec', 'rewrite', 'mime', 'dir'],
    extra: 'TypesConfig /dev/null',
    text: (port) => `
<VirtualHost 127.0.0.1:${port}>
    ServerName localhost
    DocumentRoot "${space}"
    ${suexec ? `SuexecUserGroup ${CUSTOMER.name} ${CUSTOMER.group}` : ''}
    <Directory "${space}">
        Require all granted
        Options SymLinksIfOwnerMatch
        AllowOverride ${overrides ? 'All' : 'FileInfo'}
    </Directory>
    ${directives}
</VirtualHost>
`,
  });
  // suexec has a log of its own, which the host may or may not show to its customers.
  const errorLog = (): string => {
    const suexec = existsSync(SUEXEC_LOG) ? readFileSync(SUEXEC_LOG) : Buffer.alloc(0);
    return server.errorLog() + suexec.subarray(begin).toString();
  };
  return { ...server, errorLog };
}

/**
 * Uploads what the page asks for, apart from the program in the web space: node, postern, the application.
 *
 * @param modules the folder `node_modules` that has postern in it
 */
export function uploadApplication(home: Home, application: string, modules: string): void {
  home.link('node/bin/node', stagePackage().node);
  home.link('app/node_modules', modules);
  home.upload('app/app.mjs', application);
}
