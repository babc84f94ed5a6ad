/** A body that is text stays text, where that cannot be mistaken. */

import { describe, expect, test } from 'vitest';

import { ResponseParser } from '../../../src/apps/node/response-parser.ts';

const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
const CLOSE = 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n';
const ofLength = (length: number): string => `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`;

type Written = readonly (readonly [text: string, encoding: BufferEncoding])[];

function parse(written: Written, isHead = false): { bodies: unknown[]; isComplete: boolean } {
  const bodies: unknown[] = [];
  const sink = { onHead() {}, onBody: (body: Buffer | string) => void bodies.push(body) };
  const parser = new ResponseParser(sink, isHead, true);
  for (const [text, encoding] of written) parser.write(text, encoding);
  return { bodies, isComplete: parser.isComplete };
}

describe('text', () => {
  test.each<[string, Written]>([
    ['with its head', [[`${ofLength(5)}hello`, 'utf8']]],
    [
      'by itself',
      [
        [ofLength(5), 'latin1'],
        ['hello', 'utf8'],
      ],
    ],
  ])('%s stays text when it is all of the body', (_, written) => {
    expect(parse(written)).toEqual({ bodies: ['hello'], isComplete: true });
  });

  test.each<[string, Written, bodies: string[], isComplete: boolean]>([
    ['with more bytes than characters', [[`${ofLength(6)}h\xe9llo`, 'utf8']], ['h\xe9llo'], true],
    ['that is short', [[`${ofLength(6)}hello`, 'utf8']], ['hello'], false],
    ['that is long', [[`${ofLength(4)}hello`, 'utf8']], ['hello'], true],
    ['in chunks', [[`${CHUNKED}5\r\nhello\r\n0\r\n\r\n`, 'utf8']], ['hello'], true],
    ['to the end of the connection', [[`${CLOSE}hello`, 'utf8']], ['hello'], false],
  ])('%s is encoded', (_, written, bodies, isComplete) => {
    expect(parse(written)).toEqual({
      bodies: bodies.map((text) => Buffer.from(text, 'utf8')),
      isComplete,
    });
  });

  test('in two pieces is text in the last', () => {
    const { bodies } = parse([
      [`${ofLength(5)}hel`, 'utf8'],
      ['lo', 'utf8'],
    ]);
    expect(bodies).toEqual([Buffer.from('hel'), 'lo']);
  });

  test('in another encoding is encoded', () => {
    const { bodies } = parse([[`${ofLength(5)}h\xe9llo`, 'latin1']]);
    expect(bodies).toEqual([Buffer.from('h\xe9llo', 'latin1')]);
  });

  test('behind the end of the body is not taken for one', () => {
    const { bodies } = parse([
      [ofLength(5), 'latin1'],
      ['hello', 'utf8'],
      ['', 'utf8'],
    ]);
    expect(bodies).toEqual(['hello']);
    expect(
      parse([
        [ofLength(0), 'latin1'],
        ['', 'utf8'],
      ]).bodies,
    ).toEqual([]);
  });
});
