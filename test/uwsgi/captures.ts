/**
 * What front ends sent over uwsgi, byte for byte, mounted at the root, for
 * `POST /app/some%20path/%C3%A9?x=1&y=a%20b` with `X-A: 1`, `X-A: 2` and the body `body`.
 */

export const CAPTURES: Readonly<Record<string, string>> = {
  'nginx 1.22':
    '\x00\x1e\x02\x00' +
    '\x11\x00GATEWAY_INTERFACE\x07\x00CGI/1.1' +
    '\x0f\x00SERVER_SOFTWARE\x0c\x00nginx/1.22.1' +
    '\x0f\x00SERVER_PROTOCOL\x08\x00HTTP/1.1' +
    '\x0b\x00SERVER_NAME\x09\x00127.0.0.1' +
    '\x0b\x00SERVER_ADDR\x09\x00127.0.0.1' +
    '\x0b\x00SERVER_PORT\x05\x0028163' +
    '\x0b\x00REMOTE_ADDR\x09\x00127.0.0.1' +
    '\x0b\x00REMOTE_PORT\x05\x0033646' +
    '\x0e\x00REQUEST_METHOD\x04\x00POST' +
    '\x0e\x00REQUEST_SCHEME\x04\x00http' +
    '\x0b\x00REQUEST_URI#\x00/app/some%20path/%C3%A9?x=1&y=a%20b' +
    '\x0b\x00SCRIPT_NAME\x00\x00' +
    '\x09\x00PATH_INFO\x11\x00/app/some path/\xc3\xa9' +
    '\x0c\x00QUERY_STRING\x0b\x00x=1&y=a%20b' +
    '\x0c\x00CONTENT_TYPE\x0a\x00text/plain' +
    '\x0e\x00CONTENT_LENGTH\x01\x004' +
    '\x09\x00HTTP_HOST\x0f\x00127.0.0.1:28163' +
    '\x08\x00HTTP_X_A\x01\x001' +
    '\x08\x00HTTP_X_A\x01\x002' +
    '\x13\x00HTTP_CONTENT_LENGTH\x01\x004' +
    '\x11\x00HTTP_CONTENT_TYPE\x0a\x00text/plain' +
    '\x0f\x00HTTP_CONNECTION\x05\x00close' +
    'body',
  'Apache 2.4.71':
    '\x00\x1d\x03\x00' +
    '\x09\x00PATH_INFO\x11\x00/app/some path/\xc3\xa9' +
    '\x08\x00HTTP_X_A\x04\x001, 2' +
    '\x0e\x00CONTENT_LENGTH\x01\x004' +
    '\x0c\x00CONTENT_TYPE\x0a\x00text/plain' +
    '\x09\x00HTTP_HOST\x0f\x00127.0.0.1:16167' +
    '\x0f\x00HTTP_CONNECTION\x05\x00close' +
    '\x04\x00PATH\x1d\x00/usr/sbin:/usr/bin:/sbin:/bin' +
    '\x10\x00SERVER_SIGNATURE\x00\x00' +
    '\x0f\x00SERVER_SOFTWARE\x16\x00Apache/2.4.71 (Debian)' +
    '\x0b\x00SERVER_NAME\x09\x00127.0.0.1' +
    '\x0b\x00SERVER_ADDR\x09\x00127.0.0.1' +
    '\x0b\x00SERVER_PORT\x05\x0016167' +
    '\x0b\x00REMOTE_ADDR\x09\x00127.0.0.1' +
    '\x0d\x00DOCUMENT_ROOT/\x00/tmp/postern-apache-proxy_uwsgi-conf-8hReX3/www' +
    '\x0e\x00REQUEST_SCHEME\x04\x00http' +
    '\x0e\x00CONTEXT_PREFIX\x00\x00' +
    '\x15\x00CONTEXT_DOCUMENT_ROOT/\x00/tmp/postern-apache-proxy_uwsgi-conf-8hReX3/www' +
    '\x0c\x00SERVER_ADMIN\x12\x00[no address given]' +
    '\x0f\x00SCRIPT_FILENAME.\x00proxy:uwsgi://127.0.0.1:44275/app/some path/\xc3\xa9' +
    '\x0b\x00REMOTE_PORT\x05\x0043758' +
    '\x11\x00GATEWAY_INTERFACE\x07\x00CGI/1.1' +
    '\x0f\x00SERVER_PROTOCOL\x08\x00HTTP/1.1' +
    '\x0e\x00REQUEST_METHOD\x04\x00POST' +
    '\x0c\x00QUERY_STRING\x0b\x00x=1&y=a%20b' +
    '\x0b\x00REQUEST_URI#\x00/app/some%20path/%C3%A9?x=1&y=a%20b' +
    '\x0b\x00SCRIPT_NAME\x00\x00' +
    'body',
  'lighttpd 1.4.69':
    '\x00\xd8\x02\x00' +
    '\x0e\x00CONTENT_LENGTH\x01\x004' +
    '\x0c\x00QUERY_STRING\x0b\x00x=1&y=a%20b' +
    '\x0b\x00REQUEST_URI#\x00/app/some%20path/%C3%A9?x=1&y=a%20b' +
    '\x0f\x00REDIRECT_STATUS\x03\x00200' +
    '\x0b\x00SCRIPT_NAME\x00\x00' +
    '\x09\x00PATH_INFO\x11\x00/app/some path/\xc3\xa9' +
    '\x0f\x00PATH_TRANSLATED<\x00/tmp/postern-lighttpd-uwsgi-conf-8pqgGW/www/app/some path/\xc3\xa9' +
    '\x0f\x00SCRIPT_FILENAME,\x00/tmp/postern-lighttpd-uwsgi-conf-8pqgGW/www/' +
    '\x0d\x00DOCUMENT_ROOT+\x00/tmp/postern-lighttpd-uwsgi-conf-8pqgGW/www' +
    '\x0e\x00REQUEST_METHOD\x04\x00POST' +
    '\x0f\x00SERVER_PROTOCOL\x08\x00HTTP/1.1' +
    '\x0f\x00SERVER_SOFTWARE\x0f\x00lighttpd/1.4.69' +
    '\x11\x00GATEWAY_INTERFACE\x07\x00CGI/1.1' +
    '\x0e\x00REQUEST_SCHEME\x04\x00http' +
    '\x0b\x00SERVER_PORT\x05\x0018113' +
    '\x0b\x00SERVER_ADDR\x09\x00127.0.0.1' +
    '\x0b\x00SERVER_NAME\x09\x00127.0.0.1' +
    '\x0b\x00REMOTE_ADDR\x09\x00127.0.0.1' +
    '\x0b\x00REMOTE_PORT\x05\x0035860' +
    '\x08\x00HTTP_X_A\x04\x001, 2' +
    '\x13\x00HTTP_CONTENT_LENGTH\x01\x004' +
    '\x0c\x00CONTENT_TYPE\x0a\x00text/plain' +
    '\x09\x00HTTP_HOST\x0f\x00127.0.0.1:18113' +
    '\x0f\x00HTTP_CONNECTION\x05\x00close' +
    'body',
  'uWSGI 2.0':
    '\x00\x80\x01\x00' +
    '\x0e\x00REQUEST_METHOD\x04\x00POST' +
    '\x09\x00PATH_INFO\x11\x00/app/some path/\xc3\xa9' +
    '\x0b\x00REQUEST_URI#\x00/app/some%20path/%C3%A9?x=1&y=a%20b' +
    '\x0c\x00QUERY_STRING\x0b\x00x=1&y=a%20b' +
    '\x0f\x00SERVER_PROTOCOL\x08\x00HTTP/1.1' +
    '\x0b\x00SCRIPT_NAME\x00\x00' +
    '\x0b\x00SERVER_NAME\x02\x00vm' +
    '\x0b\x00SERVER_PORT\x05\x0015561' +
    '\x0c\x00UWSGI_ROUTER\x04\x00http' +
    '\x0b\x00REMOTE_ADDR\x09\x00127.0.0.1' +
    '\x0b\x00REMOTE_PORT\x04\x009444' +
    '\x08\x00HTTP_X_A\x04\x001, 2' +
    '\x0e\x00CONTENT_LENGTH\x01\x004' +
    '\x0c\x00CONTENT_TYPE\x0a\x00text/plain' +
    '\x09\x00HTTP_HOST\x0f\x00127.0.0.1:15561' +
    '\x0f\x00HTTP_CONNECTION\x05\x00close' +
    'body',
};
