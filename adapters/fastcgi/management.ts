/** Answers of the gateway itself: to management records (§ 4), and to requests that the application never sees. */

import { statusLine } from '../../src/response/status.ts';
import * as fcgi from './constants.ts';
import type { Gateway } from './gateway.ts';
import { encodePairs, findNames } from './params.ts';
import { encodeEndRequest, encodeRecord, encodeUnknownType } from './record.ts';

/**
 * The answer to a management record (§ 4).
 *
 * @throws {ProtocolError} for malformed pairs in GET_VALUES, or too many of them
 */
export function answerManagement(type: number, content: Buffer, gateway: Gateway): string {
  if (type !== fcgi.FCGI_GET_VALUES) return encodeUnknownType(type);
  const asked = findNames(content, VALUES, MAX_NAMES);
  const known = announcedValues(gateway).filter(([name]) => asked.has(name));
  return encodeRecord(fcgi.FCGI_GET_VALUES_RESULT, fcgi.FCGI_NULL_REQUEST_ID, encodePairs(known));
}

/** Whether a front end asks for FCGI_MPXS_CONNS: then it is going to multiplex requests. */
export function asksForMultiplexing(type: number, content: Buffer): boolean {
  return type === fcgi.FCGI_GET_VALUES && content.includes(fcgi.FCGI_MPXS_CONNS);
}

/** The variables of the specification (§ 4.1). */
const VALUES: ReadonlySet<string> = new Set([
  fcgi.FCGI_MAX_CONNS,
  fcgi.FCGI_MAX_REQS,
  fcgi.FCGI_MPXS_CONNS,
]);
/** Names that one GET_VALUES may ask for. Only three are defined. */
const MAX_NAMES = 32;

/**
 * The announced values are those that are enforced. HAProxy is the only front end that asks. It takes MAX_REQS for a
 * limit of the connection on which it asks, and MPXS_CONNS for 0 if MAX_REQS is missing.
 */
function announcedValues({ limits, options }: Gateway): [name: string, value: string][] {
  const requests = Math.min(
    limits.maxConcurrentRequests,
    limits.maxConcurrentRequestsPerConnection,
  );
  return [
    [fcgi.FCGI_MAX_CONNS, announce(limits.maxConnections)],
    [fcgi.FCGI_MAX_REQS, announce(requests)],
    [fcgi.FCGI_MPXS_CONNS, options.multiplex === false ? '0' : '1'],
  ];
}

/** Infinity is announced as the number of request ids. */
function announce(limit: number): string {
  return String(Math.min(limit, 0xffff));
}

/**
 * GET_VALUES_RESULT with FCGI_MAX_REQS 0, sent without a GET_VALUES. It tells a front end that has asked before to send
 * no further requests on this connection. HAProxy then opens another one, and the requests of this one go on.
 */
export function encodeNoMoreRequests(): string {
  const none = encodePairs([[fcgi.FCGI_MAX_REQS, '0']]);
  return encodeRecord(fcgi.FCGI_GET_VALUES_RESULT, fcgi.FCGI_NULL_REQUEST_ID, none);
}

/**
 * The response to a request that the application never sees.
 *
 * It is a whole response: END_REQUEST alone, with any status, gives an empty page behind Apache and no answer behind
 * HAProxy. It ends with REQUEST_COMPLETE: after OVERLOADED or UNKNOWN_ROLE (§ 5.5) HAProxy cuts off all other requests
 * of the connection.
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
