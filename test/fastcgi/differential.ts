/** Requests of a FastCGI connection, and what came back, in a form in which two engines can be compared. */

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';

import type { Server } from '../../src/listening/server.ts';
import type { ApplicationFunction, Environ, StartResponse } from '../../src/types.ts';
import { RecordParser, TYPE } from '../suite/fastcgi-client.ts';
import type { FastCgiRecord } from '../suite/fastcgi-client.ts';

/** What came for a request. Order of the records of its streams does not matter, nor where they were cut. */
export interface Seen {
  /** Lines of the head, sorted. */
  head: string[];
  /** As a byte string; of a long one its length and hash. */
  body: string;
  /** The first line. */
  stderr: string;
  /** Of END_REQUEST: undefined if there was none. */
  end: { appStatus: number; protocolStatus: number } | undefined;
}

/** What came on a connection. */
export interface Outcome {
  requests: Record<number, Seen>;
  /** Management records that came: their type and content. */
  management: [type: number, content: string][];
}

/** Parts of a conversation: what is sent, and how many END_REQUEST or management records are waited for then. */
export type Step = readonly [send: Buffer | readonly Buffer[], awaited: number];

/** Holds a conversation, up to its end or that of the connection. */
export async function converse(server: Server, steps: readonly Step[]): Promise<Outcome> {
  const { port } = server.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1').on('error', () => {}); // a reset is an end, too
  await once(socket, 'connect');
  const collector = new Collector();
  const closed = new Promise<void>((resolve) => void socket.on('close', () => resolve()));
  socket.on('data', (chunk: Buffer) => collector.feed(chunk));
  let total = 0;
  for (const [send, awaited] of steps) {
    for (const piece of Buffer.isBuffer(send) ? [send] : send) {
      socket.write(piece);
      await new Promise((resolve) => setImmediate(resolve));
    }
    total += awaited;
    await Promise.race([collector.answers(total), closed]);
  }
  socket.destroy();
  await closed;
  return collector.outcome();
}

class Collector {
  readonly #parser = new RecordParser();
  readonly #records: FastCgiRecord[] = [];
  #answers = 0;
  #waiter: { count: number; resolve: () => void } | undefined;

  feed(chunk: Buffer): void {
    for (const record of this.#parser.feed(chunk)) {
      this.#records.push(record);
      if (record.id === 0 || record.type === TYPE.END_REQUEST) this.#answers++;
    }
    if (this.#waiter !== undefined && this.#answers >= this.#waiter.count) this.#waiter.resolve();
  }

  /** Waits until so many requests and management records have been answered. */
  answers(count: number): Promise<void> {
    if (this.#answers >= count) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiter = { count, resolve };
    });
  }

  outcome(): Outcome {
    const ids = [...new Set(this.#records.map(({ id }) => id))].filter((id) => id !== 0);
    return {
      requests: Object.fromEntries(ids.toSorted().map((id) => [id, this.#seen(id)])),
      management: this.#records
        .filter(({ id }) => id === 0)
        .map(({ type, content }) => [type, content.toString('latin1')]),
    };
  }

  #seen(id: number): Seen {
    const own = this.#records.filter((record) => record.id === id);
    const bytesOf = (type: number): Buffer =>
      Buffer.concat(own.filter((record) => record.type === type).map(({ content }) => content));
    const [head, body] = split(bytesOf(TYPE.STDOUT));
    const end = own.find(({ type }) => type === TYPE.END_REQUEST)?.content;
    return {
      head: head.toSorted(),
      body: brief(body),
      stderr: bytesOf(TYPE.STDERR).toString().split('\n')[0]!,
      end: end && { appStatus: end.readUInt32BE(), protocolStatus: end[4]! },
    };
  }
}

function split(bytes: Buffer): [head: string[], body: Buffer] {
  const at = bytes.indexOf('\r\n\r\n');
  if (at < 0) return [[], bytes];
  return [bytes.toString('latin1', 0, at).split('\r\n'), bytes.subarray(at + 4)];
}

function brief(bytes: Buffer): string {
  if (bytes.length <= 2000) return bytes.toString('latin1');
  return `${bytes.length} bytes, ${createHash('sha256').update(bytes).digest('hex')}`;
}

// ---- the application

const TEXT = [['Content-Type', 'text/plain']] as const;

const APPLICATIONS: Readonly<Record<string, ApplicationFunction>> = {
  '/echo'(environ, startResponse) {
    startResponse('200 OK', TEXT);
    return environ['wsgi.input'];
  },
  '/unread'(_environ, startResponse) {
    startResponse('200 OK', TEXT);
    return [Buffer.from('unread')];
  },
  async '/roles'(environ, startResponse) {
    startResponse('200 OK', TEXT);
    const data = environ['postern.data'];
    const [stdin, file] = [await environ['wsgi.input'].read(), await data?.read()];
    return [Buffer.from(`${environ['postern.role']}: ${String(stdin)}, ${String(file)}`)];
  },
  '/teapot'(_environ, startResponse) {
    startResponse('418 Short and stout', [
      ['Set-Cookie', 'a=1'],
      ['X-Bytes', 'caf\xe9'],
      ['Set-Cookie', 'b=2'],
    ]);
    return [Buffer.from('tea')];
  },
  '/nothing'(_environ, startResponse) {
    startResponse('204 No Content', []);
    return [];
  },
  '/large'(_environ, startResponse) {
    startResponse('200 OK', TEXT);
    return (function* () {
      for (let i = 0; i < 80; i++) yield Buffer.alloc(65_537, i);
    })();
  },
  '/errors'(environ, startResponse) {
    environ['wsgi.errors'].write('a line\n');
    return APPLICATIONS['/unread']!(environ, startResponse);
  },
  '/throws'() {
    throw new Error('before the headers');
  },
  async *'/breaks'(_environ: object, startResponse: StartResponse) {
    startResponse('200 OK', TEXT);
    yield Buffer.from('begun');
    await new Promise((resolve) => setTimeout(resolve, 5)); // so that this much arrives
    throw new Error('after the headers');
  },
  '/short'(_environ, startResponse) {
    startResponse('200 OK', [['Content-Length', '10']]);
    return [Buffer.from('short')];
  },
  '/never': () => new Promise(() => {}),
};

/** Answers by path; for one that is none of these with the variables and the body. */
export const application: ApplicationFunction = (environ, startResponse) =>
  (APPLICATIONS[environ.PATH_INFO] ?? describe)(environ, startResponse);

function describe(environ: Environ, startResponse: StartResponse): AsyncIterable<Uint8Array> {
  startResponse('200 OK', TEXT);
  return (async function* () {
    yield Buffer.from(`${variablesOf(environ)}\n`, 'latin1');
    yield* environ['wsgi.input'];
  })();
}

/** All CGI variables, one a line. */
function variablesOf(environ: Environ): string {
  const names = Object.keys(environ).filter((name) => !/^(?:wsgi|postern)\./.test(name));
  return names
    .toSorted()
    .map((name) => `${name}=${String(environ[name])}\n`)
    .join('');
}
