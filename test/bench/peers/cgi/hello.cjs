/** @type {import('../../../../src/types.ts').ApplicationFunction} */
module.exports = (_environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return [Buffer.from('Hello, world!')];
};
