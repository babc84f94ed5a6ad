/** The front end's side of a connection that carries one request (SCGI, uwsgi). */

import { once } from 'node:events';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

import { Arrivals } from '../suite/arrivals.ts';

/** How a gateway ended a connection: as one does at the end of a response, or so that it cannot be taken for that. */
export type Ending = 'closed' | 'reset';

/** A response as it came: everything, taken apart at the first empty line. */
export interface Reply {
  /** A byte string, without the empty line. */
  head: string;
  body: Buffer;
  ending: Ending;
}

export class FrontEnd {
  readonly socket: Socket;
  /** What comes, and no more of it than is asked for. Throws at a reset. */
  readonly output: Arrivals;
  readonly ending: Promise<Ending>;
  readonly #isTcp: boolean;
  #end!: (ending: Ending) => void;

  /** @param address a port, or the path of a unix socket, also as a server's `address()` has it */
  static async connect(address: AddressInfo | string | number | null): Promise<FrontEnd> {
    const port = typeof address === 'object' ? address!.port : address;
    const to = typeof port === 'string' ? { path: port } : { port };
    const socket = connect({ host: '127.0.0.1', allowHalfOpen: true, ...to });
    await once(socket, 'connect');
    return new FrontEnd(socket);
  }

  private constructor(socket: Socket) {
    this.socket = socket;
    this.#isTcp = socket.remoteFamily !== undefined;
    this.output = new Arrivals(socket);
    this.ending = new Promise((resolve) => (this.#end = resolve));
    socket.on('data', (chunk: Buffer) => this.output.push(chunk));
    socket.on('end', () => this.#probe());
    socket.on('error', (error) => this.#ended('reset', error));
    socket.on('close', () => this.#ended('reset', new Error('closed on this side')));
  }

  /** @returns whether the connection takes more at once */
  send(bytes: Uint8Array): boolean {
    return this.socket.write(bytes);
  }

  leave(): void {
    this.socket.destroy();
  }

  /** Reads the response to its end. */
  async reply(): Promise<Reply> {
    const pieces: Buffer[] = [];
    let ending: Ending = 'closed';
    try {
      for (let step = await this.output.next(); !step.done; step = await this.output.next()) {
        pieces.push(step.value);
      }
    } catch {
      ending = 'reset';
    }
    const bytes = Buffer.concat(pieces);
    const at = bytes.indexOf('\r\n\r\n');
    const end = at < 0 ? bytes.length : at;
    return { head: bytes.toString('latin1', 0, end), body: bytes.subarray(end + 4), ending };
  }

  /** libuv reports data and a reset that arrive together as the end of the stream; but a reset connection takes nothing. */
  #probe(): void {
    const { socket } = this;
    // A unix socket has no reset, and takes nothing either way. What is still to be sent comes first.
    if (!this.#isTcp || socket.writableEnded || socket.writableLength > 0) {
      this.#ended('closed');
      socket.end();
      return;
    }
    socket.write('\0', (error) => {
      if (error) this.#ended('reset', error);
      else this.#ended('closed');
      socket.destroy();
    });
  }

  #ended(ending: Ending, error?: Error): void {
    this.#end(ending);
    this.output.end(ending === 'reset' ? error : undefined);
  }
}
