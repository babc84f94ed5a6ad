/**
 * What front ends sent over SCGI, byte for byte, mounted at the root, for
 * `POST /app/some%20path/%C3%A9?x=1&y=a%20b` with `X-A: 1`, `X-A: 2` and the body `body`.
 */

export const CAPTURES: Readonly<Record<string, string>> = {
  'nginx 1.22':
    '505:' +
    'CONTENT_LENGTH\x004\x00' +
    'SCGI\x001\x00' +
    'GATEWAY_INTERFACE\x00CGI/1.1\x00' +
    'SERVER_SOFTWARE\x00nginx/1.22.1\x00' +
    'SERVER_PROTOCOL\x00HTTP/1.1\x00' +
    'SERVER_NAME\x00127.0.0.1\x00' +
    'SERVER_ADDR\x00127.0.0.1\x00' +
    'SERVER_PORT\x0029539\x00' +
    'REMOTE_ADDR\x00127.0.0.1\x00' +
    'REMOTE_PORT\x0046580\x00' +
    'REQUEST_METHOD\x00POST\x00' +
    'REQUEST_SCHEME\x00http\x00' +
    'REQUEST_URI\x00/app/some%20path/%C3%A9?x=1&y=a%20b\x00' +
    'SCRIPT_NAME\x00\x00' +
    'PATH_INFO\x00/app/some path/\xc3\xa9\x00' +
    'QUERY_STRING\x00x=1&y=a%20b\x00' +
    'CONTENT_TYPE\x00text/plain\x00' +
    'HTTP_HOST\x00127.0.0.1:29539\x00' +
    'HTTP_X_A\x001\x00' +
    'HTTP_X_A\x002\x00' +
    'HTTP_CONTENT_LENGTH\x004\x00' +
    'HTTP_CONTENT_TYPE\x00text/plain\x00' +
    'HTTP_CONNECTION\x00close\x00' +
    ',body',
  'Apache 2.4.71':
    '718:' +
    'CONTENT_LENGTH\x004\x00' +
    'SCGI\x001\x00' +
    'HTTP_X_A\x001, 2\x00' +
    'CONTENT_TYPE\x00text/plain\x00' +
    'HTTP_HOST\x00127.0.0.1:16013\x00' +
    'HTTP_CONNECTION\x00close\x00' +
    'PATH\x00/usr/sbin:/usr/bin:/sbin:/bin\x00' +
    'SERVER_SIGNATURE\x00\x00' +
    'SERVER_SOFTWARE\x00Apache/2.4.71 (Debian)\x00' +
    'SERVER_NAME\x00127.0.0.1\x00' +
    'SERVER_ADDR\x00127.0.0.1\x00' +
    'SERVER_PORT\x0016013\x00' +
    'REMOTE_ADDR\x00127.0.0.1\x00' +
    'DOCUMENT_ROOT\x00/tmp/postern-apache-proxy_scgi-conf-vBq969/www\x00' +
    'REQUEST_SCHEME\x00http\x00' +
    'CONTEXT_PREFIX\x00\x00' +
    'CONTEXT_DOCUMENT_ROOT\x00/tmp/postern-apache-proxy_scgi-conf-vBq969/www\x00' +
    'SERVER_ADMIN\x00[no address given]\x00' +
    'SCRIPT_FILENAME\x00proxy:scgi://127.0.0.1:40693/app/some%20path/%C3%A9\x00' +
    'REMOTE_PORT\x0044240\x00' +
    'SERVER_PROTOCOL\x00HTTP/1.1\x00' +
    'REQUEST_METHOD\x00POST\x00' +
    'QUERY_STRING\x00x=1&y=a%20b\x00' +
    'REQUEST_URI\x00/app/some%20path/%C3%A9?x=1&y=a%20b\x00' +
    'SCRIPT_NAME\x00/app/some path/\xc3\xa9\x00' +
    ',body',
  'lighttpd 1.4.69':
    '684:' +
    'CONTENT_LENGTH\x004\x00' +
    'QUERY_STRING\x00x=1&y=a%20b\x00' +
    'REQUEST_URI\x00/app/some%20path/%C3%A9?x=1&y=a%20b\x00' +
    'REDIRECT_STATUS\x00200\x00' +
    'SCRIPT_NAME\x00\x00' +
    'PATH_INFO\x00/app/some path/\xc3\xa9\x00' +
    'PATH_TRANSLATED\x00/tmp/postern-lighttpd-scgi-conf-2GpNQ4/www/app/some path/\xc3\xa9\x00' +
    'SCRIPT_FILENAME\x00/tmp/postern-lighttpd-scgi-conf-2GpNQ4/www/\x00' +
    'DOCUMENT_ROOT\x00/tmp/postern-lighttpd-scgi-conf-2GpNQ4/www\x00' +
    'REQUEST_METHOD\x00POST\x00' +
    'SERVER_PROTOCOL\x00HTTP/1.1\x00' +
    'SERVER_SOFTWARE\x00lighttpd/1.4.69\x00' +
    'GATEWAY_INTERFACE\x00CGI/1.1\x00' +
    'REQUEST_SCHEME\x00http\x00' +
    'SERVER_PORT\x0019152\x00' +
    'SERVER_ADDR\x00127.0.0.1\x00' +
    'SERVER_NAME\x00127.0.0.1\x00' +
    'REMOTE_ADDR\x00127.0.0.1\x00' +
    'REMOTE_PORT\x0038060\x00' +
    'HTTP_X_A\x001, 2\x00' +
    'HTTP_CONTENT_LENGTH\x004\x00' +
    'CONTENT_TYPE\x00text/plain\x00' +
    'HTTP_HOST\x00127.0.0.1:19152\x00' +
    'HTTP_CONNECTION\x00close\x00' +
    'SCGI\x001\x00' +
    ',body',
};
