/**
 * The variables of an SCGI request (python.ca/scgi/protocol.txt), a netstring. No I/O, no clock.
 *
 *     "24:" "CONTENT_LENGTH" NUL "0" NUL "SCGI" NUL "1" NUL "," body
 *       └── bytes up to the comma
 */

import { FixedLengthReader } from '../../src/one-request/fixed-length-reader.ts';
import { LimitError, ProtocolError } from '../../src/errors.ts';
import { guessProtocol } from '../../src/sockets/peer.ts';

/** The limits of the codec. */
export interface NetstringLimits {
  maxVariablesSize: number;
  maxVariables: number;
}

const COLON = 0x3a;
const ZERO = 0x30;
const NINE = 0x39;
/** String.split takes its limit modulo 2³². */
const MAX_UINT32 = 0xffff_ffff;

/** Reads the variables of one request. */
export class NetstringReader {
  /** Name, value, name, value …, as byte strings. Empty until all have come. */
  variables: readonly string[] = [];
  readonly #limits: NetstringLimits;
  #length = -1; // from the digits so far; -1 before the first
  #payload: FixedLengthReader | undefined; // from the colon on; with the comma

  constructor(limits: NetstringLimits) {
    this.#limits = limits;
  }

  /**
   * Takes bytes as they come, split anywhere.
   *
   * @returns undefined while more is needed; then the rest of `chunk`, after the netstring
   * @throws {ProtocolError} when the bytes are not SCGI
   * @throws {LimitError} when a limit is exceeded
   */
  push(chunk: Buffer): Buffer | undefined {
    let at = 0;
    while (this.#payload === undefined) {
      if (at === chunk.length) return undefined;
      this.#readLength(chunk[at++]!);
    }
    const end = this.#payload.push(chunk, at);
    if (end < 0) return undefined;
    this.variables = this.#parse(this.#payload.text);
    return chunk.subarray(end);
  }

  #readLength(byte: number): void {
    if (byte === COLON && this.#length >= 0) {
      this.#payload = new FixedLengthReader(this.#length + 1);
      return;
    }
    if (byte < ZERO || byte > NINE) {
      const hint = this.#length < 0 ? guessProtocol(byte) : '';
      throw new ProtocolError(`the length is not digits and a colon${hint}`);
    }
    if (this.#length === 0) throw new ProtocolError('the length begins with a zero');
    this.#length = Math.max(0, this.#length) * 10 + byte - ZERO;
    const { maxVariablesSize } = this.#limits;
    if (this.#length > maxVariablesSize) {
      throw new LimitError('maxVariablesSize', `more than maxVariablesSize (${maxVariablesSize})`);
    }
  }

  #parse(text: string): string[] {
    const { maxVariables } = this.#limits;
    if (text.at(-1) !== ',') throw new ProtocolError('no comma at the end of the variables');
    // Each string ends with NUL, so the comma is the last piece.
    const limit = 2 * maxVariables + 1;
    const strings = text.split('\0', Math.min(limit + 1, MAX_UINT32));
    if (strings.length > limit) {
      throw new LimitError('maxVariables', `more than maxVariables (${maxVariables})`);
    }
    if (strings.pop() !== ',') throw new ProtocolError('the last variable does not end with NUL');
    if (strings.length % 2 > 0) throw new ProtocolError('a name without a value');
    checkVariables(strings);
    return strings;
  }
}

function checkVariables(variables: readonly string[]): void {
  if (variables[0] !== 'CONTENT_LENGTH') {
    throw new ProtocolError('CONTENT_LENGTH is not the first variable');
  }
  if (variables[1] === '') throw new ProtocolError('CONTENT_LENGTH is empty');
  const names = new Set<string>();
  let version: string | undefined;
  for (let i = 0; i < variables.length; i += 2) {
    const name = variables[i]!;
    if (name === 'SCGI') version = variables[i + 1];
    // nginx before 1.23 sends repeated headers as repeated variables. The environ has a rule for them.
    else if (name.startsWith('HTTP_') || name === 'CONTENT_TYPE') continue;
    if (name === '') throw new ProtocolError('a variable without a name');
    if (names.has(name)) throw new ProtocolError(`${JSON.stringify(name)} comes twice`);
    names.add(name);
  }
  if (version !== '1') throw new ProtocolError('there is no SCGI variable with the value 1');
}
