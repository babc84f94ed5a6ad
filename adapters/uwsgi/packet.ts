/**
 * The variables of a uwsgi request (uwsgi-docs, "The uwsgi protocol"), a packet. No I/O, no clock.
 *
 *     modifier1 u8 │ datasize u16 │ modifier2 u8 │ datasize bytes │ body
 *          0           all numbers: little-endian      └── pairs: u16 length, name, u16 length, value
 */

import { FixedLengthReader } from '../../src/one-request/fixed-length-reader.ts';
import { LimitError, ProtocolError } from '../../src/errors.ts';
import { guessProtocol } from '../../src/sockets/peer.ts';

/** The limits of the codec. */
export interface PacketLimits {
  maxVariablesSize: number;
  maxVariables: number;
}

const HEADER_LENGTH = 4;

/** Reads the variables of one request. */
export class PacketReader {
  /** Name, value, name, value …, as byte strings. Empty until all have come. */
  variables: readonly string[] = [];
  readonly #limits: PacketLimits;
  readonly #header = new FixedLengthReader(HEADER_LENGTH);
  #data: FixedLengthReader | undefined; // from the end of the header on

  constructor(limits: PacketLimits) {
    this.#limits = limits;
  }

  /**
   * Takes bytes as they come, split anywhere.
   *
   * @returns undefined while more is needed; then the rest of `chunk`, after the packet
   * @throws {ProtocolError} when the bytes are not uwsgi, or the packet is not a request
   * @throws {LimitError} when a limit is exceeded
   */
  push(chunk: Buffer): Buffer | undefined {
    let at = 0;
    if (this.#data === undefined) {
      at = this.#header.push(chunk, 0);
      if (at < 0) return undefined;
      this.#data = this.#readHeader(this.#header.text);
    }
    const end = this.#data.push(chunk, at);
    if (end < 0) return undefined;
    this.variables = this.#parse(this.#data.text);
    return chunk.subarray(end);
  }

  #readHeader(header: string): FixedLengthReader {
    const modifier1 = header.charCodeAt(0);
    if (modifier1 !== 0) {
      throw new ProtocolError(`modifier1 is ${modifier1}, not 0${guessProtocol(modifier1)}`);
    }
    const size = readUInt16(header, 1);
    const { maxVariablesSize } = this.#limits;
    if (size === 0) throw new ProtocolError('a packet without variables');
    if (size > maxVariablesSize) {
      throw new LimitError('maxVariablesSize', `more than maxVariablesSize (${maxVariablesSize})`);
    }
    return new FixedLengthReader(size);
  }

  #parse(text: string): string[] {
    const { maxVariables } = this.#limits;
    const strings: string[] = [];
    for (let at = 0; at < text.length;) {
      const end = at + 2 + readUInt16(text, at);
      if (!(end <= text.length))
        throw new ProtocolError('a length that runs past the end of the packet');
      strings.push(text.slice(at + 2, end));
      at = end;
      if (strings.length > 2 * maxVariables) {
        throw new LimitError('maxVariables', `more than maxVariables (${maxVariables})`);
      }
    }
    checkVariables(strings);
    return strings;
  }
}

function checkVariables(variables: readonly string[]): void {
  if (variables.length % 2 > 0) throw new ProtocolError('a name without a value');
  for (let i = 0; i < variables.length; i += 2) {
    if (variables[i] === '') throw new ProtocolError('a variable without a name');
  }
}

/** Little-endian. NaN when fewer than two bytes are left. */
function readUInt16(text: string, at: number): number {
  return text.charCodeAt(at) + text.charCodeAt(at + 1) * 256;
}
