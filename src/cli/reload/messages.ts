/** The messages between the process that listens and the one that serves. */

import type { AddressInfo } from 'node:net';

import type { ServerName } from '../registry.ts';
import type { Settings } from '../options/options.ts';

/** A gateway, and the address that the other process has bound for it. */
export interface BoundListener {
  readonly gateway: ServerName;
  readonly bound: AddressInfo | string | null;
}

/** A file that the application has imported, or tried to import. */
export interface ImportedFile {
  readonly path: string;
  /** When, in milliseconds since 1970. */
  readonly at: number;
}

/** Why an application cannot be served. */
export interface Failure {
  readonly message: string;
  /** A stack whose first frame is the place in the application, if that is known. */
  readonly stack?: string | undefined;
}

/**
 * To the process that serves. A 'connection' is sent together with its socket. At the end of the command a 'stop' is
 * `final`: then it is said what it waits for.
 */
export type Order =
  | { readonly postern: 'serve'; settings: Settings; listeners: readonly BoundListener[] }
  | { readonly postern: 'connection'; listener: number }
  | { readonly postern: 'stop'; final: boolean };

/** From the process that serves. */
export type Report =
  | { readonly postern: 'files'; files: readonly ImportedFile[] }
  | { readonly postern: 'ready' }
  /** The application cannot be loaded. */
  | ({ readonly postern: 'failed' } & Failure)
  /** There is another error, which no change of the application can correct. */
  | { readonly postern: 'fatal'; message: string };

/** Whether a message is one of these: the application may send others. */
export function isOurs(message: unknown): message is Order | Report {
  return (message as { postern?: unknown } | null)?.postern !== undefined;
}
