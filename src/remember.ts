/** Remembering what was made of a text, for those few that come again and again. */

import { copyText } from './bytes.ts';

/** Texts come from outside: more than these are not kept, but made anew each time. */
const LIMIT = 1024;
/** Characters of a text that is kept: long ones do not come again and again, and would fill memory. */
const LONGEST = 256;

/**
 * A function that calls `make` once for each text.
 *
 * @param make what it throws is thrown each time
 */
export function remember<T>(make: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    const value = known.get(text);
    if (value !== undefined) return value;
    const made = make(text);
    if (known.size < LIMIT && text.length <= LONGEST) known.set(copyText(text), made);
    return made;
  };
}
