/** Lists in header lines, read from the right: the nearest proxy has added the last item. Pure functions. */

/** The lines of a header, in the order in which they came. */
export type LinesOf = (header: string) => readonly string[];

/**
 * The lines of one header.
 *
 * @param rawHeaders names and values in turn, as node:http has them
 * @param header its name in lower case
 */
export function linesIn(rawHeaders: readonly string[], header: string): string[] {
  const lines: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    if (name.length === header.length && name.toLowerCase() === header) {
      lines.push(rawHeaders[i + 1]!);
    }
  }
  return lines;
}

/** The items of a comma-separated list, from the last item of the last line to the first of the first. */
export function* itemsFromRight(lines: readonly string[]): Generator<string, void> {
  for (const line of lines.toReversed()) {
    let end = line.length;
    while (end >= 0) {
      // lastIndexOf takes a negative position for 0.
      const comma = end === 0 ? -1 : line.lastIndexOf(',', end - 1);
      yield line.slice(comma + 1, end).trim();
      end = comma;
    }
  }
}

/** The last item, which the nearest proxy has added; undefined when there is no such header. */
export function lastItem(lines: readonly string[]): string | undefined {
  const line = lines.at(-1);
  return line?.slice(line.lastIndexOf(',') + 1).trim();
}
