/** Watches the process while an application is loaded: nothing that the application does may end it without a word. */

/** Why loading has ended without a result: nothing is left that could go on with it. */
export const NOTHING_LEFT = Symbol('nothing left');

/** `process.exit()` was called while the application was loaded. */
export class ExitWhileLoading extends Error {
  override readonly name = 'ExitWhileLoading';
  /** @param caller the function above which the stack begins */
  constructor(code: unknown, caller: Function) {
    super(`process.exit(${code === undefined ? '' : String(code)}) was called`);
    Error.captureStackTrace(this, caller);
  }
}

/** Milliseconds until it is said that loading takes long. */
const PATIENCE = 10_000;

/**
 * Waits for what is loaded. An error that nobody catches meanwhile, such as EADDRINUSE of a server that the module has
 * started, is an error of loading, and so is a call of `process.exit()`: otherwise they would end the process without an
 * answer to the visitor.
 *
 * @param onPatience called once, when loading takes long
 * @returns {@link NOTHING_LEFT} when the event loop is empty: node would end without a word
 */
export async function guardLoading<T>(
  load: () => Promise<T>,
  onPatience: () => void,
): Promise<T | typeof NOTHING_LEFT> {
  const { exit } = process;
  let onUncaught!: (error: unknown) => void;
  let onEmpty!: () => void;
  const timer = setTimeout(onPatience, PATIENCE).unref();
  const failed = new Promise<never>((_, reject) => {
    // A listener of the application decides for itself.
    onUncaught = (error) => {
      if (process.listenerCount('uncaughtException') === 1) reject(error as Error);
    };
    process.exit = function exitWhileLoading(code?: unknown): never {
      const error = new ExitWhileLoading(code, exitWhileLoading);
      reject(error);
      throw error; // the caller does not expect that exit() returns
    };
  });
  const empty = new Promise<typeof NOTHING_LEFT>((resolve) => {
    onEmpty = () => resolve(NOTHING_LEFT);
  });
  process.on('uncaughtException', onUncaught);
  process.on('beforeExit', onEmpty);
  try {
    return await Promise.race([load(), failed, empty]);
  } finally {
    process.exit = exit;
    process.off('uncaughtException', onUncaught);
    process.off('beforeExit', onEmpty);
    clearTimeout(timer);
  }
}
