/** The CGI variables that a web server makes of a request (RFC 3875 § 4.1), for gateways without one. */

import type { SuiteRequest } from './types.ts';

/** What a web server makes of them that joins the values of a header. @returns byte strings */
export function cgiVariables(request: SuiteRequest): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [name, value] of cgiPairs(request)) {
    const present = name.startsWith('HTTP_') ? variables[name] : undefined;
    variables[name] = present === undefined ? value : `${present}, ${value}`;
  }
  return variables;
}

/** The same as a web server sends it that leaves a header that is repeated as it is. @returns byte strings */
export function cgiPairs(request: SuiteRequest): [name: string, value: string][] {
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
  const headers = requestHeaders(request).map(([name, value]): [string, string] => {
    const key = name.toUpperCase().replaceAll('-', '_');
    const isContent = key === 'CONTENT_TYPE' || key === 'CONTENT_LENGTH';
    return [isContent ? key : `HTTP_${key}`, value];
  });
  return [...Object.entries(variables), ...headers];
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
