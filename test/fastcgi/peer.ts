/**
 * The front end's side of a FastCGI connection, one record at a time. What comes is judged as it comes: a
 * record that FastCGI 1.0 does not allow at its place fails the test, whatever the test is about.
 */

import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';

import { FrontEnd } from '../one-request/client.ts';
import type { Ending } from '../one-request/client.ts';
import {
  RecordParser,
  TYPE,
  encodePairs,
  encodeRecord,
  encodeStream,
} from '../suite/fastcgi-client.ts';
import type { FastCgiRecord } from '../suite/fastcgi-client.ts';

export { TYPE, encodePairs, encodeRecord, encodeStream };
export type { FastCgiRecord };

export const ROLE = { RESPONDER: 1, AUTHORIZER: 2, FILTER: 3 } as const;
export const STATUS = {
  REQUEST_COMPLETE: 0,
  CANT_MPX_CONN: 1,
  OVERLOADED: 2,
  UNKNOWN_ROLE: 3,
} as const;
const KEEP_CONN = 1;
const EMPTY = Buffer.alloc(0);

/** What a request consists of. */
export interface RequestParts {
  /** Default 1. */
  id?: number;
  /** Default: responder. */
  role?: number;
  /** Whether the front end keeps the connection. Default true. */
  keep?: boolean;
  /** Beside what every request has. */
  params?: Readonly<Record<string, string>>;
  /** Its length becomes CONTENT_LENGTH, unless `params` has one. */
  stdin?: Uint8Array | string;
  data?: Uint8Array | string;
}

export function encodeBegin({ id = 1, role = ROLE.RESPONDER, keep = true }: RequestParts): Buffer {
  const flags = keep ? KEEP_CONN : 0;
  const body = Buffer.from([role >> 8, role, flags, 0, 0, 0, 0, 0]);
  return encodeRecord(TYPE.BEGIN_REQUEST, id, body);
}

export function encodeParams({ id = 1, params = {}, stdin = EMPTY }: RequestParts): Buffer {
  const all: Record<string, string> = { REQUEST_METHOD: 'GET', REQUEST_URI: '/', PATH_INFO: '/' };
  if (stdin.length > 0) all['CONTENT_LENGTH'] = String(bytesOf(stdin).length);
  return encodeStream(TYPE.PARAMS, id, encodePairs(Object.entries({ ...all, ...params })));
}

/** A whole request. */
export function encodeRequest(parts: RequestParts = {}): Buffer {
  const { id = 1, stdin = EMPTY, data } = parts;
  const records = [
    encodeBegin(parts),
    encodeParams(parts),
    encodeStream(TYPE.STDIN, id, bytesOf(stdin)),
  ];
  if (data !== undefined) records.push(encodeStream(TYPE.DATA, id, bytesOf(data)));
  return Buffer.concat(records);
}

export function encodeAbort(id = 1): Buffer {
  return encodeRecord(TYPE.ABORT_REQUEST, id, EMPTY);
}

function bytesOf(text: Uint8Array | string): Uint8Array {
  return typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
}

/** What came for a request. */
export class Answer {
  readonly #stdout: Buffer[] = [];
  readonly #stderr: Buffer[] = [];
  #stdoutClosed = false;
  #stderrClosed = false;
  /** Of END_REQUEST, once it has come. */
  end: { appStatus: number; protocolStatus: number } | undefined;

  take({ type, content }: FastCgiRecord): void {
    assert.equal(this.end, undefined, `record of type ${type} after END_REQUEST`);
    if (type === TYPE.END_REQUEST) this.#finish(content);
    else if (type === TYPE.STDOUT) {
      assert(!this.#stdoutClosed, 'STDOUT after its end');
      if (content.length > 0) this.#stdout.push(content);
      else this.#stdoutClosed = true;
    } else {
      assert.equal(type, TYPE.STDERR, 'only STDOUT, STDERR and END_REQUEST belong to a request');
      assert(!this.#stderrClosed, 'STDERR after its end');
      if (content.length > 0) this.#stderr.push(content);
      else this.#stderrClosed = true;
    }
  }

  /** `appStatus (4) | protocolStatus | reserved (3)` (§ 5.5) */
  #finish(content: Buffer): void {
    assert.equal(content.length, 8);
    assert.deepEqual([...content.subarray(5)], [0, 0, 0]);
    assert(this.#stdoutClosed || this.#stdout.length === 0, 'END_REQUEST before the end of STDOUT');
    assert.equal(this.#stderrClosed, this.#stderr.length > 0, 'STDERR is closed if it was used');
    this.end = { appStatus: content.readUInt32BE(), protocolStatus: content[4]! };
  }

  /** Headers, as a byte string, without the empty line. */
  get head(): string {
    return this.#split()[0];
  }

  get body(): Buffer {
    return this.#split()[1];
  }

  get text(): string {
    return this.body.toString('latin1');
  }

  get status(): string | undefined {
    return /^Status: (.*)$/m.exec(this.head)?.[1]?.trimEnd();
  }

  get stderr(): string {
    return Buffer.concat(this.#stderr).toString();
  }

  #split(): [head: string, body: Buffer] {
    const bytes = Buffer.concat(this.#stdout);
    const at = bytes.indexOf('\r\n\r\n');
    return at < 0 ? ['', bytes] : [bytes.toString('latin1', 0, at), bytes.subarray(at + 4)];
  }
}

/** A connection to an application. Nothing is read before somebody asks for it. */
export class Peer {
  readonly frontEnd: FrontEnd;
  readonly #parser = new RecordParser();
  readonly #waiting: FastCgiRecord[] = [];
  readonly #answers = new Map<number, Answer>();
  /** Types of the management records that came, with their content. */
  readonly management: FastCgiRecord[] = [];

  static async connect(address: AddressInfo | string | null): Promise<Peer> {
    return new Peer(await FrontEnd.connect(address));
  }

  private constructor(frontEnd: FrontEnd) {
    this.frontEnd = frontEnd;
  }

  send(...parts: Uint8Array[]): boolean {
    return this.frontEnd.send(Buffer.concat(parts));
  }

  /** The next record; undefined when the connection was closed or reset. */
  async next(): Promise<FastCgiRecord | undefined> {
    while (this.#waiting.length === 0) {
      const step = await this.frontEnd.output.next().catch(() => ({ done: true as const }));
      if (step.done === true) return undefined;
      for (const record of this.#parser.feed(step.value)) this.#waiting.push(judge(record));
    }
    const record = this.#waiting.shift()!;
    if (record.id === 0) this.management.push(record);
    else this.answer(record.id).take(record);
    return record;
  }

  /** What has been read so far for a request since its id was used last. */
  answer(id = 1): Answer {
    const known = this.#answers.get(id);
    if (known !== undefined) return known;
    const answer = new Answer();
    this.#answers.set(id, answer);
    return answer;
  }

  /** Reads up to END_REQUEST, or the end of the connection. After that the id is free. */
  async reply(id = 1): Promise<Answer> {
    const answer = this.answer(id);
    while (answer.end === undefined && (await this.next()) !== undefined);
    this.#answers.delete(id);
    return answer;
  }

  async request(parts: RequestParts = {}): Promise<Answer> {
    this.send(encodeRequest(parts));
    return this.reply(parts.id);
  }

  /** Whether the gateway has ended with what is no record. */
  get isBrokenOff(): boolean {
    return this.#parser.isBrokenOff;
  }

  /** Reads all that is still to come. */
  async ending(): Promise<Ending> {
    while ((await this.next()) !== undefined);
    return this.frontEnd.ending;
  }

  leave(): void {
    this.frontEnd.leave();
  }
}

/**
 * § 3.3: alignment to 8 bytes is recommended; and what memory held before must not leak. A head alone may be without
 * padding, for which nginx would hold it back.
 */
export function judge(record: FastCgiRecord): FastCgiRecord {
  const { type, content, padding } = record;
  const isHead = type === TYPE.STDOUT && content.subarray(-4).toString('latin1') === '\r\n\r\n';
  const isAligned = (content.length + padding.length) % 8 === 0;
  assert(isAligned || (isHead && padding.length === 0), 'records are padded to 8 bytes');
  assert(!padding.some((byte) => byte !== 0), 'padding is zero');
  return record;
}
