/**
 * Where everything is that wsgiref offers: every public name of its modules and classes, and what it
 * is here, or why it is not.
 */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';

import { afterAll, describe, expect, test } from 'vitest';

import * as cgi from '../adapters/cgi/index.ts';
import * as http from '../adapters/http/index.ts';
import * as core from '../src/index.ts';
import type { SimpleServer } from '../adapters/http/index.ts';
import { findExecutable } from './servers/launch.ts';

/** A name here, by what has it. */
type Place =
  | { export: string; from?: './cgi' | './http' }
  | { type: string }
  | {
      member: string | symbol;
      of: 'handler' | 'Headers' | 'FileWrapper' | 'input' | 'errors' | 'server';
    }
  | { none: string };

const exported = (name: string): Place => ({ export: name });
const from = (subpath: './cgi' | './http', name: string): Place => ({
  export: name,
  from: subpath,
});
const type = (name: string): Place => ({ type: name });
const handler = (member: string): Place => ({ member, of: 'handler' });
const headers = (member: string): Place => ({ member, of: 'Headers' });
const none = (reason: string): Place => ({ none: reason });

const STATE = none('state of a request, which subclasses are told not to mess with: private here');
const STEP = none('a step of run(), whose order and checks hold for every gateway: private here');
const INSIDE = none('an inner part, private here');
const CHECKS = none('an inner part of validator(), private here');
const NODE_HTTP = none(
  'node:http listens and parses; a handler gets the request when it is complete',
);

const TABLE: Readonly<Record<string, Place>> = {
  // ---- wsgiref.util
  'util.guess_scheme': exported('guessScheme'),
  'util.request_uri': exported('requestUri'),
  'util.application_uri': exported('applicationUri'),
  'util.shift_path_info': exported('shiftPathInfo'),
  'util.setup_testing_defaults': exported('setupTestingDefaults'),
  'util.is_hop_by_hop': exported('isHopByHop'),
  'util.FileWrapper': exported('FileWrapper'),
  'util.FileWrapper.__iter__': { member: Symbol.asyncIterator, of: 'FileWrapper' },
  'util.FileWrapper.__next__': none('its iterator has it: there is one position'),

  // ---- wsgiref.headers
  'headers.Headers': exported('Headers'),
  'headers.Headers.__len__': headers('size'),
  'headers.Headers.__setitem__': headers('set'),
  'headers.Headers.__delitem__': headers('delete'),
  'headers.Headers.__getitem__': headers('get'),
  'headers.Headers.__contains__': headers('has'),
  'headers.Headers.get_all': headers('getAll'),
  'headers.Headers.get': headers('get'),
  'headers.Headers.keys': headers('keys'),
  'headers.Headers.values': headers('values'),
  'headers.Headers.items': headers('toArray'),
  'headers.Headers.setdefault': headers('setDefault'),
  'headers.Headers.add_header': headers('addHeader'),
  'headers.Headers.__str__': headers('toString'),
  'headers.Headers.__bytes__': headers('toBytes'),
  'headers.Headers.__repr__': none('util.inspect does it'),
  'headers.tspecials': none('parameters are always quoted, so nothing has to force it'),

  // ---- wsgiref.handlers
  'handlers.format_date_time': exported('formatDateTime'),
  'handlers.read_environ': from('./cgi', 'readEnvironment'),
  'handlers.BaseHandler': exported('BaseHandler'),
  'handlers.BaseHandler.wsgi_version': none('there is one version of the contract'),
  'handlers.BaseHandler.wsgi_multithread': none('an application runs on one thread in Node: false'),
  'handlers.BaseHandler.wsgi_multiprocess': handler('isMultiprocess'),
  'handlers.BaseHandler.wsgi_run_once': handler('runOnce'),
  'handlers.BaseHandler.origin_server': handler('originServer'),
  'handlers.BaseHandler.http_version': handler('httpVersion'),
  'handlers.BaseHandler.server_software': handler('serverSoftware'),
  'handlers.BaseHandler.os_environ': none(
    'the process environment belongs to the operator, and is in no environ but that of CGI',
  ),
  'handlers.BaseHandler.wsgi_file_wrapper': handler('fileWrapper'),
  'handlers.BaseHandler.headers_class': none(
    'headers are checked and kept as a plain list: faster',
  ),
  'handlers.BaseHandler.traceback_limit': none('Node has Error.stackTraceLimit'),
  'handlers.BaseHandler.error_status': handler('errorStatus'),
  'handlers.BaseHandler.error_headers': handler('errorHeaders'),
  'handlers.BaseHandler.error_body': handler('errorBody'),
  'handlers.BaseHandler.status': STATE,
  'handlers.BaseHandler.result': STATE,
  'handlers.BaseHandler.headers_sent': handler('headersSent'),
  'handlers.BaseHandler.headers': STATE,
  'handlers.BaseHandler.bytes_sent': STATE,
  'handlers.BaseHandler.run': handler('run'),
  'handlers.BaseHandler.setup_environ': handler('setupEnviron'),
  'handlers.BaseHandler.finish_response': STEP,
  'handlers.BaseHandler.get_scheme': handler('getScheme'),
  'handlers.BaseHandler.set_content_length': STEP,
  'handlers.BaseHandler.cleanup_headers': STEP,
  'handlers.BaseHandler.start_response': STEP,
  'handlers.BaseHandler.send_preamble': handler('formatStatus'),
  'handlers.BaseHandler.write': STEP,
  'handlers.BaseHandler.sendfile': handler('sendfile'),
  'handlers.BaseHandler.finish_content': handler('finish'),
  'handlers.BaseHandler.close': STEP,
  'handlers.BaseHandler.send_headers': handler('formatHead'),
  'handlers.BaseHandler.result_is_file': none('instanceof FileWrapper'),
  'handlers.BaseHandler.client_is_modern': none('no HTTP/0.9 client has been seen in this century'),
  'handlers.BaseHandler.log_exception': handler('logException'),
  'handlers.BaseHandler.handle_error': STEP,
  'handlers.BaseHandler.error_output': handler('errorOutput'),
  'handlers.BaseHandler._write': handler('send'),
  'handlers.BaseHandler._flush': handler('drained'),
  'handlers.BaseHandler.get_stdin': handler('getStdin'),
  'handlers.BaseHandler.get_stderr': handler('getStderr'),
  'handlers.BaseHandler.add_cgi_vars': handler('addCgiVars'),
  'handlers.SimpleHandler': exported('StreamHandler'),
  'handlers.SimpleHandler.get_stdin': handler('getStdin'),
  'handlers.SimpleHandler.get_stderr': handler('getStderr'),
  'handlers.SimpleHandler.add_cgi_vars': handler('addCgiVars'),
  'handlers.SimpleHandler._write': handler('send'),
  'handlers.SimpleHandler._flush': handler('drained'),
  'handlers.BaseCGIHandler': exported('StreamHandler'),
  'handlers.BaseCGIHandler.origin_server': handler('originServer'),
  'handlers.CGIHandler': from('./cgi', 'CgiHandler'),
  'handlers.CGIHandler.wsgi_run_once': handler('runOnce'),
  'handlers.CGIHandler.os_environ': from('./cgi', 'readEnvironment'),
  'handlers.IISCGIHandler': from('./cgi', 'IisCgiHandler'),
  'handlers.IISCGIHandler.wsgi_run_once': handler('runOnce'),
  'handlers.IISCGIHandler.os_environ': from('./cgi', 'readEnvironment'),

  // ---- wsgiref.simple_server
  'simple_server.make_server': from('./http', 'makeServer'),
  'simple_server.demo_app': exported('demoApp'),
  'simple_server.WSGIServer': from('./http', 'makeServer'),
  'simple_server.WSGIServer.application': { member: 'getApp', of: 'server' },
  'simple_server.WSGIServer.get_app': { member: 'getApp', of: 'server' },
  'simple_server.WSGIServer.set_app': { member: 'setApp', of: 'server' },
  'simple_server.WSGIServer.handle_request': { member: 'handleRequest', of: 'server' },
  'simple_server.WSGIServer.serve_forever': { member: 'serveForever', of: 'server' },
  'simple_server.WSGIServer.server_bind': NODE_HTTP,
  'simple_server.WSGIServer.setup_environ': INSIDE,
  'simple_server.WSGIRequestHandler': NODE_HTTP,
  'simple_server.WSGIRequestHandler.server_version': handler('serverSoftware'),
  'simple_server.WSGIRequestHandler.get_environ': handler('addCgiVars'),
  'simple_server.WSGIRequestHandler.get_stderr': handler('getStderr'),
  'simple_server.WSGIRequestHandler.handle': NODE_HTTP,
  'simple_server.ServerHandler': INSIDE,
  'simple_server.ServerHandler.server_software': handler('serverSoftware'),
  'simple_server.ServerHandler.close': none('the accessLog option is called there'),
  'simple_server.server_version': none('no response tells a version'),
  'simple_server.sys_version': none('no response tells a version'),
  'simple_server.software_version': none('no response tells a version'),

  // ---- wsgiref.validate
  'validate.validator': exported('validator'),
  'validate.WSGIWarning': exported('ValidationError'),
  'validate.header_re': CHECKS,
  'validate.bad_header_value_re': CHECKS,
  'validate.assert_': CHECKS,
  'validate.check_string_type': CHECKS,
  'validate.InputWrapper': CHECKS,
  'validate.InputWrapper.read': CHECKS,
  'validate.InputWrapper.readline': CHECKS,
  'validate.InputWrapper.readlines': CHECKS,
  'validate.InputWrapper.__iter__': CHECKS,
  'validate.InputWrapper.close': CHECKS,
  'validate.ErrorWrapper': CHECKS,
  'validate.ErrorWrapper.write': CHECKS,
  'validate.ErrorWrapper.flush': CHECKS,
  'validate.ErrorWrapper.writelines': CHECKS,
  'validate.ErrorWrapper.close': CHECKS,
  'validate.WriteWrapper': CHECKS,
  'validate.WriteWrapper.__call__': CHECKS,
  'validate.PartialIteratorWrapper': CHECKS,
  'validate.PartialIteratorWrapper.__iter__': CHECKS,
  'validate.IteratorWrapper': CHECKS,
  'validate.IteratorWrapper.__iter__': CHECKS,
  'validate.IteratorWrapper.__next__': CHECKS,
  'validate.IteratorWrapper.__del__': CHECKS,
  'validate.IteratorWrapper.close': CHECKS,
  'validate.check_environ': CHECKS,
  'validate.check_input': CHECKS,
  'validate.check_errors': CHECKS,
  'validate.check_status': CHECKS,
  'validate.check_headers': CHECKS,
  'validate.check_content_type': CHECKS,
  'validate.check_exc_info': CHECKS,
  'validate.check_iterator': CHECKS,

  // ---- wsgiref.types
  'types.StartResponse': type('StartResponse'),
  'types.StartResponse.__call__': type('StartResponse'),
  'types.WSGIEnvironment': type('Environ'),
  'types.WSGIApplication': type('Application'),
  'types.InputStream': type('Input'),
  'types.InputStream.read': { member: 'read', of: 'input' },
  'types.InputStream.readline': { member: 'readline', of: 'input' },
  'types.InputStream.readlines': { member: 'readlines', of: 'input' },
  'types.InputStream.__iter__': { member: 'lines', of: 'input' },
  'types.ErrorStream': type('ErrorStream'),
  'types.ErrorStream.flush': { member: 'flush', of: 'errors' },
  'types.ErrorStream.write': { member: 'write', of: 'errors' },
  'types.ErrorStream.writelines': { member: 'writelines', of: 'errors' },
  'types.FileWrapper': type('FileWrapperConstructor'),
  'types.FileWrapper.__call__': type('FileWrapperConstructor'),
};

// ---- the names here

const ROOT = join(import.meta.dirname, '..');
const MODULES: Readonly<Record<string, object>> = { '.': core, './cgi': cgi, './http': http };

const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
const server: SimpleServer = await http.makeServer('127.0.0.1', 0, core.demoApp);
afterAll(() => server.close());

const OWNERS: Readonly<Record<string, object>> = {
  handler: new cgi.CgiHandler({ stdin, stdout, stderr, environ: {} }),
  Headers: new core.Headers(),
  FileWrapper: new core.FileWrapper({ read: () => null }),
  input: new core.InputStream(0),
  errors: core.setupTestingDefaults({})['wsgi.errors'],
  server,
};

describe.each(Object.entries(TABLE))('wsgiref.%s', (_, place) => {
  if ('none' in place) {
    test(`is left out: ${place.none}`, () => expect(place.none.length).toBeGreaterThan(10));
  } else if ('export' in place) {
    const { export: name, from: subpath = '.' } = place;
    test(`is ${name} of postern${subpath.slice(1)}`, () => {
      expect(MODULES[subpath]).toHaveProperty(name);
      expect((MODULES[subpath] as Record<string, unknown>)[name]).toBeTypeOf('function');
    });
  } else if ('member' in place) {
    const { member, of } = place;
    test(`is ${String(member)} of ${of}`, () => expect(member in OWNERS[of]!).toBe(true));
  } else {
    test(`is the type ${place.type}`, () => {
      const source = readFileSync(join(ROOT, 'src/types.ts'), 'utf8');
      expect(source).toMatch(new RegExp(`^export (type|interface) ${place.type}\\b`, 'm'));
    });
  }
});

test('package.json exports the subpaths of the table', () => {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    exports: Record<string, string>;
  };
  for (const subpath of Object.keys(MODULES)) expect(exports).toHaveProperty([subpath]);
});

// ---- the names there

/** Walks wsgiref: public names, and of its classes also what has a meaning in a protocol. */
const WALK = `
import importlib, inspect, json
protocol = {'__iter__', '__next__', '__len__', '__setitem__', '__delitem__', '__getitem__',
            '__contains__', '__str__', '__bytes__', '__repr__', '__call__', '__del__',
            '_write', '_flush'}
names = []
for module in ['util', 'headers', 'handlers', 'simple_server', 'validate', 'types']:
    found = importlib.import_module('wsgiref.' + module)
    listed = getattr(found, '__all__', [])
    for name, value in vars(found).items():
        if name.startswith('_') or inspect.ismodule(value): continue
        foreign = getattr(value, '__module__', found.__name__) != found.__name__
        if foreign and name not in listed: continue
        names.append(module + '.' + name)
        if not inspect.isclass(value): continue
        names += [module + '.' + name + '.' + member for member in vars(value)
                  if not member.startswith('_') or member in protocol]
print(json.dumps(names))
`;

const python = findExecutable('python3');
test.skipIf(python === undefined)(
  `the table has every name of the wsgiref that is installed${python ? '' : ' [no python3 here]'}`,
  () => {
    const names = JSON.parse(execFileSync(python!, ['-c', WALK], { encoding: 'utf8' })) as string[];
    expect(names.length).toBeGreaterThan(100);
    expect(names.filter((name) => !(name in TABLE))).toEqual([]);
  },
);
