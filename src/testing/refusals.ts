/** Requests that a front end refuses before any application sees them, with the statuses of the HTTP gateway. */

import { METHODS } from 'node:http';

import { RequestError } from '../errors.ts';
import type { HeaderList } from '../types.ts';
import { isHost } from '../uri/host.ts';
import { unquotePath } from '../uri/percent.ts';

/**
 * @returns PATH_INFO and QUERY_STRING
 * @throws {RequestError} for a method that no HTTP server knows, and for an invalid target
 */
export function parseTarget(method: string, target: string): { path: string; query: string } {
  if (!METHODS.includes(method)) throw badRequest(`method ${JSON.stringify(method)}`);
  if (target === '*' && method === 'OPTIONS') return { path: '', query: '' };
  const question = target.indexOf('?');
  const path = question < 0 ? target : target.slice(0, question);
  const query = question < 0 ? '' : target.slice(question + 1);
  const isValid = path.startsWith('/') && !target.includes('#');
  if (!isValid || /%(?![0-9A-Fa-f]{2})|%00/.test(path)) {
    throw badRequest(`request target ${JSON.stringify(target.slice(0, 100))}`);
  }
  return { path: unquotePath(path), query };
}

/** @throws {RequestError} for a Host, a Transfer-Encoding or an expectation that cannot be served */
export function checkHeaders(headers: HeaderList): void {
  const valuesOf = (wanted: string): string[] =>
    headers.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value);
  const hosts = valuesOf('host');
  if (hosts.length > 1) throw badRequest('more than one Host');
  if (!hosts.every(isHost)) throw badRequest(`invalid Host ${JSON.stringify(hosts[0])}`);
  const coding = valuesOf('transfer-encoding').join(', ');
  const lengths = valuesOf('content-length').length;
  if (lengths > 1) throw badRequest('more than one Content-Length');
  if (coding !== '' && lengths > 0) throw badRequest('Content-Length and Transfer-Encoding');
  if (coding !== '' && coding.toLowerCase() !== 'chunked') {
    throw new RequestError('501 Not Implemented', `Transfer-Encoding ${JSON.stringify(coding)}`);
  }
  const expect = valuesOf('expect').join(', ');
  if (expect !== '' && expect.toLowerCase() !== '100-continue') {
    throw new RequestError('417 Expectation Failed', `Expect ${JSON.stringify(expect)}`);
  }
}

function badRequest(message: string): RequestError {
  return new RequestError('400 Bad Request', message);
}
