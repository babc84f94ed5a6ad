/** What real front ends send, through the whole gateway, however it is cut. */

import { describe, expect, test } from 'vitest';

import type { Environ } from '../../src/types.ts';
import { CAPTURES, bytesOf } from './captures.ts';
import type { CapturedRecord } from './captures.ts';
import { echo, keeping, serve } from './kit.ts';
import type { Running } from './kit.ts';
import { cutAt, inPieces } from './parsed.ts';
import { TYPE } from './peer.ts';
import type { Answer, Peer } from './peer.ts';

/** What the environ of each of them is to say. */
const REQUEST: Partial<Environ> = {
  REQUEST_METHOD: 'POST',
  REQUEST_URI: '/app/some%20path/%C3%A9?x=1&y=a%20b',
  SCRIPT_NAME: '',
  PATH_INFO: '/app/some path/\xc3\xa9',
  QUERY_STRING: 'x=1&y=a%20b',
  SERVER_NAME: 'localhost',
  SERVER_PROTOCOL: 'HTTP/1.1',
  REMOTE_ADDR: '127.0.0.1',
  CONTENT_TYPE: 'text/plain',
  CONTENT_LENGTH: '4',
  HTTP_HOST: 'localhost',
  HTTP_X_A: '1, 2',
};

/** `cgi-fcgi` hands on what it was given. */
const LONG: Partial<Environ> = {
  REQUEST_METHOD: 'POST',
  CONTENT_LENGTH: '4',
  LONG_A: 'a'.repeat(5000),
  LONG_B: 'b'.repeat(5000),
};

describe.each(Object.entries(CAPTURES))('%s', (name, records) => {
  const bytes = bytesOf(records);
  const ids = idsOf(records);
  const expected = name.startsWith('cgi-fcgi') ? LONG : REQUEST;

  test('the environ is the same behind all of them, and the body arrives', async () => {
    const environs: Environ[] = [];
    const { answers, peer } = await exchange(await serve(keeping(environs, echo)), [bytes], ids);
    expect(environs).toHaveLength(ids.length);
    for (const environ of environs) {
      expect(environ).toMatchObject(expected);
      expect(Object.keys(environ)).not.toContain('HTTP_CONTENT_LENGTH');
    }
    for (const answer of answers) expectEcho(answer);
    peer.leave();
  });

  test('the connection is closed unless the front end said that it keeps it', async () => {
    const gateway = await serve(echo);
    const { peer } = await exchange(gateway, [bytes], ids);
    if (isKept(records)) {
      for (const id of ids) expectEcho(await peer.request({ id, stdin: 'body' }));
      peer.leave();
    } else {
      expect(await peer.ending()).toBe('closed');
    }
  });

  test('cut at every place', { timeout: 120_000 }, async () => {
    const gateway = await serve(echo);
    // Of what is one byte again and again, a few places do.
    const step = bytes.length > 5000 ? 7 : 1;
    for (let at = 1; at < bytes.length; at += step) {
      const { answers, peer } = await exchange(gateway, cutAt(bytes, [at]), ids);
      for (const answer of answers) expectEcho(answer);
      peer.leave();
    }
    expect(gateway.log).toEqual([]);
  });

  test('byte by byte, and in small pieces', async () => {
    const gateway = await serve(echo);
    for (const size of bytes.length > 5000 ? [97] : [1, 2, 7]) {
      const { answers, peer } = await exchange(gateway, inPieces(bytes, size), ids);
      for (const answer of answers) expectEcho(answer);
      peer.leave();
    }
    expect(gateway.log).toEqual([]);
  });
});

test('HAProxy learns all it asks for, before anything else', async () => {
  const records = CAPTURES['HAProxy 2.6, two requests at once']!;
  const { peer } = await exchange(await serve(echo), [bytesOf(records)], idsOf(records));
  expect(peer.management.map(({ type, content }) => [type, content.toString()])).toEqual([
    [TYPE.GET_VALUES_RESULT, '\x0d\x03FCGI_MAX_REQS256\x0f\x01FCGI_MPXS_CONNS1'],
  ]);
  peer.leave();
});

/** Ids of the requests in a capture. */
function idsOf(records: readonly CapturedRecord[]): number[] {
  return headersOf(records)
    .filter((header) => header[1] === TYPE.BEGIN_REQUEST)
    .map((header) => header.readUInt16BE(2));
}

/** Whether KEEP_CONN is set (§ 5.1). */
function isKept(records: readonly CapturedRecord[]): boolean {
  const begin = records.find(([header]) => header.startsWith('0101'));
  return begin![1].charCodeAt(2) === 1;
}

function headersOf(records: readonly CapturedRecord[]): Buffer[] {
  return records.map(([header]) => Buffer.from(header, 'hex'));
}

async function exchange(
  gateway: Running,
  pieces: readonly Buffer[],
  ids: readonly number[],
): Promise<{ answers: Answer[]; peer: Peer }> {
  const peer = await gateway.connect();
  for (const piece of pieces) {
    peer.send(piece);
    // The gateway reads it before there is more.
    if (pieces.length > 1) await new Promise((resolve) => setImmediate(resolve));
  }
  const answers: Answer[] = [];
  for (const id of ids) answers.push(await peer.reply(id));
  return { answers, peer };
}

function expectEcho(answer: Answer): void {
  expect([answer.status, answer.text, answer.end]).toEqual([
    '200 OK',
    'body',
    { appStatus: 0, protocolStatus: 0 },
  ]);
}
