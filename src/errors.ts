/**
 * Every error that postern itself raises: one base class with a stable `code`, one subclass per
 * kind of failure, so that callers can tell them apart without reading messages.
 */

/** Base of all of them. */
export class GatewayError extends Error {
  override readonly name: string = 'GatewayError';
  /** Stable, for programs: `ERR_POSTERN_…`. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The application broke the contract: a bad status, no `startResponse`, a chunk that is not bytes. */
export class ApplicationError extends GatewayError {
  override readonly name = 'ApplicationError';
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_POSTERN_APPLICATION', message, options);
  }
}

/** A status or header that no response may carry. */
export class HeaderError extends GatewayError {
  override readonly name = 'HeaderError';
  constructor(message: string) {
    super('ERR_POSTERN_HEADER', message);
  }
}

/** The front end sent what its protocol does not allow. The connection, or the request, is refused. */
export class ProtocolError extends GatewayError {
  override readonly name = 'ProtocolError';
  constructor(message: string) {
    super('ERR_POSTERN_PROTOCOL', message);
  }
}

/** A request that must be answered with an error before the application is called. */
export class RequestError extends GatewayError {
  override readonly name: string = 'RequestError';
  /** The status to answer with: `'400 Bad Request'`. */
  readonly status: string;
  constructor(status: string, message: string, code = 'ERR_POSTERN_REQUEST') {
    super(code, message);
    this.status = status;
  }
}

/** A limit of `limits.ts` was passed. Where the request can still be answered, its status says so. */
export class LimitError extends RequestError {
  override readonly name = 'LimitError';
  /** The option that sets the limit. */
  readonly limit: string;
  constructor(limit: string, message: string, status = '503 Service Unavailable') {
    super(status, message, 'ERR_POSTERN_LIMIT');
    this.limit = limit;
  }
}

/** The request body ended before CONTENT_LENGTH, or cannot be read any more. */
export class InputError extends GatewayError {
  override readonly name = 'InputError';
}

/** The client has gone away: the reason of an aborted `postern.signal`, and of reads after it. */
export class DisconnectError extends GatewayError {
  override readonly name = 'DisconnectError';
  constructor(message = 'the client has gone away') {
    super('ERR_POSTERN_DISCONNECT', message);
  }
}

/** An address, an option or a file that the user gave cannot be used: said in one line, exit code 1 or 2. */
export class UsageError extends GatewayError {
  override readonly name = 'UsageError';
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_POSTERN_USAGE', message, options);
  }
}

/** The validator found the application, or the gateway, breaking the contract. */
export class ValidationError extends GatewayError {
  override readonly name = 'ValidationError';
  /** The rule that was broken, one of `VALIDATION_RULES`: `'environ.missing'`. */
  readonly rule: string;
  /** What broke it. */
  readonly value: unknown;
  constructor(rule: string, message: string, value: unknown, options?: ErrorOptions) {
    super('ERR_POSTERN_VALIDATION', message, options);
    this.rule = rule;
    this.value = value;
  }
}
