/**
 * Every error that postern itself raises: one base class with a stable `code`, one subclass per
 * kind of failure, so that callers can tell them apart without reading messages.
 */

/**
 * `instanceof` for what an application has thrown, which can be anything. `instanceof` itself throws for a Proxy that was
 * revoked (a draft of Immer, used after its end) or whose traps throw.
 */
export function isInstance<T>(
  value: unknown,
  type: abstract new (...args: never[]) => T,
): value is T {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}

/** Base of every error that postern raises. */
export class GatewayError extends Error {
  /** Name of the class. */
  override readonly name: string = 'GatewayError';
  /** Stable, for programs: `ERR_POSTERN_…`. */
  readonly code: string;

  /**
   * @param code `ERR_POSTERN_…`
   * @param message names the gateway or option and the offending value
   * @param options `cause`
   */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The application broke the contract: no `startResponse`, a chunk that is not bytes. Code `ERR_POSTERN_APPLICATION`. */
export class ApplicationError extends GatewayError {
  override readonly name = 'ApplicationError';
  /**
   * @param message says what the application did
   * @param options `cause`
   */
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_POSTERN_APPLICATION', message, options);
  }
}

/** A status or header that no response may carry. Code `ERR_POSTERN_HEADER`. */
export class HeaderError extends GatewayError {
  override readonly name = 'HeaderError';
  /** @param message names the header and its value */
  constructor(message: string) {
    super('ERR_POSTERN_HEADER', message);
  }
}

/**
 * The front end sent what its protocol does not allow. The request, or the connection, is refused. Code
 * `ERR_POSTERN_PROTOCOL`.
 */
export class ProtocolError extends GatewayError {
  override readonly name = 'ProtocolError';
  /** @param message says what was sent, with the section of the specification */
  constructor(message: string) {
    super('ERR_POSTERN_PROTOCOL', message);
  }
}

/**
 * A request that is answered with an error status, and not with the page for errors of the application. It is one line
 * in the log, without a stack. Code `ERR_POSTERN_REQUEST`.
 */
export class RequestError extends GatewayError {
  override readonly name: string = 'RequestError';
  /** The status to answer with: `'400 Bad Request'`. */
  readonly status: string;
  /**
   * @param status three digits, a space and a reason
   * @param message for the log; the client does not see it
   * @param code default `ERR_POSTERN_REQUEST`
   */
  constructor(status: string, message: string, code = 'ERR_POSTERN_REQUEST') {
    super(code, message);
    this.status = status;
  }
}

/** A limit was passed. Where the request can still be answered, its status says so. Code `ERR_POSTERN_LIMIT`. */
export class LimitError extends RequestError {
  override readonly name = 'LimitError';
  /** The option that sets the limit: `'maxConcurrentRequests'`. */
  readonly limit: string;
  /**
   * @param limit the option that sets it
   * @param message for the log; the client does not see it
   * @param status the status to answer with, default `'503 Service Unavailable'`
   */
  constructor(limit: string, message: string, status = '503 Service Unavailable') {
    super(status, message, 'ERR_POSTERN_LIMIT');
    this.limit = limit;
  }
}

/**
 * The request body cannot be read. Codes: `ERR_POSTERN_INPUT_SHORT`, it ended before CONTENT_LENGTH;
 * `ERR_POSTERN_INPUT_STATE`, another read is pending, or the request is over; `ERR_POSTERN_INPUT_SPOOL`, the temporary
 * file that holds it failed.
 */
export class InputError extends GatewayError {
  override readonly name = 'InputError';
}

/**
 * The client has gone away: the reason of an aborted `postern.signal`, and of reads after it. Code
 * `ERR_POSTERN_DISCONNECT`.
 */
export class DisconnectError extends GatewayError {
  override readonly name = 'DisconnectError';
  /** @param message default `'the client has gone away'` */
  constructor(message = 'the client has gone away') {
    super('ERR_POSTERN_DISCONNECT', message);
  }
}

/**
 * An address, an option, an application or a file that the user gave cannot be used. The command says it in one line
 * and ends with exit code 1 or 2. Code `ERR_POSTERN_USAGE`.
 */
export class UsageError extends GatewayError {
  override readonly name = 'UsageError';
  /**
   * @param message names what was given
   * @param options `cause`
   */
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_POSTERN_USAGE', message, options);
  }
}

/** The {@link validator} found the application, or the gateway, breaking the contract. Code `ERR_POSTERN_VALIDATION`. */
export class ValidationError extends GatewayError {
  override readonly name = 'ValidationError';
  /** The rule that was broken, a key of {@link VALIDATION_RULES}: `'environ.missing'`. */
  readonly rule: string;
  /** What broke it. */
  readonly value: unknown;
  /**
   * @param rule a key of {@link VALIDATION_RULES}
   * @param message the rule in words, and what broke it
   * @param value what broke the rule
   * @param options `cause`
   */
  constructor(rule: string, message: string, value: unknown, options?: ErrorOptions) {
    super('ERR_POSTERN_VALIDATION', message, options);
    this.rule = rule;
    this.value = value;
  }
}
