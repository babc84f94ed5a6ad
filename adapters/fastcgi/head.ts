import type { CheckedHeaders } from '../../src/response/headers.ts';

/**
 * What comes before the body, as a byte string. Status comes last: HAProxy 2.6 takes a Location behind it for a
 * redirect, whatever the status.
 */
export function formatHead(statusLine: string, headers: CheckedHeaders): string {
  let head = '';
  for (const [name, value] of headers.list) head += `${name}: ${value}\r\n`;
  return `${head}${statusLine}\r\n\r\n`;
}
