/** What reads texts of visitors and errors: headers of proxies, and the error page of development. */

import * as fc from 'fast-check';
import { expect } from 'vitest';

import { Describer } from '../../adapters/http/error-page/describe.ts';
import { maskSecrets } from '../../adapters/http/error-page/secrets.ts';
import { readForwarded, readXForwarded } from '../../src/environ/forwarded/claims.ts';
import { elementsFromRight } from '../../src/environ/forwarded/elements.ts';
import { parseNode } from '../../src/environ/forwarded/node.ts';
import { fuzz } from './fuzz.ts';

/** Texts of pieces that mean something, and of any others. */
const textOf = (pieces: readonly string[]): fc.Arbitrary<string> =>
  fc
    .array(fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 3 })), { maxLength: 8 })
    .map((parts) => parts.join(''));

// ---- headers of proxies

const visitors = textOf([
  ...'",;=\\ \t[]:',
  'for',
  'for=',
  'for="',
  'proto=http',
  '6.6.6.6',
  'x="',
  '\\"',
]);

const OWN = 'for="203.0.113.7:4711";proto=https;host=www.test';

fuzz(
  'nothing that a visitor writes into Forwarded changes what the proxy says',
  fc.property(visitors, fc.constantFrom(', ', ',', '\t,  '), (text, comma) => {
    for (const lines of [[`${text}${comma}${OWN}`], [text, OWN]]) {
      const { hops, ...claims } = readForwarded(() => lines);
      const [first] = hops;
      expect(first).toEqual({ address: '203.0.113.7', port: '4711' });
      expect(claims).toMatchObject({ proto: 'https', host: 'www.test' });
    }
  }),
);

const token = fc.stringMatching(/^[a-z0-9!#$%&'*+.^_`|~-]{1,5}$/);
const quoted = fc.string({ maxLength: 6 });
const pair = fc.tuple(
  token,
  fc.oneof(
    token.map((text) => [text, text]),
    quoted.map((text) => [text, `"${text.replaceAll(/["\\]/g, '\\$&')}"`]),
  ),
);
const elements = fc.array(
  fc.uniqueArray(pair, { selector: ([name]) => name, minLength: 1, maxLength: 4 }),
  { minLength: 1, maxLength: 4 },
);

fuzz(
  'a Forwarded header that is well-formed is read as it was written',
  fc.property(elements, (list) => {
    const line = list
      .map((pairs) => pairs.map(([name, [, text]]) => `${name}=${text}`).join(';'))
      .join(', ');
    const read = [...elementsFromRight([line])].toReversed();
    expect(read.map((element) => [...element].toReversed())).toEqual(
      list.map((pairs) => pairs.map(([name, [value]]) => [name, value])),
    );
  }),
);

const NAMES = { for: 'for', proto: 'proto', host: 'host', port: 'port', prefix: 'prefix' };

fuzz(
  'what is believed of X-Forwarded-* is what it has to be, and written by the nearest proxy',
  fc.property(
    textOf([
      ...',/.:[]%',
      '..',
      '6.6.6.6',
      'http',
      'https',
      '/app',
      '443',
      '0',
      'www.test',
      '\\',
      '<',
      '::1',
    ]),
    (text) => {
      const { hops, proto, host, port, prefix } = readXForwarded(NAMES, () => ['first', text]);
      const last = text.split(',').at(-1)!.trim();
      for (const value of [host, port]) expect([undefined, last]).toContain(value);
      expect([undefined, last.toLowerCase()]).toContain(proto);
      if (port !== undefined) expect(Number(port)).toSatisfy((n: number) => n >= 1 && n <= 65_535);
      if (prefix !== undefined) {
        expect(new URL(`${prefix}/x`, 'http://own.test').href).toBe(`http://own.test${prefix}/x`);
        expect(last).toMatch(new RegExp(`^${prefix.replaceAll(/[.+]/g, '\\$&')}/?$`));
      }
      for (const hop of hops) expect(parseNode(hop.address)).toEqual({ ...hop, port: undefined });
    },
  ),
);

// ---- the error page

const SECRET = 'S3cr3tS3cr3tS3cr3t';
const around = textOf([
  '=',
  ':',
  '"',
  "'",
  '\\',
  '{',
  '[',
  ' ',
  '\n',
  '-',
  '/',
  '://',
  '@',
  '&',
  ';',
  '?',
  '\\"',
  '-----BEGIN ',
  '-----END ',
  'password',
  'token=',
  '"token":"',
  'Bearer ',
  'a://b:',
  'eyJa.',
  '--token ',
]);

/** All that a secret is known by, with space between it and what stands before. */
const FORMS = [
  `Bearer ${SECRET}`,
  `Basic ${SECRET}`,
  `password=${SECRET}`,
  `&api_key=${SECRET}`,
  `password: ${SECRET}`,
  `"password":"${SECRET}"`,
  `"password": ["${SECRET}"]`,
  `Authorization: Digest a, ${SECRET}`,
  `a://b:${SECRET}@c/`,
  `--password ${SECRET}`,
  `-----BEGIN KEY-----\n${SECRET}\n-----END KEY-----`,
  `eyJh.${SECRET}.a`,
];

fuzz(
  'a secret is masked whatever stands around it',
  fc.property(around, fc.constantFrom(...FORMS), around, (before, form, after) => {
    expect(maskSecrets(`${before}\n${form}\n${after}`)).not.toContain(SECRET);
  }),
);

fuzz(
  'anything can be described',
  fc.property(
    fc.string(),
    fc.anything({
      withBoxedValues: true,
      withMap: true,
      withSet: true,
      withDate: true,
      withTypedArray: true,
      withNullPrototype: true,
      withBigInt: true,
      withSparseArray: true,
    }),
    (name, value) => {
      expect(new Describer().value(name, value).length).toBeLessThanOrEqual(8193);
    },
  ),
);
