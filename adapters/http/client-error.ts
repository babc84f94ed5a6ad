/** Errors of node:http's parser, and the answers to them. */

import { asEnviron, createEnviron } from '../../src/environ/environ.ts';
import { MAX_REQUEST_LINE_SIZE } from '../../src/limits.ts';
import type { AccessEntry, HeaderList } from '../../src/types.ts';

/** An error of node:http's parser, or of its time limits. */
export interface ClientError extends NodeJS.ErrnoException {
  reason?: string;
  rawPacket?: Buffer;
}

/** Whether the client has left. Otherwise it has sent something wrong. */
export function isDisconnect(error: ClientError): boolean {
  return error.code === 'HPE_INVALID_EOF_STATE' || !/^(?:HPE_|ERR_HTTP_)/.test(error.code ?? '');
}

/** Status and log line for an error of the parser. */
export function describeClientError(error: ClientError): [status: string, message: string] {
  const message = error.reason ?? error.message;
  switch (error.code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return [
        '408 Request Timeout',
        'the request took longer than headersTimeout or requestTimeout',
      ];
    case 'HPE_HEADER_OVERFLOW':
      return ['431 Request Header Fields Too Large', 'more than maxHeaderSize'];
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return ['413 Content Too Large', message];
    case 'HPE_PAUSED_H2_UPGRADE':
      return ['505 HTTP Version Not Supported', 'HTTP/2 without TLS'];
    default:
      return [
        '400 Bad Request',
        isTlsHello(error.rawPacket) ? TLS_HINT : `${error.code}: ${message}`,
      ];
  }
}

/** The answer to a faulty request. */
export interface Refusal {
  status: string;
  headers: HeaderList;
  body: string;
}

export function createRefusal(status: string): Refusal {
  const body = `${status.slice(4)}\n`;
  const headers: HeaderList = [
    ['Content-Type', 'text/plain; charset=utf-8'],
    ['Content-Length', String(body.length)],
  ];
  return { status, headers, body };
}

/** A whole response. It is written to the socket directly, because node:http has no response for a faulty request. */
export function formatRefusal({ status, headers, body }: Refusal): string {
  return formatLastHead(status, headers) + body;
}

/** The head of a response that is written to the socket directly, and ends the connection. */
export function formatLastHead(status: string, headers: HeaderList): string {
  const fields = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const date = new Date().toUTCString();
  return `HTTP/1.1 ${status}\r\nDate: ${date}\r\nConnection: close\r\n${fields}\r\n`;
}

/**
 * The entry of a faulty request in the access log. Of the request there is at most its first line.
 *
 * @param variables of the peer: names and values in turn
 * @param packet what the parser has failed on, if it begins with the request
 */
export function refusalEntry(
  { status, headers, body }: Refusal,
  variables: readonly string[],
  packet: Buffer | undefined,
): AccessEntry {
  const environ = createEnviron({ signal: AbortSignal.abort() });
  for (let i = 0; i < variables.length; i += 2) environ[variables[i]!] = variables[i + 1];
  const line = packet?.toString('latin1', 0, MAX_REQUEST_LINE_SIZE).split(/\r?\n/, 1)[0] ?? '';
  const [, method = '-', uri = '-', protocol = '-'] =
    /^([A-Z]+) (\S+) (HTTP\/\d\.\d)$/.exec(line) ?? [];
  environ['REQUEST_METHOD'] = method;
  environ['REQUEST_URI'] = uri;
  environ['SERVER_PROTOCOL'] = protocol;
  environ['postern.gateway'] = 'http';
  return {
    environ: asEnviron(environ),
    status,
    bytes: body.length,
    startedAt: Date.now(),
    duration: 0,
    headers,
  };
}

const TLS_HINT =
  'a TLS hello on a plain HTTP port: should the URL begin with http:// instead of https://?';

/** RFC 8446 § 5.1: a handshake record, of any TLS version. */
function isTlsHello(bytes: Buffer | undefined): boolean {
  return bytes !== undefined && bytes[0] === 22 && bytes[1] === 3;
}
