/** The debugger: in the process that runs the application, and in no other. */

import type { Settings } from '../options/options.ts';

/** Lets a debugger attach, and with `inspectBrk` waits for one. Node says where on stderr. */
export async function openInspector({ inspect, inspectBrk }: Settings): Promise<void> {
  const address = inspectBrk ?? inspect;
  if (address === undefined) return;
  const inspector = await import('node:inspector');
  // NODE_OPTIONS may have opened it.
  if (inspector.url() === undefined) inspector.open(address.port, address.host);
  if (inspectBrk !== undefined) inspector.waitForDebugger();
}

/**
 * Closes it, as `node --inspect` and NODE_OPTIONS open it in every process: in one that does not run the application, or
 * not any more. The next one takes its port.
 */
export async function closeInspector(): Promise<void> {
  const inspector = await import('node:inspector');
  if (inspector.url() !== undefined) inspector.close();
}
