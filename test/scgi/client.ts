/** SCGI from the web server's side, written from its specification for the tests alone. */

/** Names and values as byte strings. */
export type Variables = Iterable<readonly [name: string, value: string]>;

/** A request with exactly these variables, right or wrong. */
export function encodeExactly(variables: Variables, body: Uint8Array | string = ''): Buffer {
  let headers = '';
  for (const [name, value] of variables) headers += `${name}\0${value}\0`;
  return Buffer.concat([
    Buffer.from(`${headers.length}:${headers},`, 'latin1'),
    typeof body === 'string' ? Buffer.from(body, 'latin1') : body,
  ]);
}

/**
 * A request: CONTENT_LENGTH goes first, the body's own where the variables have none, and SCGI is added.
 *
 * @param body a byte string or bytes
 */
export function encodeRequest(variables: Variables, body: Uint8Array | string = ''): Buffer {
  const rest = [...variables];
  const at = rest.findIndex(([name]) => name === 'CONTENT_LENGTH');
  const length = at < 0 ? String(body.length) : rest.splice(at, 1)[0]![1];
  return encodeExactly([['CONTENT_LENGTH', length], ['SCGI', '1'], ...rest], body);
}
