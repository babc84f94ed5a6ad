/** The codecs of the protocols against readers that were written for this test, each as plain as can be. */

import * as fc from 'fast-check';
import { expect } from 'vitest';

import { ParamsDecoder } from '../../adapters/fastcgi/params.ts';
import { NetstringReader } from '../../adapters/scgi/netstring.ts';
import { PacketReader } from '../../adapters/uwsgi/packet.ts';
import { ProtocolError } from '../../src/errors.ts';
import { decodePairs, parse } from '../fastcgi/parsed.ts';
import type { Told } from '../fastcgi/parsed.ts';
import { encodePairs } from '../fastcgi/peer.ts';
import {
  byteString,
  cutAt,
  damage,
  damages,
  pairsOf,
  places,
  readOrRefuse,
} from '../reader-kit.ts';
import { CAPTURES as SCGI_CAPTURES } from '../scgi/captures.ts';
import { encodeRequest as encodeScgi } from '../scgi/client.ts';
import { CAPTURES as UWSGI_CAPTURES } from '../uwsgi/captures.ts';
import { encodeRequest as encodeUwsgi } from '../uwsgi/client.ts';
import { fuzz } from './fuzz.ts';
import { arrival, conversation, encode, mutate, mutations, pieces } from './records.ts';

const PROTOCOL_ERROR = 'ERR_POSTERN_PROTOCOL';
const LIMITS = { maxVariablesSize: 5000, maxVariables: 40 };

const pairs = fc.array(fc.tuple(byteString(1, 1), byteString(1, 0)), { maxLength: 8 });

// ---- FastCGI

/** What records tell, up to the first that cannot be understood. */
function tellRecords(bytes: Buffer): Told[] {
  const told: Told[] = [];
  for (let at = 0; at + 8 <= bytes.length && bytes[at] === 1;) {
    const [type, id, length] = [
      bytes[at + 1]!,
      bytes.readUInt16BE(at + 2),
      bytes.readUInt16BE(at + 4),
    ];
    const content = bytes.toString('latin1', at + 8, Math.min(at + 8 + length, bytes.length));
    const isWhole = content.length === length;
    const isStream = id !== 0 && [4, 5, 8].includes(type);
    if (!isStream && isWhole) told.push(['record', type, id, content]);
    else if (isStream && length === 0) told.push(['end', type, id, '']);
    else if (isStream && content !== '') {
      const last = told.at(-1);
      if (last?.[0] === 'bytes' && last[1] === type && last[2] === id) last[3] += content;
      else told.push(['bytes', type, id, content]);
    }
    at += 8 + length + bytes[at + 6]!;
  }
  return told;
}

fuzz(
  'records: the same as a plain reader says, in any partition',
  fc.property(conversation, mutations, arrival, (records, changes, how) => {
    const bytes = Buffer.concat(mutate(records, changes).map(encode));
    const told: Told[] = [];
    const chunks = pieces(bytes, how);
    const whole = Buffer.concat(chunks);
    try {
      told.push(...parse(chunks));
    } catch (error) {
      expect(error).toBeInstanceOf(ProtocolError);
      expect(isOfAnotherVersion(whole)).toBe(true);
      return;
    }
    expect(told).toEqual(tellRecords(whole));
  }),
);

/** Whether there is a record that begins with something else than 1. */
function isOfAnotherVersion(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length;) {
    if (bytes[at] !== 1) return true;
    if (at + 8 > bytes.length) return false;
    at += 8 + bytes.readUInt16BE(at + 4) + bytes[at + 6]!;
  }
  return false;
}

/** Name–value pairs (§ 3.4); undefined when a length points behind the end. */
function readPairs(bytes: Buffer): [name: string, value: string][] | undefined {
  const digits = [...bytes];
  const result: [name: string, value: string][] = [];
  const readLength = (): number => {
    const first = digits.shift() ?? NaN;
    if (!(first >= 128)) return first;
    const [a = NaN, b = NaN, c = NaN] = digits.splice(0, 3);
    return (((first - 128) * 256 + a) * 256 + b) * 256 + c;
  };
  while (digits.length > 0) {
    const [name, value] = [readLength(), readLength()];
    if (!(name + value <= digits.length)) return undefined;
    const [first, second] = [digits.splice(0, name), digits.splice(0, value)];
    result.push([String.fromCharCode(...first), String.fromCharCode(...second)]);
  }
  return result;
}

/** Blocks of pairs, damaged; each like the one before, so that there is something to be remembered wrongly. */
const blocks = fc
  .tuple(
    pairs,
    fc.array(fc.tuple(damages, fc.option(fc.nat(200), { nil: undefined })), { maxLength: 4 }),
  )
  .map(([pairs, all]) => {
    const bytes = encodePairs([...pairs, ['LONG', 'x'.repeat(130)]]);
    return [bytes, ...all.map(([where, end]) => damage(bytes, where).subarray(0, end))];
  });

fuzz(
  'PARAMS: the same as a plain reader says, by itself and after others',
  fc.property(blocks, (blocks) => {
    const decoder = new ParamsDecoder();
    for (const block of blocks) {
      const expected = readPairs(block);
      if (expected === undefined) {
        expect(() => decodePairs(block)).toThrow(ProtocolError);
        expect(() => decoder.decode(block, 0, block.length, Infinity)).toThrow(ProtocolError);
        continue;
      }
      expect(decodePairs(block)).toEqual(expected);
      decoder.decode(block, 0, block.length, Infinity);
      const { names, values, count, hasRepeats } = decoder;
      expect(names.slice(0, count).map((name, i) => [name, values[i]])).toEqual(expected);
      const known = expected.map(([name]) => name).filter((name) => name !== '');
      expect(hasRepeats).toBe(new Set(known).size < known.length);
    }
  }),
);

// ---- SCGI

/** The variables of a request and what is behind them; undefined for what is none, or not whole. */
function readNetstring(bytes: Buffer): [variables: string[], body: string] | undefined {
  const [, digits = '', rest = ''] = /^([1-9]\d*):([^]*)$/.exec(bytes.toString('latin1')) ?? [];
  const headers = rest.slice(0, Number(digits));
  if (digits === '' || !rest.startsWith(`${headers},`) || headers.length < Number(digits)) return;
  if (!/^(?:[^\0]+\0[^\0]*\0)+$/.test(headers)) return undefined;
  const strings = headers.slice(0, -1).split('\0');
  const names = strings.filter((_, i) => i % 2 === 0);
  const singular = names.filter((name) => name === 'SCGI' || !name.startsWith('HTTP_'));
  const isScgi = strings.some(
    (name, i) => i % 2 === 0 && name === 'SCGI' && strings[i + 1] === '1',
  );
  if (!isScgi || new Set(singular).size < singular.length) return undefined;
  if (names[0] !== 'CONTENT_LENGTH' || strings[1] === '') return undefined;
  return [strings, rest.slice(headers.length + 1)];
}

const scgi = fc.oneof(
  pairs.map((pairs) => encodeScgi(pairs, 'body')),
  fc.constantFrom(...Object.values(SCGI_CAPTURES).map((text) => Buffer.from(text, 'latin1'))),
);

fuzz(
  'SCGI: the same as a plain reader says, in any partition',
  fc.property(scgi, damages, places, (request, where, at) => {
    const bytes = damage(request, where);
    const outcome = readOrRefuse(new NetstringReader(LIMITS), cutAt(bytes, at));
    const expected = readNetstring(bytes);
    if (typeof outcome === 'string' || outcome.body === undefined) {
      const isLimit = outcome === 'ERR_POSTERN_LIMIT';
      expect(isLimit ? undefined : expected).toBeUndefined();
    } else {
      expect([outcome.variables, outcome.body]).toEqual(expected);
    }
  }),
);

// ---- uwsgi

/** The same of a uwsgi request. */
function readPacket(bytes: Buffer): [pairs: [string, string][], body: string] | undefined {
  if (bytes.length < 4 || bytes[0] !== 0) return undefined;
  const end = 4 + bytes.readUInt16LE(1);
  if (end > bytes.length || end === 4) return undefined;
  const strings: string[] = [];
  for (let at = 4; at < end;) {
    if (at + 2 > end) return undefined;
    const next = at + 2 + bytes.readUInt16LE(at);
    if (next > end) return undefined;
    strings.push(bytes.toString('latin1', at + 2, next));
    at = next;
  }
  if (strings.length % 2 > 0) return undefined;
  const pairs = strings.flatMap((name, i) =>
    i % 2 === 0 ? [[name, strings[i + 1]!] as [string, string]] : [],
  );
  return [pairs, bytes.toString('latin1', end)];
}

const uwsgi = fc.oneof(
  pairs.map((pairs) => encodeUwsgi(pairs, 'body')),
  fc.constantFrom(...Object.values(UWSGI_CAPTURES).map((text) => Buffer.from(text, 'latin1'))),
);

fuzz(
  'uwsgi: the same as a plain reader says, in any partition',
  fc.property(uwsgi, damages, places, (request, where, at) => {
    const bytes = damage(request, where);
    const outcome = readOrRefuse(new PacketReader(LIMITS), cutAt(bytes, at));
    const expected = readPacket(bytes);
    if (typeof outcome === 'string') {
      if (outcome === PROTOCOL_ERROR) expectNoRequest(expected);
    } else if (outcome.body === undefined) expect(expected).toBeUndefined();
    else expect([pairsOf(outcome), outcome.body]).toEqual(expected);
  }),
);

function expectNoRequest(packet: ReturnType<typeof readPacket>): void {
  expect(packet).toBeUndefined();
}
