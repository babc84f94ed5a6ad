/** Errors of node:http's parser, and the answers to them. */

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

/** A whole response. It is written to the socket directly, because node:http has no response for a faulty request. */
export function formatRefusal(status: string): string {
  const text = `${status.slice(4)}\n`;
  return (
    `HTTP/1.1 ${status}\r\nDate: ${new Date().toUTCString()}\r\n` +
    'Connection: close\r\nContent-Type: text/plain; charset=utf-8\r\n' +
    `Content-Length: ${text.length}\r\n\r\n${text}`
  );
}

const TLS_HINT =
  'a TLS hello on a plain HTTP port: should the URL begin with http:// instead of https://?';

/** RFC 8446 § 5.1: a handshake record, of any TLS version. */
function isTlsHello(bytes: Buffer | undefined): boolean {
  return bytes !== undefined && bytes[0] === 22 && bytes[1] === 3;
}
