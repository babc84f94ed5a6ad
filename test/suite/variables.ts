/** The CGI variables that a web server makes of a request (RFC 3875 § 4.1), for gateways without one. */

import type { SuiteRequest } from './types.ts';

/** @returns byte strings */
export function cgiVariables(request: SuiteRequest): Record<string, string> {
  const target = request.target ?? '/';
  const query = target.indexOf('?');
  const path = query < 0 ? target : target.slice(0, query);
  const variables: Record<string, string> = {
    GATEWAY_INTERFACE: 'CGI/1.1',
    SERVER_SOFTWARE: 'suite',
    SERVER_PROTOCOL: 'HTTP/1.1',
    SERVER_NAME: 'localhost',
    SERVER_PORT: '80',
    REMOTE_ADDR: '127.0.0.1',
    REQUEST_METHOD: request.method ?? 'GET',
    REQUEST_URI: target,
    SCRIPT_NAME: '',
    PATH_INFO: decodePath(path),
    QUERY_STRING: query < 0 ? '' : target.slice(query + 1),
    HTTP_HOST: 'localhost',
  };
  for (const [name, value] of requestHeaders(request)) {
    const key = name.toUpperCase().replaceAll('-', '_');
    if (key === 'CONTENT_TYPE' || key === 'CONTENT_LENGTH') variables[key] = value;
    else if (`HTTP_${key}` in variables) variables[`HTTP_${key}`] += `, ${value}`;
    else variables[`HTTP_${key}`] = value;
  }
  return variables;
}

/** Percent-decoding into bytes, not into text. */
function decodePath(path: string): string {
  return path.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(parseInt(hex, 16)),
  );
}

/** Headers of a request, with the length of its body. */
export function requestHeaders(request: SuiteRequest): [name: string, value: string][] {
  const headers = (request.headers ?? []).map(([name, value]): [string, string] => [name, value]);
  const declared = headers.some(([name]) => name.toLowerCase() === 'content-length');
  if (request.body !== undefined && !declared) {
    headers.push(['Content-Length', String(bodyOf(request).length)]);
  }
  return headers;
}

/** The bytes of a request's body; text is a byte string. */
export function bodyOf(request: SuiteRequest): Buffer {
  const body = request.body ?? '';
  return typeof body === 'string' ? Buffer.from(body, 'latin1') : Buffer.from(body);
}
