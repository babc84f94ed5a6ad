/**
 * The object that becomes an environ: what every environ has before the variables of the request are added. Its form is
 * chosen for speed: each request makes one.
 */

const WSGI_VERSION: readonly [1, 0] = Object.freeze([1, 0] as const);

/** An environ to which variables are being added, or that need not be complete. */
export type Variables = Record<string, unknown>;

/** Where `postern.signal` comes from: the handler of the request. */
export interface SignalSource {
  readonly signal: AbortSignal;
}

/**
 * `postern.signal`. The AbortSignal is made when it is first read: on Node 20 it costs more than the rest of a small
 * request. All environs share these two functions. V8 keeps accessors in its old generation, and functions of one request
 * would keep that request there.
 */
const SIGNAL: PropertyDescriptor & ThisType<object> = {
  get() {
    return BaseEnviron.sourceOf(this).signal;
  },
  // Middleware may replace the signal.
  set(signal: AbortSignal) {
    // With all attributes: an environ that inherits from this one has no own property that could keep them.
    Object.defineProperty(this, 'postern.signal', {
      value: signal,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  },
  enumerable: true,
  configurable: true,
};

/**
 * An object without a prototype. The prototype is removed before there is any property: so V8 lays the object out like
 * any instance of a class. `{ __proto__: null }` is a hash table instead, which takes twice as long to fill and to list.
 * To remove the prototype later takes longer still, each time.
 */
// eslint-disable-next-line no-extraneous-class -- fields are there before the rest of their own class's constructor
class WithoutPrototype {
  constructor() {
    Object.setPrototypeOf(this, null);
  }
}

/** The keys of every environ, with the values for a request that has no variables. */
export class BaseEnviron extends WithoutPrototype {
  REQUEST_METHOD = 'GET';
  SCRIPT_NAME = '';
  PATH_INFO = '';
  QUERY_STRING = '';
  REQUEST_URI = '';
  SERVER_NAME = '';
  SERVER_PORT = '';
  SERVER_PROTOCOL = '';
  'wsgi.version' = WSGI_VERSION;
  'wsgi.url_scheme' = 'http';
  'wsgi.input' = undefined;
  'wsgi.errors' = undefined;
  'wsgi.multithread' = false;
  'wsgi.multiprocess' = false;
  'wsgi.run_once' = false;
  'wsgi.file_wrapper' = undefined;
  'postern.gateway' = undefined;
  'postern.role' = 'responder';
  // Private fields do not show when an environ is listed.
  readonly #source: SignalSource;
  #contentLength: string | undefined; // as sent; CONTENT_LENGTH is added only when the environ is completed
  #headerLength: string | undefined; // HTTP_CONTENT_LENGTH as sent; it is compared, and never added

  constructor(source: SignalSource) {
    super();
    this.#source = source;
    Object.defineProperty(this, 'postern.signal', SIGNAL);
  }

  /** @param environ a BaseEnviron, or an object that inherits from one */
  static sourceOf(environ: object): SignalSource {
    let own = environ;
    while (!(#source in own)) own = Object.getPrototypeOf(own) as object;
    return own.#source;
  }

  static setContentLength(environ: object, text: string | undefined): void {
    (environ as BaseEnviron).#contentLength = text;
  }

  static contentLengthOf(environ: object): string | undefined {
    return (environ as BaseEnviron).#contentLength;
  }

  static setHeaderLength(environ: object, text: string | undefined): void {
    (environ as BaseEnviron).#headerLength = text;
  }

  static headerLengthOf(environ: object): string | undefined {
    return (environ as BaseEnviron).#headerLength;
  }
}
