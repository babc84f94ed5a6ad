/** What every peer answers, so that all of them do the same work: path → how. */

export const HELLO = Buffer.from('Hello, World!');
export const PAGE = Buffer.alloc(16 * 1024, 'postern ');
const BLOCK = Buffer.alloc(64 * 1024, 'postern ');

/** 1 MiB in sixteen chunks, without a Content-Length. */
export function* stream() {
  for (let i = 0; i < 16; i++) yield BLOCK;
}
