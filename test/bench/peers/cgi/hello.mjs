/** @type {import('../../../../src/types.ts').ApplicationFunction} */
export default (_environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return [Buffer.from('Hello, world!')];
};
