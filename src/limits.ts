/**
 * Every limit by name: what it bounds, its default, and why that. Each that a peer can pass is an option of the
 * gateways and a flag of the command.
 */

/** Bytes that a request body or a response may have waiting in memory before its source is paused. */
export const HIGH_WATER_MARK = 64 * 1024;

/** What an application leaves unread of a request body is read to keep the connection, if it is no more than this. */
export const MAX_DRAIN_SIZE = 1024 * 1024;

/**
 * The same for FastCGI, where a front end stops when it has read END_REQUEST. What was on its way until then
 * fills the sockets' buffers (10 MiB with Linux's defaults), and is no reason to close a connection that others use.
 */
export const FASTCGI_MAX_DRAIN_SIZE = 16 * MAX_DRAIN_SIZE;

/**
 * Bytes of all variables of one request, names and values. Twice what front ends let through as
 * headers by default (nginx 32 KiB, HAProxy 16 KiB) and their own variables (certificates), rounded up.
 */
export const MAX_VARIABLE_BYTES = 128 * 1024;

/** Variables of one request. Apache lets 100 headers through and adds some 80 of its own. */
export const MAX_VARIABLES = 1000;

/**
 * Bytes of the head of a response over FastCGI. HAProxy 2.6 ends, and with it the connections of all visitors, when a
 * head does not fit in its buffer: 32 KiB in our configuration; by default 16 KiB, for which this has to be less.
 */
export const MAX_RESPONSE_HEAD_SIZE = 30 * 1024;

/** Connections at once; more are closed as soon as they come. Above what the workers of a busy front end open together. */
export const MAX_CONNECTIONS = 4096;

/**
 * Milliseconds from the connection to the last of the variables. A front end sends them in one go:
 * what takes longer is none, or keeps connections open to exhaust them.
 */
export const VARIABLES_TIMEOUT = 10_000;

/** Milliseconds without a byte of a request body that is wanted; as nginx's client_body_timeout. */
export const BODY_TIMEOUT = 60_000;

/** Milliseconds in which a client takes nothing of a response that waits; as nginx's send_timeout. */
export const SEND_TIMEOUT = 60_000;

/** Milliseconds for which a peer may send nothing, nor close, after the response; as nginx's lingering_timeout. */
export const CLOSE_TIMEOUT = 5000;

/** Milliseconds for which what a client still sends is thrown away, so that it can see the response; as nginx's lingering_time. */
export const LINGER_TIMEOUT = 30_000;

/**
 * Requests in flight of one gateway, until the application is through with them; more are answered 503. As many as
 * connections of one request each.
 */
export const MAX_CONCURRENT_REQUESTS = MAX_CONNECTIONS;

/**
 * Bytes in memory of variables, heads and bodies of all connections of a gateway together; with more, new requests are
 * answered 503. Room for 2,000 uploads at once that are not being read, or for all connections with some 60 KiB each.
 * An open HTTP connection counts with its maxHeaderSize, because node:http does not tell what it has of a head.
 */
export const MAX_BUFFERED_SIZE = 256 * 1024 * 1024;

/**
 * Bytes of one request body that wait in a temporary file, because the application does not read and memory
 * holds no more; with more, its connection waits, or with others on it, it is answered 413.
 */
export const MAX_SPOOL_SIZE = 256 * 1024 * 1024;

/** Bytes in all of these files together. */
export const MAX_SPOOL_TOTAL_SIZE = 1024 * 1024 * 1024;

/** Milliseconds in which an application reads nothing of a body that waits for it; then reading it fails. */
export const UNREAD_TIMEOUT = 60_000;

/** Milliseconds for which a connection is held back at least, and no more than twice that, because an application does not read. */
export const HOLD_TIME = 250;

/** Requests in flight on one FastCGI connection; four times what HAProxy's documentation suggests (64). */
export const MAX_CONCURRENT_REQUESTS_PER_CONNECTION = 256;

/**
 * Milliseconds for which a kept connection may stay without a request. Longer than front ends keep theirs
 * (nginx: 60 s), so that it is they who close, and nobody's request meets a closing connection.
 */
export const IDLE_TIMEOUT = 600_000;

/** Milliseconds from the start of the application to the headers of its response. Above the front ends' own (60 s). */
export const RESPONSE_TIMEOUT = 300_000;

/** How long a graceful stop waits for requests in flight, in milliseconds. */
export const SHUTDOWN_TIMEOUT = 30_000;

/** Bytes of an HTTP request line; more is answered 414. As Apache's LimitRequestLine, and one of nginx's large buffers. */
export const MAX_REQUEST_LINE_SIZE = 8190;

/** Bytes of an HTTP header section, request line included; more is answered 431. What nginx lets through (4 × 8 KiB). */
export const MAX_HEADER_SIZE = 32 * 1024;

/** Header lines of an HTTP request; more are answered 431. As Apache's LimitRequestFields. */
export const MAX_HEADERS = 100;

/** Bytes of an HTTP request body; more is answered 413. As Apache's LimitRequestBody. */
export const MAX_BODY_SIZE = 1024 * 1024 * 1024;

/** Milliseconds for an HTTP header section, from the connection or its first byte; as nginx's client_header_timeout. */
export const HEADERS_TIMEOUT = 60_000;

/** Milliseconds for a whole HTTP request, its body included; as Node's own. Against bodies that drip. */
export const REQUEST_TIMEOUT = 300_000;

/**
 * Milliseconds for which an HTTP connection stays open between two requests. Longer than nginx keeps its
 * own to us (60 s), no longer than it keeps visitors' (75 s).
 */
export const KEEP_ALIVE_TIMEOUT = 75_000;
