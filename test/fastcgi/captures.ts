/**
 * What front ends sent over FastCGI, byte for byte, with the shipped configuration mounted at the root, for
 * `POST /app/some%20path/%C3%A9?x=1&y=a%20b` with `X-A: 1`, `X-A: 2` and the body `body`.
 *
 * Taken down by a TCP proxy between the front end and an application that echoes (for mod_fcgid, which starts the
 * application itself, by a program in its place that hands everything on). `cgi-fcgi`, which is no front end
 * but cuts PARAMS inside of pairs, had two variables of 5,000 bytes beside.
 */

/** Header and padding in hexadecimal digits, content as a byte string. */
export type CapturedRecord = readonly [header: string, content: string, padding: string];

/** The bytes of a capture. */
export function bytesOf(records: readonly CapturedRecord[]): Buffer {
  return Buffer.concat(
    records.flatMap(([header, content, padding]) => [
      Buffer.from(header, 'hex'),
      Buffer.from(content, 'latin1'),
      Buffer.from(padding, 'hex'),
    ]),
  );
}

export const CAPTURES: Readonly<Record<string, readonly CapturedRecord[]>> = {
  'nginx 1.22, fastcgi_keep_conn on': [
    ['0101000100080000', '\x00\x01\x01\x00\x00\x00\x00\x00', ''],
    [
      '0104000101ec0400',
      '\x11\x07GATEWAY_INTERFACECGI/1.1' +
        '\x0f\x0cSERVER_SOFTWAREnginx/1.22.1' +
        '\x0f\x08SERVER_PROTOCOLHTTP/1.1' +
        '\x0b\x09SERVER_NAMElocalhost' +
        '\x0b\x09SERVER_ADDR127.0.0.1' +
        '\x0b\x05SERVER_PORT15795' +
        '\x0b\x09REMOTE_ADDR127.0.0.1' +
        '\x0b\x05REMOTE_PORT53068' +
        '\x0e\x04REQUEST_METHODPOST' +
        '\x0e\x04REQUEST_SCHEMEhttp' +
        '\x0b#REQUEST_URI/app/some%20path/%C3%A9?x=1&y=a%20b' +
        '\x0b\x00SCRIPT_NAME' +
        '\x09\x11PATH_INFO/app/some path/\xc3\xa9' +
        '\x0c\x0bQUERY_STRINGx=1&y=a%20b' +
        '\x0c\x0aCONTENT_TYPEtext/plain' +
        '\x0e\x01CONTENT_LENGTH4' +
        '\x09\x09HTTP_HOSTlocalhost' +
        '\x08\x01HTTP_X_A1' +
        '\x08\x01HTTP_X_A2' +
        '\x11\x0aHTTP_CONTENT_TYPEtext/plain' +
        '\x13\x01HTTP_CONTENT_LENGTH4' +
        '\x0f\x05HTTP_CONNECTIONclose',
      '00000000',
    ],
    ['0104000100000000', '', ''],
    ['0105000100040400', 'body', '00000000'],
    ['0105000100000000', '', ''],
  ],
  'Apache 2.4.71, mod_proxy_fcgi': [
    ['0101000100080000', '\x00\x01\x01\x00\x00\x00\x00\x00', ''],
    [
      '0104000102a80000',
      '\x13\x01ap_trust_cgilike_cl1' +
        '\x09\x09HTTP_HOSTlocalhost' +
        '\x08\x04HTTP_X_A1, 2' +
        '\x0c\x0aCONTENT_TYPEtext/plain' +
        '\x0e\x01CONTENT_LENGTH4' +
        '\x0f\x05HTTP_CONNECTIONclose' +
        '\x04\x0dPATH/usr/bin:/bin' +
        '\x10\x00SERVER_SIGNATURE' +
        '\x0f\x16SERVER_SOFTWAREApache/2.4.71 (Debian)' +
        '\x0b\x09SERVER_NAMElocalhost' +
        '\x0b\x09SERVER_ADDR127.0.0.1' +
        '\x0b\x05SERVER_PORT18464' +
        '\x0b\x09REMOTE_ADDR127.0.0.1' +
        '\x0d.DOCUMENT_ROOT/tmp/postern-apache-proxy_fcgi-conf-YAP2LC/www' +
        '\x0e\x04REQUEST_SCHEMEhttp' +
        '\x0e\x00CONTEXT_PREFIX' +
        '\x15.CONTEXT_DOCUMENT_ROOT/tmp/postern-apache-proxy_fcgi-conf-YAP2LC/www' +
        '\x0c\x12SERVER_ADMIN[no address given]' +
        '\x0b\x05REMOTE_PORT35722' +
        '\x11\x07GATEWAY_INTERFACECGI/1.1' +
        '\x0f\x08SERVER_PROTOCOLHTTP/1.1' +
        '\x0e\x04REQUEST_METHODPOST' +
        '\x0c\x0bQUERY_STRINGx=1&y=a%20b' +
        '\x0b#REQUEST_URI/app/some%20path/%C3%A9?x=1&y=a%20b' +
        '\x0b\x00SCRIPT_NAME' +
        '\x09\x11PATH_INFO/app/some path/\xc3\xa9',
      '',
    ],
    ['0104000100000000', '', ''],
    ['0105000100040000', 'body', ''],
    ['0105000100000000', '', ''],
  ],
  'Apache 2.4.71, mod_fcgid 2.3.9': [
    ['0101000100080000', '\x00\x01\x00\x00\x00\x00\x00\x00', ''],
    [
      '01040001031b0000',
      '\x09\x09HTTP_HOSTlocalhost' +
        '\x08\x04HTTP_X_A1, 2' +
        '\x0c\x0aCONTENT_TYPEtext/plain' +
        '\x0e\x01CONTENT_LENGTH4' +
        '\x0f\x05HTTP_CONNECTIONclose' +
        '\x04\x0dPATH/usr/bin:/bin' +
        '\x10\x00SERVER_SIGNATURE' +
        '\x0f&SERVER_SOFTWAREApache/2.4.71 (Debian) mod_fcgid/2.3.9' +
        '\x0b\x09SERVER_NAMElocalhost' +
        '\x0b\x09SERVER_ADDR127.0.0.1' +
        '\x0b\x05SERVER_PORT17047' +
        '\x0b\x09REMOTE_ADDR127.0.0.1' +
        '\x0d)DOCUMENT_ROOT/tmp/postern-apache-fcgid-conf-gha8n5/www' +
        '\x0e\x04REQUEST_SCHEMEhttp' +
        '\x0e\x00CONTEXT_PREFIX' +
        '\x15)CONTEXT_DOCUMENT_ROOT/tmp/postern-apache-fcgid-conf-gha8n5/www' +
        '\x0c\x12SERVER_ADMIN[no address given]' +
        '\x0f(SCRIPT_FILENAME/tmp/postern-application-KSKU3E/app.fcgi' +
        '\x0b\x05REMOTE_PORT39192' +
        '\x11\x07GATEWAY_INTERFACECGI/1.1' +
        '\x0f\x08SERVER_PROTOCOLHTTP/1.1' +
        '\x0e\x04REQUEST_METHODPOST' +
        '\x0c\x0bQUERY_STRINGx=1&y=a%20b' +
        '\x0b#REQUEST_URI/app/some%20path/%C3%A9?x=1&y=a%20b' +
        '\x0b\x00SCRIPT_NAME' +
        '\x09\x11PATH_INFO/app/some path/\xc3\xa9' +
        '\x0f9PATH_TRANSLATED/tmp/postern-application-KSKU3E/app.fcgi/app/some path/\xc3\xa9',
      '',
    ],
    ['0104000100000000', '', ''],
    ['0105000100040000', 'body', ''],
    ['0105000100000000', '', ''],
  ],
  'lighttpd 1.4.69': [
    ['0101000100080000', '\x00\x01\x00\x00\x00\x00\x00\x00', ''],
    [
      '0104000102a80000',
      '\x0e\x01CONTENT_LENGTH4' +
        '\x0c\x0bQUERY_STRINGx=1&y=a%20b' +
        '\x0b#REQUEST_URI/app/some%20path/%C3%A9?x=1&y=a%20b' +
        '\x0f\x03REDIRECT_STATUS200' +
        '\x0b\x00SCRIPT_NAME' +
        '\x09\x11PATH_INFO/app/some path/\xc3\xa9' +
        '\x0f>PATH_TRANSLATED/tmp/postern-lighttpd-fastcgi-conf-rWoNKb/www/app/some path/\xc3\xa9' +
        '\x0f.SCRIPT_FILENAME/tmp/postern-lighttpd-fastcgi-conf-rWoNKb/www/' +
        '\x0d-DOCUMENT_ROOT/tmp/postern-lighttpd-fastcgi-conf-rWoNKb/www' +
        '\x0e\x04REQUEST_METHODPOST' +
        '\x0f\x08SERVER_PROTOCOLHTTP/1.1' +
        '\x0f\x0fSERVER_SOFTWARElighttpd/1.4.69' +
        '\x11\x07GATEWAY_INTERFACECGI/1.1' +
        '\x0e\x04REQUEST_SCHEMEhttp' +
        '\x0b\x05SERVER_PORT16424' +
        '\x0b\x09SERVER_ADDR127.0.0.1' +
        '\x0b\x09SERVER_NAMElocalhost' +
        '\x0b\x09REMOTE_ADDR127.0.0.1' +
        '\x0b\x05REMOTE_PORT39500' +
        '\x09\x09HTTP_HOSTlocalhost' +
        '\x08\x04HTTP_X_A1, 2' +
        '\x0c\x0aCONTENT_TYPEtext/plain' +
        '\x13\x01HTTP_CONTENT_LENGTH4' +
        '\x0f\x05HTTP_CONNECTIONclose',
      '',
    ],
    ['0104000100000000', '', ''],
    ['0105000100040000', 'body', ''],
    ['0105000100000000', '', ''],
  ],
  'HAProxy 2.6, two requests at once': [
    ['0109000000200000', '\x0d\x00FCGI_MAX_REQS\x0f\x00FCGI_MPXS_CONNS', ''],
    ['0101000100080000', '\x00\x01\x01\x00\x00\x00\x00\x00', ''],
    [
      '0104000101d30000',
      '\x09\x09HTTP_HOSTlocalhost' +
        '\x08\x01HTTP_X_A1' +
        '\x08\x01HTTP_X_A2' +
        '\x0c\x0aCONTENT_TYPEtext/plain' +
        '\x0e\x01CONTENT_LENGTH4' +
        '\x0b\x09SERVER_ADDR127.0.0.1' +
        '\x0b\x09SERVER_NAMElocalhost' +
        '\x11\x07GATEWAY_INTERFACECGI/1.1' +
        '\x0d\x01DOCUMENT_ROOT/' +
        '\x09\x11PATH_INFO/app/some path/\xc3\xa9' +
        '\x0b#REQUEST_URI/app/some%20path/%C3%A9?x=1&y=a%20b' +
        '\x0e\x04REQUEST_METHODPOST' +
        '\x0c\x0bQUERY_STRINGx=1&y=a%20b' +
        '\x0b\x05SERVER_PORT29660' +
        '\x0f\x08SERVER_PROTOCOLHTTP/1.1' +
        '\x0b\x09REMOTE_ADDR127.0.0.1' +
        '\x0b\x05REMOTE_PORT49922' +
        '\x0f\x01SCRIPT_FILENAME/' +
        '\x0f\x12PATH_TRANSLATED//app/some path/\xc3\xa9' +
        '\x0f\x18SERVER_SOFTWAREHAProxy 2.6.12-1+deb12u4',
      '',
    ],
    ['0104000100000000', '', ''],
    ['0105000100040000', 'body', ''],
    ['0105000100000000', '', ''],
    ['0101000300080000', '\x00\x01\x01\x00\x00\x00\x00\x00', ''],
    [
      '0104000301d30000',
      '\x09\x09HTTP_HOSTlocalhost' +
        '\x08\x01HTTP_X_A1' +
        '\x08\x01HTTP_X_A2' +
        '\x0c\x0aCONTENT_TYPEtext/plain' +
        '\x0e\x01CONTENT_LENGTH4' +
        '\x0b\x09SERVER_ADDR127.0.0.1' +
        '\x0b\x09SERVER_NAMElocalhost' +
        '\x11\x07GATEWAY_INTERFACECGI/1.1' +
        '\x0d\x01DOCUMENT_ROOT/' +
        '\x09\x11PATH_INFO/app/some path/\xc3\xa9' +
        '\x0b#REQUEST_URI/app/some%20path/%C3%A9?x=1&y=a%20b' +
        '\x0e\x04REQUEST_METHODPOST' +
        '\x0c\x0bQUERY_STRINGx=1&y=a%20b' +
        '\x0b\x05SERVER_PORT29660' +
        '\x0f\x08SERVER_PROTOCOLHTTP/1.1' +
        '\x0b\x09REMOTE_ADDR127.0.0.1' +
        '\x0b\x05REMOTE_PORT49926' +
        '\x0f\x01SCRIPT_FILENAME/' +
        '\x0f\x12PATH_TRANSLATED//app/some path/\xc3\xa9' +
        '\x0f\x18SERVER_SOFTWAREHAProxy 2.6.12-1+deb12u4',
      '',
    ],
    ['0104000300000000', '', ''],
    ['0105000300040000', 'body', ''],
    ['0105000300000000', '', ''],
  ],
  'Caddy 2.6': [
    ['0101000100080000', '\x00\x01\x00\x00\x00\x00\x00\x00', ''],
    [
      '0104000102d60200',
      '\x09\x11PATH_INFO/app/some path/\xc3\xa9' +
        '\x0f\x0bSERVER_SOFTWARECaddy/2.6.2' +
        '\x0c\x00DOCUMENT_URI' +
        '\x09\x09HTTP_HOSTlocalhost' +
        '\x0b#REQUEST_URI/app/some%20path/%C3%A9?x=1&y=a%20b' +
        '\x09\x00AUTH_TYPE' +
        '\x11\x07GATEWAY_INTERFACECGI/1.1' +
        '\x08\x04HTTP_X_A1, 2' +
        '\x0e\x04REQUEST_METHODPOST' +
        '\x0f<PATH_TRANSLATED/tmp/postern-caddy-Caddyfile-fastcgi-A9tQCA/app/some path/\xc3\xa9' +
        '\x0e\x04REQUEST_SCHEMEhttp' +
        '\x0f\x08SERVER_PROTOCOLHTTP/1.1' +
        '\x0d+DOCUMENT_ROOT/tmp/postern-caddy-Caddyfile-fastcgi-A9tQCA' +
        '\x0b\x00SERVER_ADDR' +
        '\x0c\x00REMOTE_IDENT' +
        '\x0e\x01CONTENT_LENGTH4' +
        '\x13\x01HTTP_CONTENT_LENGTH4' +
        '\x0b\x09SERVER_NAMElocalhost' +
        '\x0b\x00SCRIPT_NAME' +
        '\x0b\x05REMOTE_PORT51464' +
        '\x0f\x00HTTP_USER_AGENT' +
        '\x0b\x00REMOTE_HOST' +
        '\x0b\x00REMOTE_USER' +
        '\x0f+SCRIPT_FILENAME/tmp/postern-caddy-Caddyfile-fastcgi-A9tQCA' +
        '\x0b\x02SERVER_PORT80' +
        '\x0c\x0aCONTENT_TYPEtext/plain' +
        '\x0c\x0bQUERY_STRINGx=1&y=a%20b' +
        '\x0b\x09REMOTE_ADDR127.0.0.1' +
        '\x11\x0aHTTP_CONTENT_TYPEtext/plain',
      '0000',
    ],
    ['0104000100000000', '', ''],
    ['0105000100040400', 'body', '00000000'],
    ['0105000100000000', '', ''],
  ],
  'cgi-fcgi of libfcgi 2.4.2': [
    ['0101000100080000', '\x00\x01\x00\x00\x00\x00\x00\x00', ''],
    [
      '010400011ff80000',
      '\x0e\x04REQUEST_METHODPOST' +
        '\x0b\x01REQUEST_URI/' +
        '\x0e\x01CONTENT_LENGTH4' +
        '\x06\x80\x00\x13\x88LONG_A' +
        'a'.repeat(5000) +
        '\x06\x80\x00\x13\x88LONG_B' +
        'b'.repeat(3111),
      '',
    ],
    ['0104000107610700', 'b'.repeat(1889), '00000000000000'],
    ['0104000100000000', '', ''],
    ['0105000100040000', 'body', ''],
    ['0105000100000000', '', ''],
  ],
};
