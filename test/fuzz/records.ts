/** Conversations of a front end, valid ones that were made or recorded, and what can be done to them. */

import * as fc from 'fast-check';

import { CAPTURES } from '../fastcgi/captures.ts';
import { ROLE, TYPE, encodePairs } from '../fastcgi/peer.ts';
import { cutAt } from '../reader-kit.ts';

/** A record before it is encoded: its header may lie. */
export interface Draft {
  version: number;
  type: number;
  id: number;
  /** What the header says; undefined for the truth. */
  length: number | undefined;
  content: Buffer;
  padding: number;
}

const NOTHING = Buffer.alloc(0);
const HEADER = 8;

function draft(type: number, id: number, content: Uint8Array = NOTHING, padding = 0): Draft {
  return { version: 1, type, id, length: undefined, content: Buffer.from(content), padding };
}

export function encode({ version, type, id, length, content, padding }: Draft): Buffer {
  const header = Buffer.of(version, type, 0, 0, 0, 0, padding, 0);
  header.writeUInt16BE(id, 2);
  header.writeUInt16BE((length ?? content.length) & 0xffff, 4);
  return Buffer.concat([header, content, Buffer.alloc(padding, 0xff)]);
}

// ---- valid ones

const id = fc.constantFrom(1, 1, 2, 3, 0xffff);
const path = fc.constantFrom('/hello', '/echo', '/never', '/stream', '/error', '/roles', '/other');
const padding = fc.constantFrom(0, 0, 1, 8, 255);
const name = fc.constantFrom('A', 'HTTP_X', 'HTTP_X', '__proto__', 'wsgi.input', 'REQUEST_URI', '');
const value = fc.constantFrom(
  '',
  '4',
  'caf\xc3\xa9 \xff',
  'x'.repeat(300),
  '\r\n\0',
  '99999999999',
);

/** A request, its streams cut into records anywhere. */
const request = fc
  .record({
    id,
    role: fc.constantFrom(ROLE.RESPONDER, ROLE.RESPONDER, ROLE.AUTHORIZER, ROLE.FILTER, 4),
    keep: fc.boolean(),
    path,
    more: fc.array(fc.tuple(name, value), { maxLength: 4 }),
    length: fc.option(fc.constantFrom('-1', '0', '2', '40', 'x'), { nil: undefined }),
    stdin: fc.uint8Array({ maxLength: 40 }),
    data: fc.uint8Array({ maxLength: 10 }),
    cuts: fc.array(fc.nat(500), { maxLength: 3 }),
    padding,
  })
  .map(({ id, role, keep, path, more, length, stdin, data, cuts, padding }) => {
    const pairs = [
      ['REQUEST_METHOD', 'POST'],
      ['PATH_INFO', path],
      ['CONTENT_LENGTH', length ?? String(stdin.length)],
      ...more,
    ] as const;
    const stream = (type: number, bytes: Uint8Array): Draft[] => [
      ...cutAt(Buffer.from(bytes), cuts)
        .filter((piece) => piece.length > 0)
        .map((piece) => draft(type, id, piece, padding)),
      draft(type, id),
    ];
    return [
      draft(TYPE.BEGIN_REQUEST, id, [0, role, keep ? 1 : 0, 0, 0, 0, 0, 0] as never),
      ...stream(TYPE.PARAMS, encodePairs(pairs)),
      ...stream(TYPE.STDIN, stdin),
      ...(role === ROLE.FILTER ? stream(TYPE.DATA, data) : []),
    ];
  });

/** What front ends have sent. */
const captured = fc.constantFrom(
  ...Object.values(CAPTURES).map((records) =>
    records.map(([digits, content, padding]) => {
      const header = Buffer.from(digits, 'hex');
      const bytes = Buffer.from(content, 'latin1');
      return draft(header[1]!, header.readUInt16BE(2), bytes, padding.length / 2);
    }),
  ),
);

const management = fc
  .array(fc.constantFrom('FCGI_MAX_CONNS', 'FCGI_MPXS_CONNS', 'toString', 'x'), { maxLength: 3 })
  .map((names) => [
    draft(TYPE.GET_VALUES, 0, encodePairs(names.map((name) => [name, ''] as const))),
  ]);

const abort = id.map((id) => [draft(TYPE.ABORT_REQUEST, id)]);

/** Several of them, one after the other or interleaved. */
export const conversation: fc.Arbitrary<Draft[]> = fc
  .tuple(
    fc.array(
      fc.oneof(
        { weight: 5, arbitrary: request },
        { weight: 2, arbitrary: captured },
        management,
        abort,
      ),
      { minLength: 1, maxLength: 4 },
    ),
    fc.array(fc.nat(3), { maxLength: 30 }),
  )
  .map(([parts, order]) => interleave(parts, order));

/** The next record is that of the part whose turn it is; those of one part stay in their order. */
function interleave(parts: readonly Draft[][], order: readonly number[]): Draft[] {
  const waiting = parts.map((records) => [...records]);
  const result: Draft[] = [];
  for (const turn of order) {
    const record = waiting[turn % waiting.length]!.shift();
    if (record !== undefined) result.push(record);
  }
  return [...result, ...waiting.flat()];
}

// ---- what is done to them

const KINDS = [
  'bit',
  'byte',
  'version',
  'type',
  'id',
  'length',
  'padding',
  'lengths',
  'cut',
  'drop',
  'twice',
  'move',
  'end stream',
  'alien',
] as const;

/** @param at which record, and where in it. @param value what to put there */
interface Mutation {
  kind: (typeof KINDS)[number];
  at: number;
  place: number;
  value: number;
}

const extreme = fc.constantFrom(0, 1, 2, 7, 8, 127, 128, 254, 255, 256, 0x7fff, 0x8000, 0xffff);

export const mutations: fc.Arbitrary<Mutation[]> = fc.array(
  fc.record({
    kind: fc.constantFrom(...KINDS),
    at: fc.nat(60),
    place: fc.nat(400),
    value: fc.oneof(extreme, fc.nat(0xffff)),
  }),
  { maxLength: 4 },
);

export function mutate(records: readonly Draft[], all: readonly Mutation[]): Draft[] {
  const drafts = records.map((record) => ({ ...record, content: Buffer.from(record.content) }));
  for (const mutation of all) if (drafts.length > 0) mutateOne(drafts, mutation);
  return drafts;
}

function mutateOne(drafts: Draft[], { kind, at: nth, place, value }: Mutation): void {
  const at = nth % drafts.length;
  const record = drafts[at]!;
  const { content } = record;
  const where = content.length === 0 ? 0 : place % content.length;
  switch (kind) {
    case 'bit':
      if (content.length > 0) content[where]! ^= 1 << (value % 8);
      return;
    case 'byte':
      if (content.length > 0) content[where] = value;
      return;
    case 'version':
    case 'type':
    case 'padding':
      record[kind] = value & 0xff;
      return;
    case 'id':
      record.id = value;
      return;
    case 'length':
      record.length = value;
      return;
    case 'lengths': // of a pair: CVE-2025-23016
      if (content.length >= 4) content.writeUInt32BE(0xffff_ffff, place % (content.length - 3));
      return;
    case 'cut':
      drafts.splice(
        at,
        1,
        { ...record, content: content.subarray(0, where) },
        { ...record, content: content.subarray(where) },
      );
      return;
    case 'drop':
      drafts.splice(at, 1);
      return;
    case 'twice':
      drafts.splice(at, 0, record);
      return;
    case 'move':
      drafts.splice(value % drafts.length, 0, ...drafts.splice(at, 1));
      return;
    case 'end stream':
      drafts.splice(at, 0, { ...record, content: NOTHING, length: undefined });
      return;
    case 'alien':
      drafts.splice(at, 0, draft(value & 0xff, record.id, content, place & 0xff));
      return;
  }
}

// ---- how they arrive

/** Where the bytes end, and how they are cut: here and there, and byte by byte for a while. */
export const arrival = fc.record({
  end: fc.oneof({ weight: 3, arbitrary: fc.constant(Infinity) }, fc.nat(3000)),
  cuts: fc.array(fc.nat(3000), { maxLength: 8 }),
  singly: fc.option(fc.nat(3000), { nil: undefined }),
});
type Arrival = typeof arrival extends fc.Arbitrary<infer T> ? T : never;

/** How many bytes come one by one. */
const SINGLY = 3 * HEADER;

export function pieces(bytes: Buffer, { end, cuts, singly }: Arrival): Buffer[] {
  const whole = bytes.subarray(0, Math.min(end, bytes.length));
  const all = [...cuts];
  if (singly !== undefined) for (let i = 0; i < SINGLY; i++) all.push(singly + i);
  return cutAt(whole, all);
}
