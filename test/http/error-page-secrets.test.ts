/** The error page of development: secrets in text, by name and by form, in linear time. */

import { describe, expect, test } from 'vitest';

import { MASK, isSecret, maskSecrets } from '../../adapters/http/error-page/secrets.ts';
import { pageOf, withoutSource } from './error-page-kit.ts';

const PEM = [
  '-----BEGIN RSA PRIVATE KEY-----',
  'MIIhidden',
  'hidden==',
  '-----END RSA PRIVATE KEY-----',
].join('\n');

/** A text, and what is shown of it with `*` for a mask. */
const MASKED: readonly [text: string, shown: string][] = [
  // Schemes of Authorization.
  ['sent Bearer hidden.hidden-hidden to x', 'sent Bearer * to x'],
  ['"bearer hidden"', '"bearer *'],
  ['Basic aGlkZGVuOmhpZGRlbg== refused', 'Basic * refused'],
  ['Basic hidden1', 'Basic *'],
  ['Basic authentication failed', 'Basic authentication failed'],
  ['a basic Test.', 'a basic Test.'],

  // Lines of a header.
  [
    'GET / HTTP/1.1\r\nAuthorization: Digest a="hidden", b=hidden\r\nHost: a',
    'GET / HTTP/1.1\r\nAuthorization: *\r\nHost: a',
  ],
  ['Cookie: sid=hidden; a=hidden\nAccept: b', 'Cookie: *\nAccept: b'],
  ['set-cookie:sid=hidden; Path=/', 'set-cookie:*'],
  ['X-Api-Key: hidden hidden', 'X-Api-Key: *'],
  ['HTTP_COOKIE: hidden', 'HTTP_COOKIE: *'],

  // URLs.
  ['at postgres://app:hidden@db:5432/x?y', 'at postgres://*@db:5432/x?y'],
  ['https://hidden@github.com/a/b', 'https://*@github.com/a/b'],
  ['amqp://a:hidden@hidden@b/', 'amqp://*@b/'],
  ['redis://:hidden@b:6379', 'redis://*@b:6379'],
  ['db://a:hid/den@b/x', 'db://a:*@b/x'],
  ['db://a:hidden', 'db://a:*'],
  ['a://x,b://u:hidden@h,c://y:80/', 'a://x,b://*@h,c://y:80/'],
  [
    '(http://localhost:8000) [http://[::1]:80/@x] https://a/b@c:d',
    '(http://localhost:8000) [http://[::1]:80/@x] https://a/b@c:d',
  ],
  ['file:///srv/@scope/a.js:1:2', 'file:///srv/@scope/a.js:1:2'],

  // Names and values.
  ['/?access_token=hidden&shown=q', '/?access_token=*&shown=q'],
  ['client_secret=hidden?hidden&a=b', 'client_secret=*&a=b'],
  ['Server=a;Password=hidden;Timeout=3', 'Server=a;Password=*;Timeout=3'],
  ["fetch('http://a/?token=hidden', 1)", "fetch('http://a/?token=*', 1)"],
  ["password=hid'den x", 'password=* x'],
  ['password = hidden hidden\nnext', 'password = *\nnext'],
  ['PASSWORD="hid den" USER="b"', 'PASSWORD="*" USER="b"'],
  ['user[password]=hidden&b', 'user[password]=*&b'],
  [`${'x'.repeat(100)}password=hidden`, `${'x'.repeat(100)}password=*`],
  ['mysql --user a --password hidden -h b', 'mysql --user a --password * -h b'],
  ['mysql --password=hidden -h b', 'mysql --password=* -h b'],
  ['password: hidden hidden\nuser: b', 'password: *\nuser: b'],
  ['password:"hidden"', 'password:"*"'],
  ['secret := "hidden"', 'secret := "*"'],

  // JSON, also in JSON, also cut off; and what inspect() writes.
  ['{"password":"hidden","user":"b"}', '{"password":"*","user":"b"}'],
  ['{"password" : "hid\\"den\\\\", "a":1}', '{"password" : "*", "a":1}'],
  ['{\\"apiKey\\":\\"hidden\\",\\"a\\":1}', '{\\"apiKey\\":\\"*\\",\\"a\\":1}'],
  ['{"token":12345,"a":1}', '{"token":*,"a":1}'],
  ['{"token":null}', '{"token":*}'],
  ['{"tokens":["hidden","hidden"],"a":1}', '{"tokens":*,"a":1}'],
  [
    '{\n  "credentials": {\n    "a": { "b": "hidden" }\n  },\n  "c": 1\n}',
    '{\n  "credentials": *,\n  "c": 1\n}',
  ],
  ['{"password":"hidden', '{"password":"*'],
  ['{"tokens":["hidden', '{"tokens":*'],
  ["{ authToken: 'hidden', a: 1 }", "{ authToken: '*', a: 1 }"],

  // PEM, also escaped, also cut off.
  [`key:\n${PEM}\nend`, 'key:\n-----BEGIN RSA PRIVATE KEY-----*-----END RSA PRIVATE KEY-----\nend'],
  [
    `${PEM}\n${PEM}`,
    '-----BEGIN RSA PRIVATE KEY-----*-----END RSA PRIVATE KEY-----\n-----BEGIN RSA PRIVATE KEY-----*-----END RSA PRIVATE KEY-----',
  ],
  [PEM.replaceAll('\n', '\\n'), '-----BEGIN RSA PRIVATE KEY-----*-----END RSA PRIVATE KEY-----'],
  [PEM.slice(0, 50), '-----BEGIN RSA PRIVATE KEY-----*'],

  // Tokens.
  ['got eyJhbGciOiJub25lIn0.eyJoaWRkZW4iOjF9.hidden, x', 'got *, x'],
  ['a/eyJhbGciOiJub25lIn0.eyJoaWRkZW4iOjF9./b', 'a/*/b'],
  ['ghp_hiddenhiddenhiddenhidden AKIAHIDDENHIDDENHIDD sk-hiddenhiddenhidden', '* * *'],

  // What is none.
  ['JsonWebTokenError: jwt malformed', 'JsonWebTokenError: jwt malformed'],
  ['Unexpected token } in JSON at position 3', 'Unexpected token } in JSON at position 3'],
  ['    at Session.token (/srv/token:10:5)', '    at Session.token (/srv/token:10:5)'],
  ['    at /srv/session.js:10:5', '    at /srv/session.js:10:5'],
  [
    'if (token === null || token != x) session => 1; Token::new',
    'if (token === null || token != x) session => 1; Token::new',
  ],
  ['user=b&page=2 author: c', 'user=b&page=2 author: c'],
  ['password=', 'password='],
  ['', ''],
];

test.each(MASKED)('%j', (text, shown) => {
  const masked = maskSecrets(text);
  expect(masked).toBe(shown.replaceAll('*', MASK));
  expect(masked).not.toMatch(/hidden|HIDDEN/);
});

test.each(['HTTP_COOKIE', 'apiKey', 'client_secret', 'x-auth', 'DB_PASSWORD', 'sid', 'key'])(
  '%s is the name of a secret',
  (name) => expect(isSecret(name)).toBe(true),
);

test.each(['PATH_INFO', 'author', 'keyboard', 'HTTP_HOST', 'side'])('%s is none', (name) =>
  expect(isSecret(name)).toBe(false),
);

describe('in a page', () => {
  const secret = 'Bearer hidden-1, password=hidden-2 in postgres://a:hidden-3@b/';

  test.each<[where: string, thrown: () => unknown]>([
    ['the message', () => new Error(secret)],
    ['the name', () => Object.assign(new Error('x'), { name: secret })],
    ['the code', () => Object.assign(new Error('x'), { code: secret })],
    ['a cause', () => new Error('x', { cause: new Error('y', { cause: new Error(secret) }) })],
    ['a cause that is text', () => new Error('x', { cause: secret })],
    ['one of several errors', () => new AggregateError([new Error(secret), secret], 'x')],
    ['text that is thrown', () => secret],
    ['a member', () => Object.assign(new Error('x'), { url: secret, request: [{ a: secret }] })],
    [
      'the name of a member',
      () => Object.assign(new Error('x'), { [secret]: 1, a: { [secret]: 1 } }),
    ],
    [
      'an error that is a member',
      () => Object.assign(new Error('x'), { inner: new Error(secret) }),
    ],
    ['a symbol that is a member', () => Object.assign(new Error('x'), { inner: Symbol(secret) })],
    [
      'the stack',
      () => {
        const frames = [
          '    at f (file:///srv/a.js?token=hidden-4:1:1)',
          '    at Bearer hidden-5 (/srv/b.js:1:1)',
          '    at g (https://a:hidden-6@b/c.js:1:1)',
        ];
        return Object.assign(new Error('x'), { stack: ['Error: x', ...frames].join('\n') });
      },
    ],
  ])('not in %s', async (_where, thrown) => {
    const page = withoutSource(await pageOf(thrown()));
    expect(page).toContain(MASK);
    expect(page).not.toContain('hidden-');
  });
});

describe('it takes linear time', () => {
  const PIECES = [
    'a',
    '=',
    ':',
    '"',
    "'",
    '\\',
    '\\"',
    '{',
    '[',
    ' ',
    '\n',
    '-',
    '.',
    '/',
    '://',
    '@',
    '-----BEGIN ',
    'password=',
    'password:',
    '"password":"',
    'token= ',
    'x://a:',
    'eyJ-',
    'eyJa.',
    'Bearer ',
    'basic',
    '--token ',
    '&',
    ';',
    '1',
    'sk-',
    '=token',
    'token:{',
    'token["',
    'password:\\"',
  ];

  test('of any piece, again and again', () => {
    const slow: string[] = [];
    for (const one of PIECES)
      for (const other of ['', ...PIECES]) {
        const text = (one + other).repeat(30_000 / (one + other).length);
        const began = process.cpuUsage();
        maskSecrets(text);
        const { user } = process.cpuUsage(began);
        // With anything quadratic it is seconds.
        if (user > 300_000) slow.push(`${JSON.stringify(one + other)}: ${user / 1000} ms`);
      }
    expect(slow).toEqual([]);
  });
});
