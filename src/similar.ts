/** The word that somebody may have meant. */

/** As {@link distance}: a letter in three may be wrong, and one in any word. */
function isNear(distance: number, word: string): boolean {
  return distance <= Math.max(1, word.length / 3);
}

/** The one of some words that is most like another one; undefined if none is. Case does not count. */
export function similarTo(wanted: string, words: Iterable<string>): string | undefined {
  const lower = wanted.toLowerCase();
  let best: { readonly word: string; readonly distance: number } | undefined;
  for (const word of words) {
    const found = distance(lower, word.toLowerCase());
    if (isNear(found, wanted) && found < (best?.distance ?? Infinity)) {
      best = { word, distance: found };
    }
  }
  return best?.word;
}

/** The Levenshtein distance: letters to change, add or remove, to make one word from another. */
export function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (const [i, letter] of [...from].entries()) {
    const next = [i + 1];
    for (let j = 1; j <= to.length; j++) {
      const changed = row[j - 1]! + (to[j - 1] === letter ? 0 : 1);
      next.push(Math.min(changed, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
