/** The gateways of one process. They share an application and its settings, and are stopped together. */

import { formatAddress } from '../../sockets/address.ts';
import type { Address } from '../../sockets/address.ts';
import { createLog } from '../../logging/log.ts';
import type { Server, ServerOptions } from '../../listening/server.ts';
import type { Application, ErrorStream, GatewayOptions } from '../../types.ts';
import { openAccessLog } from '../log/access-log.ts';
import { gatewayOptions } from '../options/gateway-options.ts';
import type { LogFile } from '../log/file.ts';
import { WrongUsage } from '../options/option.ts';
import type { Settings } from '../options/options.ts';
import { SERVERS } from '../registry.ts';
import type { ServerName } from '../registry.ts';

/** A gateway and where it listens. */
export interface Listener {
  readonly gateway: ServerName;
  readonly address: Address;
}

/** The running gateways and their access log. */
export class Gateways {
  /** The file of the access log, if it goes to a file. */
  readonly accessLogFile: LogFile | undefined;
  readonly #application: Application;
  readonly #options: GatewayOptions & Omit<ServerOptions, 'listen'>;
  readonly #tls: { readonly certFile: string; readonly keyFile: string | undefined } | undefined;
  readonly #servers: Server[] = [];

  /**
   * @param more options of the gateways that are not in the settings
   * @throws {UsageError} when the access log cannot be opened
   */
  constructor(
    application: Application,
    settings: Settings,
    more: { readonly errors?: ErrorStream } = {},
  ) {
    const accessLog = openAccessLog(settings);
    const log = createLog(settings.logLevel);
    this.accessLogFile = accessLog?.file;
    this.#application = application;
    this.#options = {
      ...gatewayOptions(settings),
      ...(settings.errorPage === undefined && isDevelopment() && { errorPage: true }),
      ...more,
      accessLog: accessLog?.log,
      log,
    };
    const { cert: certFile, key: keyFile } = settings;
    this.#tls = certFile === undefined ? undefined : { certFile, keyFile };
  }

  /** @throws {UsageError} when it cannot listen */
  async start(gateway: ServerName, listen: ServerOptions['listen']): Promise<Server> {
    const run = await SERVERS[gateway]();
    const tls = gateway === 'http' && this.#tls !== undefined ? { tls: this.#tls } : {};
    const server = await run(this.#application, { ...this.#options, ...tls, listen });
    this.#servers.push(server);
    return server;
  }

  /** Requests that still run. */
  get running(): number {
    // A gateway of another library does not count them.
    const counts = this.#servers.map((server) => (server as { running?: number }).running ?? 0);
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /**
   * Stops all of them gracefully.
   *
   * @param timeout seconds to wait for requests in flight
   */
  async stop(timeout: number): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close({ timeout: timeout * 1000 })));
    await this.accessLogFile?.close();
  }
}

/** Whether this is development: at a terminal, and NODE_ENV is not `production`. */
export function isDevelopment(): boolean {
  return process.stderr.isTTY && process.env['NODE_ENV'] !== 'production';
}

/** @throws {WrongUsage} for settings that do not fit the gateways, and for an address that is given twice */
export function checkListeners(listeners: readonly Listener[], settings: Settings): void {
  const taken = new Map<string, ServerName>();
  for (const { gateway, address } of listeners) {
    if ('port' in address && address.port === 0) continue;
    const where = formatAddress(address);
    const other = taken.get(where);
    if (other !== undefined)
      throw new WrongUsage(`${where} is given twice: --${other} and --${gateway}`);
    taken.set(where, gateway);
  }
  if (settings.key !== undefined && settings.cert === undefined)
    throw new WrongUsage('--key is the key of a certificate: --cert is missing');
  if (settings.cert !== undefined && !listeners.some(({ gateway }) => gateway === 'http'))
    throw new WrongUsage('--cert is for HTTP, which is not served: --http is missing');
}
