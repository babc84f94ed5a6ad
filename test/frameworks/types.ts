import type { Server } from '../../dist/src/index.js';
import type { GatewayOptions } from '../../dist/src/types.js';

/** What takes the place of an http.Server that listens. */
export interface RunningServer {
  port: number;
  /** Gives the port back. */
  release?: () => void;
  /** None where node:http serves. */
  gateway: Promise<Server> | undefined;
}

export type ServeOptions = Pick<GatewayOptions, 'log'>;
