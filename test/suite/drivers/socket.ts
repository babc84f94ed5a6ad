/** SCGI and uwsgi without a web server: a connection for each request. */

import { openSocket } from '../socket-client.ts';
import type { Driver, SuiteRequest, Wire } from '../types.ts';
import { cgiPairs } from '../variables.ts';
import { startGateway } from './gateway.ts';

export const scgiDriver = driver('scgi', {}, 'cgi', encodeScgi);
export const uwsgiDriver = driver('uwsgi', {}, 'http', encodeUwsgi);

/** `length ":" name NUL value NUL … ","`, CONTENT_LENGTH first and always there. */
export function encodeScgi(request: SuiteRequest): Buffer {
  const all = cgiPairs(request);
  const length = all.find(([name]) => name === 'CONTENT_LENGTH') ?? ['CONTENT_LENGTH', '0'];
  const pairs = [length, ['SCGI', '1'], ...all.filter((pair) => pair !== length)];
  const headers = pairs.map(([name, value]) => `${name}\0${value}\0`).join('');
  return Buffer.from(`${headers.length}:${headers},`, 'latin1');
}

/** `modifier1 (1) | datasize (2, little endian) | modifier2 (1)`, then lengths and strings of the same kind. */
export function encodeUwsgi(request: SuiteRequest): Buffer {
  const strings = cgiPairs(request).flat();
  const parts = strings.flatMap((text) => [uint16(text.length), Buffer.from(text, 'latin1')]);
  const variables = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(0), uint16(variables.length), Buffer.of(0), variables]);
}

function uint16(value: number): Buffer {
  return Buffer.of(value & 0xff, value >> 8);
}

function driver(
  gateway: 'scgi' | 'uwsgi',
  cannot: Driver['cannot'],
  style: Wire['style'],
  encode: (request: SuiteRequest) => Buffer,
): Driver {
  return {
    name: `${gateway === 'scgi' ? 'SCGI' : gateway}, bare`,
    gateway,
    cannot,
    async start(application) {
      const process = await startGateway(gateway, application);
      return {
        open: (request) => openSocket(process.port, style, encode(request), false, request),
        logs: () => [process.log()],
        stop: () => process.stop(),
      };
    },
  };
}
