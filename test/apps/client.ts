/** What a visitor of the sample applications in `conf/apps` does, and what the answers come down to. */

import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';

/** A request, and what is to be looked at beside its answer. */
interface Step {
  name: string;
  method?: string;
  path: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

/** An answer without what belongs to the connection, the clock and the front end. */
export interface Answer {
  step: string;
  status: number;
  reason: string;
  headers: string[];
  body: string;
}

const BOUNDARY = 'a-boundary-for-the-test';
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };

function part(name: string, content: Buffer): Buffer[] {
  const head =
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\n` +
    'Content-Type: application/octet-stream\r\n\r\n';
  return [Buffer.from(head), content, Buffer.from('\r\n')];
}

/** Every byte there is, many times over. */
const CONTENT = Buffer.alloc(300_000, Buffer.from(Array.from({ length: 256 }, (_, i) => i)));

const STEPS: readonly Step[] = [
  { name: 'root', path: '/' },
  { name: 'HEAD', method: 'HEAD', path: '/' },
  { name: 'a parameter', path: '/hello/J%C3%B6rg%20B?greeting=Gr%C3%BC%C3%9F%20dich' },
  { name: 'an encoded slash', path: '/hello/a%2Fb' },
  {
    name: 'JSON',
    method: 'POST',
    path: '/json',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ text: 'Grüße', list: [1, 2] }),
  },
  {
    name: 'broken JSON',
    method: 'POST',
    path: '/json',
    headers: { 'Content-Type': 'application/json' },
    body: '{"text":',
  },
  { name: 'a form', method: 'POST', path: '/form', headers: FORM, body: 'a=1&b=x+y%26z' },
  { name: 'cookies', path: '/cookies', headers: { Cookie: 'flavour=mint%20%2B; size=1' } },
  { name: 'a static file', path: '/public/style.css' },
  { name: 'a static file, HEAD', method: 'HEAD', path: '/public/style.css' },
  { name: 'plain text', path: '/text' },
  { name: 'compressed text', path: '/text', headers: { 'Accept-Encoding': 'gzip' } },
  {
    name: 'an upload',
    method: 'POST',
    path: '/upload',
    headers: { 'Content-Type': `multipart/form-data; boundary=${BOUNDARY}` },
    body: Buffer.concat([
      ...part('first.bin', CONTENT),
      ...part('second.txt', Buffer.from('a few words')),
      Buffer.from(`--${BOUNDARY}--\r\n`),
    ]),
  },
  { name: 'a download', path: '/download' },
  { name: 'a range of it', path: '/download', headers: { Range: 'bytes=5-20' } },
  { name: 'a redirect', path: '/redirect' },
  { name: 'events', path: '/events', headers: { Accept: 'text/event-stream' } },
  { name: 'an error', path: '/error' },
  { name: 'a rejection', path: '/error/later' },
  { name: 'nothing there', path: '/no/such%20thing?x' },
  { name: 'nothing there to delete', method: 'DELETE', path: '/' },
];

/** Visits everything, one after the other. */
export async function visitAll(base: string): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const step of STEPS) answers.push(await answerTo(base, step));
  answers.push(...(await revalidate(base)), ...(await visitTwice(base)));
  return answers;
}

/** A second visit to a static file, with what the first one has told of it. */
async function revalidate(base: string): Promise<Answer[]> {
  const { headers } = await send(base, { name: '', path: '/public/style.css' });
  const { etag, 'last-modified': modified } = headers;
  const conditions: Record<string, string> = {};
  if (etag !== undefined) conditions['If-None-Match'] = etag;
  if (modified !== undefined) conditions['If-Modified-Since'] = modified;
  const step = { name: 'a static file again', path: '/public/style.css', headers: conditions };
  return [await answerTo(base, step)];
}

/** Two visits of a session. */
async function visitTwice(base: string): Promise<Answer[]> {
  const first = await send(base, { name: '', path: '/session' });
  const cookies = (first.headers['set-cookie'] ?? []).map((cookie) => cookie.split(';')[0]!);
  const headers = { Cookie: cookies.join('; ') };
  return [await answerTo(base, { name: 'a session', path: '/session', headers })];
}

async function answerTo(base: string, step: Step): Promise<Answer> {
  const { response, body } = await send(base, step);
  return {
    step: step.name,
    status: response.statusCode!,
    reason: response.statusMessage!,
    headers: normalise(response, body, step.method),
    body: body.toString('latin1'),
  };
}

interface Received {
  response: IncomingMessage;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

function send(base: string, { method = 'GET', path, headers = {}, body }: Step): Promise<Received> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) };
    const options = { method, headers: { ...headers, ...length }, agent: false };
    const outgoing = request(base + path, options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        resolve({ response, headers: response.headers, body: Buffer.concat(chunks) });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Of the connection and the clock. */
export const OF_CONNECTION = new Set(['connection', 'keep-alive', 'transfer-encoding', 'date']);
/** Of the server itself, too; and what the gateway adds to an event stream. */
const OF_THE_HOP = new Set([...OF_CONNECTION, 'server', 'incremental']);

function normalise(response: IncomingMessage, body: Buffer, method = 'GET'): string[] {
  const { rawHeaders, statusCode } = response;
  const headers: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    const value = rawHeaders[i + 1]!;
    // A server that knows the length of a whole response tells it, another one sends it in chunks.
    const isFraming = name === 'content-length' && method !== 'HEAD' && +value === body.length;
    // Apache takes it away: what has no content has no type of it.
    const isTypeOfNothing = name === 'content-type' && statusCode === 304;
    if (isFraming || isTypeOfNothing || OF_THE_HOP.has(name)) continue;
    headers.push(`${name}: ${withoutChance(name, value)}`);
  }
  return headers.toSorted();
}

/** Session ids and times of expiry are another each time; lists are written in more than one way. */
function withoutChance(name: string, value: string): string {
  if (name === 'vary') return value.replaceAll(', ', ','); // Apache gathers it in one list
  if (name !== 'set-cookie') return value;
  return value
    .replace(/^((?:session|sessionId|connect\.sid)(?:\.sig)?)=[^;]*/i, '$1=…')
    .replace(/expires=[^;]*/i, 'expires=…');
}
