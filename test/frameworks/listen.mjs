/**
 * Preloaded into the test suite of a framework (`node --import`): what calls `listen()` of an http.Server is served by a
 * gateway of postern instead. GATEWAY says which; run.mjs has the list.
 *
 * @import { AddressInfo } from 'node:net'
 * @import { RunningServer, ServeOptions } from './types.ts'
 */

import { mkdirSync, rmSync } from 'node:fs';
import http from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { runWithFastCgi } from '../../dist/adapters/fastcgi/index.js';
import { runWithHttp } from '../../dist/adapters/http/index.js';
import { fromNode } from '../../dist/src/index.js';

const { GATEWAY, SLOTS = '', SLOT_COUNT, FIRST_PORT } = process.env;

/** A port of nginx, and the socket to which it passes requests, for this process alone until it ends. */
function takeSlot() {
  for (let slot = 0; slot < Number(SLOT_COUNT); slot++) {
    const folder = join(SLOTS, String(slot));
    try {
      mkdirSync(folder);
    } catch {
      continue; // taken
    }
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    return { port: Number(FIRST_PORT) + slot, path: join(folder, 'socket') };
  }
  throw new Error('all ports of nginx are taken');
}

/** @type {ReturnType<typeof takeSlot>[]} */
const free = [];
const slotOf = () => free.pop() ?? takeSlot();

/**
 * Serves what a server has listeners for.
 *
 * @param {http.Server} server
 * @returns {[application: ReturnType<typeof fromNode>, log: ServeOptions]}
 */
function serving(server) {
  const application = fromNode((request, response) => server.emit('request', request, response));
  return [application, { log: { error() {}, warn() {}, info() {}, debug() {} } }];
}

const { listen: nativeListen, close: nativeClose } = http.Server.prototype;

/** Each starts a server, on a port that it can choose; the one that is wanted is 0 for any. @type {Record<string, (server: http.Server, wanted: number) => RunningServer>} */
const GATEWAYS = {
  /** node:http, behind the same nginx. */
  nginx(server) {
    const slot = slotOf();
    nativeListen.call(server, slot.path);
    return { port: slot.port, release: () => free.push(slot), gateway: undefined };
  },
  /** The port is bound at once: suites ask for it as soon as listen() has returned. */
  http(server, wanted) {
    const accepting = createServer({ allowHalfOpen: true }).listen(wanted);
    const bound = /** @type {AddressInfo} */ (accepting.address());
    const listen = {
      bound,
      /** @param {(socket: import('node:net').Socket) => void} accept */
      open: (accept) => void accepting.on('connection', accept),
      close: () => void accepting.close(),
    };
    const [application, options] = serving(server);
    return { port: bound.port, gateway: runWithHttp(application, { ...options, listen }) };
  },
  fastcgi(server) {
    const slot = slotOf();
    const [application, options] = serving(server);
    const gateway = runWithFastCgi(application, { ...options, listen: `unix:${slot.path}` });
    return { port: slot.port, release: () => free.push(slot), gateway };
  },
};

/** @type {WeakMap<http.Server, RunningServer>} */
const running = new WeakMap();

/**
 * @this {http.Server}
 * @param {unknown[]} args
 */
function listen(...args) {
  const callback = /** @type {(() => void) | undefined} */ (
    args.find((arg) => typeof arg === 'function')
  );
  if (callback !== undefined) this.once('listening', callback);
  const started = /** @type {NonNullable<typeof GATEWAYS[string]>} */ (GATEWAYS[GATEWAY ?? ''])(
    this,
    typeof args[0] === 'number' ? args[0] : 0,
  );
  running.set(this, started);
  Object.defineProperty(this, 'listening', { value: true, configurable: true });
  this.address = () => ({ address: '127.0.0.1', family: 'IPv4', port: started.port });
  started.gateway?.then(
    () => this.emit('listening'),
    (error) => this.emit('error', error),
  );
  return this;
}

/**
 * @this {http.Server}
 * @param {((error?: Error) => void)} [callback]
 */
function close(callback) {
  const started = running.get(this);
  if (started === undefined) return nativeClose.call(this, callback);
  running.delete(this);
  Reflect.deleteProperty(this, 'listening');
  this.address = () => null; // node:http's own tells the path of the socket
  const closed = () => {
    started.release?.();
    if (started.gateway !== undefined) this.emit('close');
    callback?.();
  };
  if (started.gateway === undefined) nativeClose.call(this, closed);
  else started.gateway.then((server) => server.close({ timeout: 1000 })).finally(closed);
  return this;
}

if (GATEWAY !== 'plain') Object.assign(http.Server.prototype, { listen, close });
