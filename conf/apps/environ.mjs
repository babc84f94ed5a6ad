#!/usr/bin/env postern
// Answers with its environ, as JSON: what a gateway, and the front end before it, make of a request.
export default async function environ(environ, startResponse) {
  let length = 0;
  for await (const chunk of environ['wsgi.input']) length += chunk.length;
  const shown = { bytes: length };
  for (const name of Object.keys(environ).toSorted()) {
    const value = environ[name];
    shown[name] = typeof value === 'object' || typeof value === 'function' ? `(${typeof value})` : value;
  }
  startResponse('200 OK', [['Content-Type', 'application/json']]);
  // The values are byte strings: each code unit is a byte, and so it is one of the response.
  return [Buffer.from(`${JSON.stringify(shown, null, 2)}\n`, 'latin1')];
}
