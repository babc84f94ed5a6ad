/** Percent-encoding of paths (RFC 3986 § 2.1), on byte strings. */

/** Percent-encodes a byte string, except what may stand in a path (RFC 3986 § 3.3). */
export function quotePath(path: string): string {
  return path.replace(
    /[^A-Za-z0-9\-._~!$&'()*+,;=:@/]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

/** Percent-decodes a path, once: `%20` becomes the byte 0x20. A `%` without two hexadecimal digits stays. */
export function unquotePath(path: string): string {
  if (!path.includes('%')) return path;
  return path.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
