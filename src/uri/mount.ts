/** Makes one form of `/app`, `app/` and `/app/`, and of `/` and an empty text. @returns `/app`, or `''` for the root */
export function normalizeMount(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && text[start] === '/') start++;
  while (end > start && text[end - 1] === '/') end--;
  return start === end ? '' : `/${text.slice(start, end)}`;
}
