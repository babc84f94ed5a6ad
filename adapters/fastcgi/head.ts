import type { CheckedHeaders } from '../../src/response/headers.ts';

/**
 * The head of a response, as a byte string. Status comes last: HAProxy 2.6 takes a Location after it for a redirect,
 * whatever the status is.
 */
export function formatHead(statusLine: string, headers: CheckedHeaders): string {
  let head = '';
  for (const [name, value] of headers.list) head += `${name}: ${value}\r\n`;
  return `${head}${statusLine}\r\n\r\n`;
}
