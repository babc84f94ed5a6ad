/** What a connection answers by itself: management records, and requests that are not taken. */

import { statusLine } from '../../src/response/status.ts';
import * as fcgi from './constants.ts';
import type { Gateway } from './gateway.ts';
import { encodePairs, findNames } from './params.ts';
import { encodeEndRequest, encodeRecord, encodeUnknownType } from './record.ts';

/**
 * The answer to a management record (§ 4).
 *
 * @throws {ProtocolError} for malformed pairs in GET_VALUES, and for more than anyone asks for
 */
export function answerManagement(type: number, content: Buffer, gateway: Gateway): string {
  if (type !== fcgi.FCGI_GET_VALUES) return encodeUnknownType(type);
  const asked = findNames(content, VALUES, MAX_ASKED);
  const known = announcedValues(gateway).filter(([name]) => asked.has(name));
  return encodeRecord(fcgi.FCGI_GET_VALUES_RESULT, fcgi.FCGI_NULL_REQUEST_ID, encodePairs(known));
}

/** Whether a front end asks whether a connection may be shared, which it is going to do then. */
export function isAboutMultiplexing(type: number, content: Buffer): boolean {
  return type === fcgi.FCGI_GET_VALUES && content.includes(fcgi.FCGI_MPXS_CONNS);
}

/** The values that there are (§ 4.1). */
const VALUES: ReadonlySet<string> = new Set([
  fcgi.FCGI_MAX_CONNS,
  fcgi.FCGI_MAX_REQS,
  fcgi.FCGI_MPXS_CONNS,
]);
/** Values that one record may ask for: there are three. */
const MAX_ASKED = 32;

/**
 * What is announced is what is enforced. The one front end that asks, HAProxy, takes MAX_REQS for a limit of
 * the connection on which it asks, and MPXS_CONNS for 0 unless MAX_REQS is there.
 */
function announcedValues({ limits, options }: Gateway): [name: string, value: string][] {
  const requests = Math.min(limits.maxRequests, limits.maxRequestsPerConnection);
  return [
    [fcgi.FCGI_MAX_CONNS, announce(limits.maxConnections)],
    [fcgi.FCGI_MAX_REQS, announce(requests)],
    [fcgi.FCGI_MPXS_CONNS, options.multiplex === false ? '0' : '1'],
  ];
}

/** No limit is announced as the number of request ids that there are. */
function announce(limit: number): string {
  return String(Math.min(limit, 0xffff));
}

/**
 * Tells a front end that has asked for the limits of this connection that no further requests are taken on it: an
 * answer that it has not asked for. HAProxy opens another connection then, and the requests of this one go on.
 */
export function encodeNoMoreRequests(): string {
  const none = encodePairs([[fcgi.FCGI_MAX_REQS, '0']]);
  return encodeRecord(fcgi.FCGI_GET_VALUES_RESULT, fcgi.FCGI_NULL_REQUEST_ID, none);
}

/**
 * The response to a request that the application never sees. A real one: END_REQUEST alone, whatever its status, is
 * an empty page behind Apache, and no answer at all behind HAProxy. Nor may it say OVERLOADED or UNKNOWN_ROLE behind a
 * response (§ 5.5): HAProxy then cuts off all other requests of the connection.
 */
export function encodeRefusal(id: number, code: number): string {
  const status = statusLine(code);
  const response = `Content-Type: text/plain; charset=utf-8\r\nStatus: ${status}\r\n\r\n${status}\n`;
  return (
    encodeRecord(fcgi.FCGI_STDOUT, id, response) +
    encodeRecord(fcgi.FCGI_STDOUT, id, '') +
    encodeEndRequest(id, fcgi.FCGI_REQUEST_COMPLETE)
  );
}
