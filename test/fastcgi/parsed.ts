/** What the record parser tells of, put into words that can be compared. */

import { ByteQueue } from '../../src/bytes.ts';
import { ParamsDecoder } from '../../adapters/fastcgi/params.ts';
import { RecordParser } from '../../adapters/fastcgi/record.ts';
import type { RecordVisitor } from '../../adapters/fastcgi/record.ts';
import { cutAt } from '../reader-kit.ts';

export { cutAt };

/** A record that stands for itself, a stream's bytes up to the next thing on the connection, or its end. */
export type Told = [kind: 'record' | 'bytes' | 'end', type: number, id: number, content: string];

/** Bytes of one stream that come one after the other are one thing, however they were cut. */
export class Listener implements RecordVisitor {
  readonly told: Told[] = [];

  discrete(type: number, id: number, bytes: Buffer, start: number, end: number): void {
    this.told.push(['record', type, id, bytes.toString('latin1', start, end)]);
  }

  stream(type: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (end <= start) throw new Error('told of no bytes at all');
    const text = bytes.toString('latin1', start, end);
    const last = this.told.at(-1);
    const isMore = last?.[0] === 'bytes' && last[1] === type && last[2] === id;
    if (isMore) last[3] += text;
    else this.told.push(['bytes', type, id, text]);
  }

  streamEnd(type: number, id: number): void {
    this.told.push(['end', type, id, '']);
  }
}

/** Feeds a parser. @throws what it throws */
export function parse(chunks: Iterable<Buffer>): Told[] {
  const listener = new Listener();
  const parser = new RecordParser(listener);
  for (const chunk of chunks) parser.push(chunk);
  return listener.told;
}

/** The pairs of a stream of PARAMS, decoded by itself. @throws what the decoder throws */
export function decodePairs(block: Buffer): [name: string, value: string][] {
  const decoder = new ParamsDecoder();
  decoder.decode(block, 0, block.length, block.length);
  return decoder.names.map((name, i) => [name, decoder.values[i]!]);
}

/** In two pieces at every place, byte by byte, and in pieces of three. */
export function* everySplit(bytes: Buffer): Generator<Buffer[]> {
  for (let at = 0; at <= bytes.length; at++) yield cutAt(bytes, [at]);
  for (const size of [1, 3]) yield inPieces(bytes, size);
}

export function inPieces(bytes: Buffer, size: number): Buffer[] {
  const queue = new ByteQueue();
  queue.push(bytes);
  const pieces: Buffer[] = [];
  while (queue.length > 0) pieces.push(queue.shift(size));
  return pieces;
}

/** Hexadecimal digits, blanks between them ignored. */
export function hex(digits: string): Buffer {
  return Buffer.from(digits.replaceAll(/\s/g, ''), 'hex');
}
