/** The CGI variables of an HTTP request (RFC 3875 § 4.1), with the values that front ends give them. */

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

import { SERVER_SOFTWARE } from '../../src/handler/handler-hooks.ts';
import { addVariable, setVariable, splitPort } from '../../src/environ/environ.ts';
import type { Variables } from '../../src/environ/environ.ts';
import { LimitError, RequestError } from '../../src/errors.ts';
import { toList } from '../../src/options.ts';
import { createForwarding } from '../../src/environ/forwarded/forwarding.ts';
import type { Forwarding } from '../../src/environ/forwarded/forwarding.ts';
import { plainAddress } from '../../src/environ/forwarded/node.ts';
import { isHost } from '../../src/uri/host.ts';
import { createVariableNamer, isOfConnection } from './header-names.ts';
import type { HttpLimits, HttpOptions } from './options.ts';
import { parseTarget } from './target.ts';

/** What is the same for all requests of a connection. */
export interface Peer {
  /** Its CGI variables: names and values in turn. */
  variables: string[];
  /** Whether the peer is a trusted proxy. */
  trusted: boolean;
  /** The last valid Host: clients repeat it, and it need not be checked again. */
  host: string | undefined;
  /** SERVER_NAME for that Host. */
  serverName: string;
}

/** Adds the variables of requests to their environs. */
export class EnvironBuilder {
  /** The variable of a header; `''` if it has none. */
  readonly variableOf: (header: string) => string;
  readonly #forwarding: Forwarding | undefined;
  readonly #limits: HttpLimits;

  /** @throws {UsageError} for an option that cannot be used */
  constructor(options: HttpOptions, limits: HttpLimits) {
    this.variableOf = createVariableNamer(
      toList('underscoreHeaders', options.underscoreHeaders ?? []),
    );
    this.#forwarding = createForwarding(options);
    this.#limits = limits;
  }

  /** Describes the peer of a connection. Called once. */
  describePeer(socket: Socket): Peer {
    const variables = ['SERVER_SOFTWARE', SERVER_SOFTWARE, 'GATEWAY_INTERFACE', 'CGI/1.1'];
    // On an IPv6 socket an IPv4 address looks like ::ffff:192.0.2.1.
    const { remoteAddress } = socket;
    const address = remoteAddress === undefined ? undefined : plainAddress(remoteAddress);
    if (address !== undefined) {
      variables.push('REMOTE_ADDR', address, 'REMOTE_PORT', String(socket.remotePort));
      variables.push('SERVER_ADDR', plainAddress(socket.localAddress!));
      variables.push('SERVER_PORT', String(socket.localPort));
    }
    if ((socket as Partial<TLSSocket>).encrypted === true) variables.push('HTTPS', 'on');
    return {
      variables,
      trusted: this.#forwarding?.trusts(address) === true,
      host: undefined,
      serverName: '',
    };
  }

  /**
   * Adds the variables of a request.
   *
   * @returns whether a header was dropped that is not one of the connection
   * @throws {RequestError} for a request that must not reach the application
   */
  add(environ: Variables, request: IncomingMessage, peer: Peer): boolean {
    const { variables } = peer;
    for (let i = 0; i < variables.length; i += 2) environ[variables[i]!] = variables[i + 1];
    const method = request.method!;
    environ['REQUEST_METHOD'] = method;
    if (request.httpVersionMajor !== 1) {
      throw new RequestError('505 HTTP Version Not Supported', `HTTP/${request.httpVersion}`);
    }
    environ['SERVER_PROTOCOL'] = request.httpVersionMinor === 0 ? 'HTTP/1.0' : 'HTTP/1.1';
    const hasDropped = this.#addHeaders(environ, request.rawHeaders);
    checkHost(environ, peer);
    checkTransfer(environ);
    this.#addTarget(environ, method, request.url!);
    if (peer.trusted) this.#forwarding!.apply(environ, request.rawHeaders);
    else this.#forwarding?.drop(environ);
    if (environ['HTTP_HOST'] === peer.host) environ['SERVER_NAME'] = peer.serverName;
    return hasDropped;
  }

  #addHeaders(environ: Variables, raw: string[]): boolean {
    const { maxHeaders } = this.#limits;
    if (raw.length > 2 * maxHeaders) {
      throw new LimitError('maxHeaders', `more than maxHeaders (${maxHeaders})`, TOO_LARGE);
    }
    let hosts = 0;
    let hasDropped = false;
    for (let i = 0; i < raw.length; i += 2) {
      const variable = this.variableOf(raw[i]!);
      if (variable === 'HTTP_HOST' && ++hosts > 1) throw badRequest('more than one Host');
      const value = raw[i + 1]!;
      // variableOf has dropped the names that are unwanted with any value. Only empty values need another look.
      if (variable === '') hasDropped ||= !isOfConnection(raw[i]!);
      else if (value === '') addEmpty(environ, variable, raw);
      else setVariable(environ, variable, value);
    }
    return hasDropped;
  }

  #addTarget(environ: Variables, method: string, url: string): void {
    const { maxRequestLineSize } = this.#limits;
    if (method.length + url.length + ' HTTP/1.1 '.length > maxRequestLineSize) {
      const message = `longer than maxRequestLineSize (${maxRequestLineSize})`;
      throw new LimitError('maxRequestLineSize', message, '414 URI Too Long');
    }
    if (method === 'CONNECT') throw new RequestError('501 Not Implemented', `CONNECT ${url}`);
    const target = parseTarget(method, url);
    environ['REQUEST_URI'] = target.uri;
    environ['PATH_INFO'] = target.path;
    environ['QUERY_STRING'] = target.query;
    if (target.authority !== undefined) {
      if (!isHost(target.authority)) throw badRequest(`invalid host in ${JSON.stringify(url)}`);
      environ['HTTP_HOST'] = target.authority; // replaces Host (RFC 9112 § 3.2.2)
    }
  }
}

const TOO_LARGE = '431 Request Header Fields Too Large';

/** Adds a header with an empty value. An empty Content-Type counts as a second one. */
function addEmpty(environ: Variables, variable: string, raw: readonly string[]): void {
  if (variable === 'CONTENT_TYPE') {
    const names = raw.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
    if (names.indexOf('content-type') !== names.lastIndexOf('content-type')) {
      throw badRequest('CONTENT_TYPE comes with two values');
    }
  }
  addVariable(environ, variable, '');
}

/** Checks Transfer-Encoding and Expect, as far as node:http's parser does not. */
function checkTransfer(environ: Variables): void {
  const coding = environ['HTTP_TRANSFER_ENCODING'] as string | undefined;
  if (coding !== undefined) {
    // RFC 9112 § 6.1: HTTP/1.0 has no Transfer-Encoding, so the framing is faulty.
    if (environ['SERVER_PROTOCOL'] === 'HTTP/1.0')
      throw badRequest('Transfer-Encoding in HTTP/1.0');
    if (coding.toLowerCase() !== 'chunked') {
      throw new RequestError('501 Not Implemented', `Transfer-Encoding ${JSON.stringify(coding)}`);
    }
  }
  const expect = environ['HTTP_EXPECT'] as string | undefined;
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') {
    throw new RequestError('417 Expectation Failed', `Expect ${JSON.stringify(expect)}`);
  }
}

/** RFC 9112 § 3.2: a missing Host in HTTP/1.1, or an invalid one, must be refused. */
function checkHost(environ: Variables, peer: Peer): void {
  const host = environ['HTTP_HOST'] as string | undefined;
  if (host === peer.host && host !== undefined) return;
  if (host === undefined) {
    if (environ['SERVER_PROTOCOL'] !== 'HTTP/1.0') throw badRequest('no Host header');
  } else if (!isHost(host)) {
    throw badRequest(`invalid Host ${JSON.stringify(host.slice(0, 200))}`);
  } else {
    peer.host = host;
    peer.serverName = splitPort(host)[0];
  }
}

function badRequest(message: string): RequestError {
  return new RequestError('400 Bad Request', message);
}
