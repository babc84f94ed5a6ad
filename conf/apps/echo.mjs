#!/usr/bin/env postern
// Sends back what is uploaded, of whatever size, while it comes in.  curl --data-binary @file http://127.0.0.1:8000/
export default function echo(environ, startResponse) {
  const headers = [['Content-Type', environ.CONTENT_TYPE ?? 'application/octet-stream']];
  if (environ.CONTENT_LENGTH !== undefined) headers.push(['Content-Length', environ.CONTENT_LENGTH]);
  startResponse('200 OK', headers);
  return environ['wsgi.input'];
}
