/** Adds the variables of a request to its environ. */

import { isOrdinary as isPlain, setNewVariable, setVariable } from '../../src/environ/environ.ts';
import type { Variables } from '../../src/environ/environ.ts';
import type { ParamsDecoder } from './params.ts';

/** Adds the variables that the decoder has decoded last. */
export function addVariables(environ: Variables, decoder: ParamsDecoder): void {
  const { names, values, count, hasRepeats } = decoder;
  const set = hasRepeats ? setVariable : setNewVariable;
  const done = hasRepeats ? 0 : setUnrolled(environ, names, values, count);
  for (let i = 0; i < count; i++) {
    const name = names[i]!;
    if (name === '' || (i < done && isOrdinary(name))) continue;
    set(environ, name, values[i]!);
  }
}

/** Whether a variable is set as it is; `''` is left out. */
function isOrdinary(name: string): boolean {
  return name !== '' && isPlain(name);
}

/**
 * Sets the first variables in an unrolled loop, if no name occurs twice.
 *
 * Each line has an inline cache of its own: V8 keeps there which name came last, and where it is in the environ. Front
 * ends send the same names in the same order, so this takes half as long as a loop, which looks every name up.
 *
 * @returns how many variables it covers
 */
function setUnrolled(
  environ: Variables,
  names: readonly string[],
  values: readonly string[],
  count: number,
): number {
  if (count > 0 && isOrdinary(names[0]!)) environ[names[0]!] = values[0];
  if (count > 1 && isOrdinary(names[1]!)) environ[names[1]!] = values[1];
  if (count > 2 && isOrdinary(names[2]!)) environ[names[2]!] = values[2];
  if (count > 3 && isOrdinary(names[3]!)) environ[names[3]!] = values[3];
  if (count > 4 && isOrdinary(names[4]!)) environ[names[4]!] = values[4];
  if (count > 5 && isOrdinary(names[5]!)) environ[names[5]!] = values[5];
  if (count > 6 && isOrdinary(names[6]!)) environ[names[6]!] = values[6];
  if (count > 7 && isOrdinary(names[7]!)) environ[names[7]!] = values[7];
  if (count > 8 && isOrdinary(names[8]!)) environ[names[8]!] = values[8];
  if (count > 9 && isOrdinary(names[9]!)) environ[names[9]!] = values[9];
  if (count > 10 && isOrdinary(names[10]!)) environ[names[10]!] = values[10];
  if (count > 11 && isOrdinary(names[11]!)) environ[names[11]!] = values[11];
  if (count > 12 && isOrdinary(names[12]!)) environ[names[12]!] = values[12];
  if (count > 13 && isOrdinary(names[13]!)) environ[names[13]!] = values[13];
  if (count > 14 && isOrdinary(names[14]!)) environ[names[14]!] = values[14];
  if (count > 15 && isOrdinary(names[15]!)) environ[names[15]!] = values[15];
  if (count > 16 && isOrdinary(names[16]!)) environ[names[16]!] = values[16];
  if (count > 17 && isOrdinary(names[17]!)) environ[names[17]!] = values[17];
  if (count > 18 && isOrdinary(names[18]!)) environ[names[18]!] = values[18];
  if (count > 19 && isOrdinary(names[19]!)) environ[names[19]!] = values[19];
  if (count > 20 && isOrdinary(names[20]!)) environ[names[20]!] = values[20];
  if (count > 21 && isOrdinary(names[21]!)) environ[names[21]!] = values[21];
  if (count > 22 && isOrdinary(names[22]!)) environ[names[22]!] = values[22];
  if (count > 23 && isOrdinary(names[23]!)) environ[names[23]!] = values[23];
  return 24;
}
