/**
 * The contract as types: what has to compile, and what must not. It is checked with the sources, and
 * by types.test.ts as a user's program that imports the package.
 */

import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';

import {
  BaseHandler,
  FileWrapper,
  Headers,
  StreamHandler,
  applicationUri,
  createAccessLog,
  demoApp,
  formatDateTime,
  isHopByHop,
  mount,
  requestUri,
  setupTestingDefaults,
  shiftPathInfo,
  toFunction,
  wrapBody,
} from '../src/index.ts';
import type {
  AccessEntry,
  AccessLogOptions,
  Application,
  ApplicationClass,
  ApplicationFunction,
  ApplicationObject,
  Awaitable,
  Body,
  BodyHooks,
  Environ,
  ErrorStream,
  FileLike,
  FileWrapperConstructor,
  ForwardingOptions,
  GatewayName,
  GatewayOptions,
  Header,
  HeaderList,
  Input,
  InputStream,
  SendfileOptions,
  StartResponse,
  TextList,
  ValidationError,
  WrappedBody,
  Write,
  guessScheme,
  validator,
} from '../src/index.ts';
import { testClient } from '../src/testing/index.ts';
import type { RawResponse, TestDriver, TestRequest, TestResponse } from '../src/testing/index.ts';

/** Whether two types are the same. */
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<_ extends true>(): void {}

const chunk: Uint8Array = Buffer.from('chunk');
const type: Header[] = [['Content-Type', 'text/plain']];

// ---- applications

((_environ, startResponse) => {
  startResponse('200 OK', type);
  return [chunk];
}) satisfies Application;

(async (environ, startResponse) => {
  const body = await environ['wsgi.input'].read();
  startResponse('200 OK', [['Content-Length', String(body.length)]]);
  return [body];
}) satisfies Application;

(function* (_environ, startResponse) {
  startResponse('200 OK', []);
  yield chunk;
}) satisfies ApplicationFunction;

(async function* (_environ, startResponse) {
  const write = startResponse('200 OK', []);
  await write(chunk);
  yield chunk;
}) satisfies ApplicationFunction;

// Anything that can be iterated over bytes is a body.
(() => Readable.from([chunk])) satisfies Application;
(() => createReadStream('file')) satisfies Application;
(() => new FileWrapper(createReadStream('file'))) satisfies Application;
(async () => new FileWrapper(await open('file'), 8192)) satisfies Application;
((environ) => new environ['wsgi.file_wrapper']({ read: () => null })) satisfies Application;
((environ) => environ['wsgi.input']) satisfies Application;
(() => Object.assign([chunk], { close() {} })) satisfies Application;
(() => new Set([chunk])) satisfies Application;

class InstanceIsBody {
  constructor(environ: Environ, startResponse: StartResponse) {
    startResponse('200 OK', [['X-Path', environ.PATH_INFO]]);
  }
  *[Symbol.iterator](): Iterator<Uint8Array> {
    yield chunk;
  }
  close(): void {}
}
InstanceIsBody satisfies Application;
InstanceIsBody satisfies ApplicationClass;
({ call: () => [chunk] }) satisfies ApplicationObject;
demoApp satisfies Application;
same<Same<ReturnType<typeof validator>, ApplicationFunction>>();

// @ts-expect-error: a string is no body
(() => 'text') satisfies Application;
// @ts-expect-error: bytes are no body; they iterate over numbers
(() => chunk) satisfies Application;
// @ts-expect-error: chunks are bytes
(() => ['text']) satisfies Application;
// @ts-expect-error: nothing is no body
(() => {}) satisfies Application;
// @ts-expect-error: an application takes two arguments
((_environ: Environ, _startResponse: StartResponse, _next: () => void) => []) satisfies Application;
// @ts-expect-error: an object has call()
({ handle: () => [chunk] }) satisfies Application;

// ---- middleware

declare const anyApplication: Application;
const callable = toFunction(anyApplication);
same<Same<typeof callable, ApplicationFunction>>();
void toFunction(InstanceIsBody);
((environ, startResponse) => {
  environ['app.user'] = 'ada';
  const body = callable(environ, (status, headers, ...excInfo) => {
    const write = startResponse(status, [...headers, ['X-A', 'b']], ...excInfo);
    return (part) => write(part);
  });
  return wrapBody(body, { transform: (part) => part.subarray(1), close: () => {} });
}) satisfies ApplicationFunction;
declare const someBody: Body;
const wrapped = wrapBody(someBody, { flush: () => chunk });
same<Same<typeof wrapped, WrappedBody>>();
wrapped satisfies Body;
void wrapBody(wrapped).close();
const wrappedLater = wrapBody(Promise.resolve(someBody), {});
same<Same<typeof wrappedLater, Awaitable<WrappedBody>>>();
({ transform: undefined, flush() {}, close: async () => {} }) satisfies BodyHooks;
mount({ '/a': anyApplication, '/b': InstanceIsBody, '': callable }) satisfies Application;
createAccessLog('combined', (line) => void line) satisfies NonNullable<GatewayOptions['accessLog']>;
createAccessLog('dev', () => {}, { colors: false } satisfies AccessLogOptions);
'127.0.0.1, ::1' satisfies TextList;
({ forwardedAllowIps: '*' }) satisfies ForwardingOptions;
({ forwardedAllowIps: ['10.0.0.0/8'] as const }) satisfies ForwardingOptions;
// @ts-expect-error: a chunk is bytes
void wrapBody(someBody, { transform: (part) => String(part) });
// @ts-expect-error: what was returned has to be wrapped, not the application
void wrapBody(callable, {});
// @ts-expect-error: a fetch handler is no application
void mount({ '/a': { fetch: () => new Response() } });

// ---- startResponse and write

declare const startResponse: StartResponse;
same<Same<ReturnType<StartResponse>, Write>>();
same<Same<ReturnType<Write>, Promise<void> | undefined>>();
startResponse('200 OK', [['A', 'b']] as const);
startResponse('200 OK', new Headers().toArray());
startResponse('500 Internal Server Error', type, new Error('any value can be thrown'));
startResponse('500 Internal Server Error', type, undefined);
// @ts-expect-error: the status is text
startResponse(200, type);
// @ts-expect-error: headers are not left out
startResponse('200 OK');
// @ts-expect-error: headers are pairs
startResponse('200 OK', ['Content-Type: text/plain']);
// @ts-expect-error: headers are no object
startResponse('200 OK', { 'Content-Type': 'text/plain' });
// @ts-expect-error: values are text
startResponse('200 OK', [['Content-Length', 5]]);

// ---- environ

declare const environ: Environ;
environ.REQUEST_METHOD satisfies string;
environ.SCRIPT_NAME satisfies string;
same<Same<Environ['CONTENT_TYPE'], string | undefined>>();
same<Same<Environ['REMOTE_ADDR'], string | undefined>>();
same<Same<Environ['HTTP_COOKIE'], string | undefined>>();
same<Same<Environ['my.extension'], unknown>>();
same<Same<Environ['wsgi.version'], readonly [1, 0]>>();
same<Same<Environ['wsgi.input'], Input>>();
same<Same<Environ['wsgi.errors'], ErrorStream>>();
same<Same<Environ['wsgi.file_wrapper'], FileWrapperConstructor>>();
same<Same<Environ['postern.signal'], AbortSignal>>();
same<Same<Environ['postern.gateway'], GatewayName>>();
'fastcgi' satisfies GatewayName;
'ajp' satisfies GatewayName; // one of its own
// @ts-expect-error: a name is text
5 satisfies GatewayName;
same<Same<Environ['postern.role'], 'responder' | 'authorizer' | 'filter'>>();
environ['my.extension'] = { anything: true };
environ['wsgi.errors'].write('text');
environ['wsgi.errors'].writelines(new Set(['text']));
// @ts-expect-error: a header may be absent
environ.HTTP_COOKIE.split(';');
// @ts-expect-error: CGI variables are text
environ.SERVER_PORT = 80;
// @ts-expect-error: the log takes text
environ['wsgi.errors'].write(chunk);
// @ts-expect-error: the client's leaving is not the application's to change
environ['postern.signal'] = new AbortController().signal;

// ---- wsgi.input

declare const input: Input;
same<Same<ReturnType<Input['read']>, Promise<Buffer>>>();
same<Same<ReturnType<Input['readlines']>, Promise<Buffer[]>>>();
void input.read();
void input.read(1024);
void input.readline(80);
async function readAll(): Promise<void> {
  for await (const part of input) part satisfies Buffer;
  for await (const line of input.lines()) line satisfies Buffer;
}
void readAll;
declare const stream: InputStream;
stream satisfies Input;
// @ts-expect-error: the gateway closes it
input.close();
// @ts-expect-error: it is no Node stream
input.on('data', () => {});
// @ts-expect-error: sizes are numbers
void input.read('1024');

// ---- util

same<Same<ReturnType<typeof guessScheme>, 'http' | 'https'>>();
same<Same<ReturnType<typeof shiftPathInfo>, string | undefined>>();
same<Same<ReturnType<typeof setupTestingDefaults>, Environ>>();
requestUri(environ) satisfies string;
requestUri(environ, false) satisfies string;
applicationUri(environ) satisfies string;
isHopByHop('TE') satisfies boolean;
formatDateTime(new Date()) satisfies string;
formatDateTime(0) satisfies string;
void demoApp(setupTestingDefaults({ PATH_INFO: '/x' }), startResponse);
shiftPathInfo(environ);

// ---- what a file wrapper takes

createReadStream('file') satisfies FileLike;
new Blob(['x']).stream() satisfies FileLike;
input satisfies FileLike;
({ read: (size: number) => Buffer.alloc(size) }) satisfies FileLike;
({ read: async () => null, close() {} }) satisfies FileLike;
void open('file').then((handle) => handle satisfies FileLike);
new FileWrapper({ read: () => null }) satisfies Body;
FileWrapper satisfies FileWrapperConstructor;
// @ts-expect-error: a path is no file
void new FileWrapper('file');
// @ts-expect-error: text is no bytes
({ read: () => 'text' }) satisfies FileLike;

// ---- headers

const headers = new Headers([['A', 'b']]);
same<Same<ReturnType<typeof headers.get>, string | undefined>>();
same<Same<ReturnType<typeof headers.getAll>, string[]>>();
headers.set('A', 'b').append('A', 'c').addHeader('D', 'e', { f: 'g', h: 1, i: null });
headers.toArray() satisfies HeaderList;
headers.toBytes() satisfies Uint8Array;
for (const [name, value] of headers) (name + value) satisfies string;
// @ts-expect-error: values are text
headers.set('Content-Length', 5);

// ---- handlers and options

class Own extends BaseHandler {
  override readonly gateway = 'scgi';
  override readonly serverSoftware = 'own';
  protected override getStdin(): InputStream {
    return stream;
  }
  protected override getStderr(): ErrorStream {
    return environ['wsgi.errors'];
  }
  protected override addCgiVars(variables: Record<string, unknown>): void {
    variables['REQUEST_METHOD'] = 'GET';
  }
  protected override send(head: string, bytes: Uint8Array): boolean {
    return head.length + bytes.length < 1000;
  }
  protected override async drained(): Promise<void> {}
  protected override finish(_head: string, _last: Uint8Array | undefined): void {}
  protected override abandon(): void {}
}
void new Own({ scriptName: '/app' }).run(demoApp);
// @ts-expect-error: four members are missing
class Incomplete extends BaseHandler {
  override readonly gateway = 'scgi';
  protected override getStdin(): InputStream {
    return stream;
  }
  protected override send(): boolean {
    return true;
  }
  protected override async drained(): Promise<void> {}
}
void Incomplete;
// @ts-expect-error: it needs all four
void new StreamHandler({ stdin: Readable.from([]) });

const options: GatewayOptions = {
  accessLog: (entry: AccessEntry) => entry.environ.REQUEST_URI satisfies string,
  sendfile: { header: 'X-Accel-Redirect', root: '/srv' },
};
void options;
// @ts-expect-error: no other header is known
({ header: 'X-Other', root: '/srv' }) satisfies SendfileOptions;
// @ts-expect-error: the root is not left out
({ header: 'X-Sendfile' }) satisfies SendfileOptions;

// ---- validator and test client

declare const violation: ValidationError;
violation.rule satisfies string;
violation.code satisfies string;

async function ask(): Promise<void> {
  const response = await testClient(demoApp).post('/', { json: { a: 1 }, query: { b: 2 } });
  response satisfies TestResponse;
  response.status satisfies number;
  response.headers satisfies Headers;
  same<Same<typeof response.outcome, 'complete' | 'broken' | 'left'>>();
  // @ts-expect-error: JSON may be anything
  void response.json().a;
}
void ask;
({
  send: async (request: TestRequest): Promise<RawResponse> => ({
    status: '200 OK',
    headers: request.headers,
    chunks: [],
    outcome: 'complete',
  }),
}) satisfies TestDriver;
void testClient('http://127.0.0.1:8000');
void testClient(demoApp, { throwErrors: false, headers: { 'x-count': 5, 'x-list': ['a', true] } });
void testClient(demoApp).get('/', { headers: [['x-count', 5]] });
// @ts-expect-error: a header has a value
void testClient(demoApp).get('/', { headers: { 'x-count': undefined } });
// @ts-expect-error: GET has no body here
void testClient(demoApp).get('/', { body: 'x' });
// @ts-expect-error: no such target
void testClient(5);
