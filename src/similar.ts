/** Finds what may have been meant by a word that is not known. */

/**
 * The known word that is most like another one: the same but for case and punctuation (`scriptName`, `script-name`), with a
 * typing error or two, or the only one of which it is a part, or which it
 * begins with.
 *
 * @returns undefined when none is like it
 */
export function similarTo<T extends string>(word: string, known: readonly T[]): T | undefined {
  const wanted = plain(word);
  if (wanted === '') return undefined;
  const ranked = known
    .map((name) => ({ name, errors: typingErrors(wanted, plain(name)) }))
    .filter(({ name, errors }) => errors <= tolerated(wanted, plain(name)))
    .toSorted((a, b) => a.errors - b.errors);
  return ranked[0]?.name ?? onlyOneWith(wanted, known);
}

function plain(word: string): string {
  return word.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '');
}

/** One in three letters may be wrong, but no more than two. */
function tolerated(word: string, other: string): number {
  return Math.min(2, Math.floor(Math.min(word.length, other.length) / 3));
}

/** Shorter parts are in many words by chance. */
const SHORTEST_PART = 4;

function onlyOneWith<T extends string>(part: string, known: readonly T[]): T | undefined {
  if (part.length < SHORTEST_PART) return undefined;
  const words = known.map((name) => ({ name, word: plain(name) }));
  const beginning = words.filter(({ word }) => word.startsWith(part));
  const found = beginning.length > 0 ? beginning : words.filter(({ word }) => isPart(part, word));
  return found.length === 1 ? found[0]!.name : undefined;
}

function isPart(part: string, word: string): boolean {
  return word.includes(part) || (word.length >= SHORTEST_PART && part.startsWith(word));
}

/** Letters to change, add, remove, or swap with the next one, to make one word from another (Damerau and Levenshtein). */
export function typingErrors(from: string, to: string): number {
  let before: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const changed = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      let least = Math.min(changed, row[j]! + 1, next[j - 1]! + 1);
      const isSwapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      if (isSwapped) least = Math.min(least, before[j - 2]! + 1);
      next.push(least);
    }
    before = row;
    row = next;
  }
  return row[to.length]!;
}

/** `; did you mean X?` for the end of a message, or nothing. */
export function didYouMean(meant: string | undefined): string {
  return meant === undefined ? '' : `; did you mean ${meant}?`;
}
