/** The uwsgi protocol from the web server's side, written from its documentation for the tests alone. */

/** Names and values as byte strings. */
export type Variables = Iterable<readonly [name: string, value: string]>;

/** A packet with any header, right or wrong: modifier1 u8, datasize u16 LE, modifier2 u8, data. */
export function encodePacket(
  data: Uint8Array,
  { modifier1 = 0, modifier2 = 0, datasize = data.length } = {},
): Buffer {
  const header = Buffer.from([modifier1, 0, 0, modifier2]);
  header.writeUInt16LE(datasize, 1);
  return Buffer.concat([header, data]);
}

/** Each name and each value behind its length, u16 LE. */
export function encodePairs(variables: Variables): Buffer {
  const parts: Buffer[] = [];
  for (const text of [...variables].flat()) {
    const length = Buffer.alloc(2);
    length.writeUInt16LE(text.length);
    parts.push(length, Buffer.from(text, 'latin1'));
  }
  return Buffer.concat(parts);
}

/**
 * A request. The body's CONTENT_LENGTH is added where there is a body and the variables have none.
 *
 * @param body a byte string or bytes
 */
export function encodeRequest(variables: Variables, body: Uint8Array | string = ''): Buffer {
  const all = [...variables];
  if (body.length > 0 && !all.some(([name]) => name === 'CONTENT_LENGTH')) {
    all.push(['CONTENT_LENGTH', String(body.length)]);
  }
  return Buffer.concat([
    encodePacket(encodePairs(all)),
    typeof body === 'string' ? Buffer.from(body, 'latin1') : body,
  ]);
}
