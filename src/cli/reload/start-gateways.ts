/** Starts gateways whose connections are accepted by the process that listens. */

import type { Socket } from 'node:net';

import type { Gateways } from '../serve/gateways.ts';
import type { BoundListener } from './messages.ts';

/** Starts a gateway for each listener. @returns for each listener, the function that takes its connections */
export async function startGateways(
  gateways: Gateways,
  listeners: readonly BoundListener[],
): Promise<((socket: Socket) => void)[]> {
  const deliver: ((socket: Socket) => void)[] = [];
  for (const [i, { gateway, bound }] of listeners.entries()) {
    await gateways.start(gateway, {
      bound,
      open: (accept) => void (deliver[i] = accept),
      close() {},
    });
  }
  return deliver;
}
