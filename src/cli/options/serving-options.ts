/** Options that are passed on to the gateways. Limits are in limit-options.ts. */

import { readAccount, readGroup } from '../accounts.ts';
import type { ForwardedNames } from './readers.ts';
import { option } from './option.ts';
import {
  readChoice,
  readCount,
  readFolder,
  readForwardedHeaders,
  readMode,
  readPeer,
  readServerHeader,
  readSwitch,
  readText,
} from './readers.ts';

const SENDFILE_HEADERS = ['X-Accel-Redirect', 'X-Sendfile'] as const;
const ENGINES = ['postern', 'node-fastcgi'] as const;

/** Where a gateway listens, and who may connect. */
export const SERVING_OPTIONS = {
  allow: option<string>({
    group: 'Peers',
    gateway: true,
    describe: 'Take TCP connections only from PEER, an IP address or a network',
    argument: 'PEER',
    read: readPeer(),
    repeated: true,
    defaultText: 'all; for FastCGI those of FCGI_WEB_SERVER_ADDRS',
  }),
  forwardedAllowIps: option<string>({
    group: 'Peers',
    gateway: true,
    describe:
      'Trust the X-Forwarded headers of the proxy PEER, and drop those of others: an IP address, a network, unix, or * for any peer',
    argument: 'PEER',
    read: readPeer('unix', '*'),
    repeated: true,
    defaultText: 'no proxy; the headers are passed on as they are',
    cgi: true,
  }),
  forwardedHeaders: option<ForwardedNames>({
    group: 'Peers',
    gateway: true,
    describe:
      'The trusted headers are those of LIST: forwarded (RFC 7239), or some of for,proto,host,port,prefix, as in for=X-Real-IP,proto',
    argument: 'LIST',
    read: readForwardedHeaders,
    defaultText: 'for,proto,host,port',
    cgi: true,
  }),
  socketMode: option<number>({
    group: 'Serving',
    gateway: true,
    describe: 'Permissions MODE of unix sockets, octal',
    argument: 'MODE',
    read: readMode,
    default: 0o660,
    defaultText: '0660',
  }),
  socketOwner: option<number>({
    group: 'Serving',
    gateway: true,
    describe: 'Give unix sockets to ACCOUNT, a name or a number. Only root can',
    argument: 'ACCOUNT',
    read: readAccount,
    defaultText: 'the account of postern',
  }),
  socketGroup: option<number>({
    group: 'Serving',
    gateway: true,
    describe:
      'Give unix sockets to GROUP, a name or a number: that of the web server. Root and members of GROUP can',
    argument: 'GROUP',
    read: readGroup,
    defaultText: 'the group of postern',
  }),
  backlog: option<number>({
    group: 'Serving',
    gateway: true,
    describe: 'Let COUNT connections wait until they are accepted',
    argument: 'COUNT',
    read: readCount,
    defaultText: '511',
  }),
  multiprocess: option<boolean>({
    group: 'Serving',
    gateway: true,
    describe: 'Other processes serve the application as well: wsgi.multiprocess is true',
    read: readSwitch,
    defaultText: 'for CGI alone',
    cgi: true,
  }),
  spoolDir: option<string>({
    group: 'Files',
    gateway: true,
    describe:
      'Keep unread parts of request bodies that do not fit in memory in temporary files in FOLDER',
    argument: 'FOLDER',
    read: readFolder,
    defaultText: '/var/tmp',
  }),
  sendfile: option<'X-Accel-Redirect' | 'X-Sendfile'>({
    group: 'Files',
    describe: 'Let the web server send files, with HEADER: X-Accel-Redirect or X-Sendfile',
    argument: 'HEADER',
    choices: SENDFILE_HEADERS,
    read: readChoice(SENDFILE_HEADERS),
    cgi: true,
  }),
  sendfileRoot: option<string>({
    group: 'Files',
    describe: 'With --sendfile: only files below FOLDER',
    argument: 'FOLDER',
    read: readFolder,
    cgi: true,
  }),
  sendfilePrefix: option<string>({
    group: 'Files',
    describe: 'For X-Accel-Redirect: the internal location PREFIX that nginx maps to this folder',
    argument: 'PREFIX',
    read: readText,
    defaultText: '/',
    cgi: true,
  }),
} as const;

export const FASTCGI_OPTIONS = {
  multiplex: option<boolean>({
    group: 'FastCGI',
    gateway: true,
    describe: 'Serve several requests at once on a connection; --no-multiplex: one after the other',
    read: readSwitch,
    defaultText: 'yes',
  }),
  fastcgiEngine: option<'postern' | 'node-fastcgi'>({
    group: 'FastCGI',
    gateway: ['engine'],
    describe: 'ENGINE that speaks the protocol: postern, or the npm package node-fastcgi',
    argument: 'ENGINE',
    choices: ENGINES,
    read: readChoice(ENGINES),
    defaultText: 'postern',
  }),
} as const;

export const HTTP_OPTIONS = {
  errorPage: option<boolean>({
    group: 'HTTP',
    gateway: true,
    describe:
      'Show errors of the application, with source and environ, to browsers on this machine; --no-error-page: to nobody',
    read: readSwitch,
    defaultText: 'at a terminal, unless NODE_ENV is production',
  }),
  underscoreHeaders: option<string>({
    group: 'HTTP',
    gateway: true,
    describe: 'Accept the header NAME, although it has an underscore',
    argument: 'NAME',
    read: readText,
    repeated: true,
    defaultText: 'none',
  }),
  serverHeader: option<string | false>({
    group: 'HTTP',
    gateway: true,
    describe: 'Send the header Server: TEXT; --no-server-header: none',
    argument: 'TEXT',
    negatable: true,
    read: readServerHeader,
    defaultText: 'postern',
  }),
} as const;
