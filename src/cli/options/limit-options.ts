/**
 * Limits as options of the command: one option for all gateways, if it means the same. What they are for, and the reasons
 * for their defaults, are in src/limits.ts.
 */

import * as limits from '../../limits.ts';
import { option } from './option.ts';
import type { Option } from './option.ts';
import { readCount } from './readers.ts';
import { formatBytes, formatTime, readBytes, readMilliseconds } from './units.ts';

interface Unit {
  readonly group: 'Limits' | 'Timeouts';
  readonly argument: string;
  readonly read: (text: string) => number;
  /** A default, written as the option takes it. */
  format(value: number): string;
}

const COUNT: Unit = { group: 'Limits', argument: 'COUNT', read: readCount, format: String };
const SIZE: Unit = { group: 'Limits', argument: 'SIZE', read: readBytes, format: formatBytes };
const TIME: Unit = {
  group: 'Timeouts',
  argument: 'TIME',
  read: readMilliseconds,
  format: formatTime,
};

/** @param gateway the names of the option in the gateways, if they are others */
function limit(
  describe: string,
  unit: Unit,
  defaults: number | Readonly<Record<string, number>>,
  gateway: readonly string[] | true = true,
): Option<number> {
  const defaultText =
    typeof defaults === 'number'
      ? unit.format(defaults)
      : Object.entries(defaults)
          .map(([name, value]) => `${unit.format(value)} for ${name}`)
          .join(', ');
  return option<number>({
    group: unit.group,
    describe,
    argument: unit.argument,
    read: unit.read,
    // Only a text and no `default`: each gateway has its own.
    defaultText,
    gateway,
  });
}

export const LIMIT_OPTIONS = {
  maxConnections: limit('COUNT connections at once', COUNT, limits.MAX_CONNECTIONS),
  maxConcurrentRequests: limit(
    'COUNT requests at once, also those whose response has ended while the application goes on',
    COUNT,
    limits.MAX_CONCURRENT_REQUESTS,
  ),
  maxConcurrentRequestsPerConnection: limit(
    'FastCGI: COUNT requests at once on a connection',
    COUNT,
    limits.MAX_CONCURRENT_REQUESTS_PER_CONNECTION,
  ),
  maxVariables: limit(
    'FastCGI, SCGI, uwsgi: COUNT variables of a request',
    COUNT,
    limits.MAX_VARIABLES,
    ['maxVariables', 'maxParams'],
  ),
  maxVariablesSize: limit(
    'FastCGI, SCGI, uwsgi: SIZE of all variables of a request',
    SIZE,
    limits.MAX_VARIABLE_BYTES,
    ['maxVariablesSize', 'maxParamsSize'],
  ),
  maxResponseHeadSize: limit(
    'FastCGI: SIZE of the head of a response',
    SIZE,
    limits.MAX_RESPONSE_HEAD_SIZE,
  ),
  maxRequestLineSize: limit('HTTP: SIZE of a request line', SIZE, limits.MAX_REQUEST_LINE_SIZE),
  maxHeaders: limit('HTTP: COUNT header lines of a request', COUNT, limits.MAX_HEADERS),
  maxHeaderSize: limit('HTTP: SIZE of all headers of a request', SIZE, limits.MAX_HEADER_SIZE),
  maxBodySize: limit('HTTP: SIZE of a request body', SIZE, limits.MAX_BODY_SIZE),
  maxBufferedSize: limit(
    'SIZE in memory of variables, heads and bodies of all connections of a gateway',
    SIZE,
    limits.MAX_BUFFERED_SIZE,
  ),
  maxSpoolSize: limit(
    'SIZE of an unread request body in a temporary file',
    SIZE,
    limits.MAX_SPOOL_SIZE,
  ),
  maxSpoolTotalSize: limit(
    'SIZE of all these files of a gateway',
    SIZE,
    limits.MAX_SPOOL_TOTAL_SIZE,
  ),
  maxDrainSize: limit(
    'FastCGI, HTTP: SIZE of an unread body that are read to keep the connection',
    SIZE,
    {
      FastCGI: limits.FASTCGI_MAX_DRAIN_SIZE,
      HTTP: limits.MAX_DRAIN_SIZE,
    },
  ),

  variablesTimeout: limit(
    'FastCGI, SCGI, uwsgi: TIME for the variables of a request',
    TIME,
    limits.VARIABLES_TIMEOUT,
    ['variablesTimeout', 'paramsTimeout'],
  ),
  headersTimeout: limit('HTTP: TIME for the headers of a request', TIME, limits.HEADERS_TIMEOUT),
  requestTimeout: limit('HTTP: TIME for a request with its body', TIME, limits.REQUEST_TIMEOUT),
  bodyTimeout: limit(
    'TIME without a byte of a request body for which the application waits',
    TIME,
    limits.BODY_TIMEOUT,
  ),
  unreadTimeout: limit(
    'TIME in which the application reads nothing of a request body that has come',
    TIME,
    limits.UNREAD_TIMEOUT,
  ),
  responseTimeout: limit(
    'TIME for the application to begin its response',
    TIME,
    limits.RESPONSE_TIMEOUT,
  ),
  sendTimeout: limit(
    'TIME in which the peer takes nothing of a response',
    TIME,
    limits.SEND_TIMEOUT,
  ),
  idleTimeout: limit('TIME between two requests on a connection', TIME, {
    FastCGI: limits.IDLE_TIMEOUT,
    HTTP: limits.KEEP_ALIVE_TIMEOUT,
  }),
  closeTimeout: limit(
    'TIME in which a peer neither sends nor closes, after the response',
    TIME,
    limits.CLOSE_TIMEOUT,
  ),
  lingerTimeout: limit(
    'TIME in which bytes that come after the response are thrown away',
    TIME,
    limits.LINGER_TIMEOUT,
  ),
} as const;
