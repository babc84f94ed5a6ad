#!/usr/bin/env postern
// The smallest application. Executable, it serves in a cgi-bin, under a FastCGI process manager and at a terminal.
export default function hello(environ, startResponse) {
  startResponse('200 OK', [['Content-Type', 'text/plain; charset=utf-8']]);
  return [Buffer.from(`Hello, ${environ.REMOTE_ADDR}! You asked for ${environ.PATH_INFO}\n`)];
}
