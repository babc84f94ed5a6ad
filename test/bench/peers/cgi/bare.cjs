// What Node needs at least: CommonJS, and one write.
require('node:fs').writeSync(
  1,
  'Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world!',
);
