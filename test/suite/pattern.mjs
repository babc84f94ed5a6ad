/** Bytes that look like noise and are the same every time: what is lost, doubled or moved shows. */

import { createHash } from 'node:crypto';

const BLOCK = 64 * 1024;

/**
 * @param {number} size bytes in all
 * @returns {Generator<Buffer>} blocks of 64 KiB and a rest
 */
export function* pattern(size) {
  const noise = Buffer.alloc(BLOCK);
  for (let i = 0, x = 1; i < BLOCK; i++) {
    x = (Math.imul(x, 1_103_515_245) + 12_345) | 0;
    noise[i] = x >>> 16;
  }
  for (let at = 0; at < size; at += BLOCK) {
    const block = Buffer.from(noise.subarray(0, Math.min(BLOCK, size - at)));
    if (block.length >= 4) block.writeUInt32BE(at / BLOCK, 0); // no two blocks are the same
    yield block;
  }
}

/** @param {Iterable<Uint8Array>} chunks */
export function digest(chunks) {
  const hash = createHash('sha256');
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}
