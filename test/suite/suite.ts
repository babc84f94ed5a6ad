/** Runs every row through one gateway. */

import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, test } from 'vitest';

import { Incoming } from './incoming.ts';
import { FILE_HEADER, ROW_HEADER } from './kit.mjs';
import { rows } from './rows/index.mjs';
import type {
  Capability,
  Driver,
  Response,
  Row,
  Service,
  SuiteEvent,
  SuiteRequest,
  Visit,
  Wire,
} from './types.ts';

const FOLDER = import.meta.dirname;
/** How long something that must happen may take before the row fails. */
const PATIENCE = 10_000;

/**
 * Defines the tests of one gateway. Call it inside of a `describe`.
 *
 * @param validated whether the validator is put around every application
 */
export function defineSuite(driver: Driver, validated = false): void {
  let folder: string;
  let shared: Service;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'postern-suite-'));
    chmodSync(folder, 0o777); // web servers run CGI programs under an account of their own
    shared = await driver.start(join(FOLDER, validated ? 'validated.mjs' : 'application.mjs'));
  });
  afterAll(async () => {
    await shared?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const rule of new Set(rows.map((row) => row.rule))) {
    describe(rule === 0 ? 'applications and bodies' : `rule ${rule}`, () => {
      for (const row of rows.filter((row) => row.rule === rule)) defineRow(row);
    });
  }

  /** Why a row cannot be shown, if it cannot. */
  function obstacleOf({ needs, application, breaks }: Row): string | undefined {
    if (validated && typeof application !== 'function') return 'its shape would be a function';
    if (validated && breaks !== undefined) return `the validator complains: ${breaks}`;
    const missing = needs?.find((need: Capability) => driver.cannot[need] !== undefined);
    return missing && driver.cannot[missing];
  }

  function defineRow(row: Row): void {
    const obstacle = obstacleOf(row);
    if (obstacle !== undefined) {
      test.skip(`${row.name} [not here: ${obstacle}]`);
      return;
    }
    test(row.name, async () => {
      const { application } = row;
      if (typeof application === 'function') {
        await check(row, shared);
        return;
      }
      const own = await driver.start(`${join(FOLDER, 'shapes.mjs')}:${application.alone}`);
      try {
        await check(row, own);
      } finally {
        await own.stop();
      }
    });
  }

  async function check(row: Row, service: Service): Promise<void> {
    const visits: RowVisit[] = [];
    const open = async (request: SuiteRequest): Promise<Visit> => {
      const visit = new RowVisit(driver, service, row.name, join(folder, `${visitCount++}`), open);
      visits.push(visit);
      await visit.open(request);
      return visit;
    };
    try {
      await row.check(await open(row.request ?? {}));
    } finally {
      for (const visit of visits) visit.leave();
    }
  }
}

let visitCount = 0;

class RowVisit implements Visit {
  readonly gateway: Driver['gateway'];
  readonly #service: Service;
  readonly #row: string;
  readonly #file: string;
  readonly #logged: readonly number[];
  readonly #open: (request: SuiteRequest) => Promise<Visit>;
  #wire: Wire | undefined;
  #incoming: Incoming | undefined;

  constructor(
    driver: Driver,
    service: Service,
    row: string,
    file: string,
    open: (request: SuiteRequest) => Promise<Visit>,
  ) {
    this.gateway = driver.gateway;
    this.#service = service;
    this.#row = row;
    this.#file = file;
    this.#logged = service.logs().map((log) => log.length);
    this.#open = open;
    writeFileSync(file, '', { mode: 0o666 });
    chmodSync(file, 0o666);
  }

  async open(request: SuiteRequest): Promise<void> {
    const headers: SuiteRequest['headers'] = [
      [ROW_HEADER, this.#row],
      [FILE_HEADER, this.#file],
      ...(request.headers ?? []),
    ];
    this.#wire = await this.#service.open({ ...request, headers });
    const { output, style } = this.#wire;
    this.#incoming = new Incoming(output, style, request.method ?? 'GET');
  }

  async response(): Promise<Response> {
    const response = await this.#incoming!.read(Infinity);
    // With the request out of the way, the end of the connection is what follows.
    if (this.#wire!.isSent?.() !== false) {
      const trailing = await this.#incoming!.trailing();
      assert.equal(trailing.toString('latin1'), '', 'bytes behind the response');
    }
    const clean = await this.#wire!.clean;
    return { ...response, complete: response.complete && clean };
  }

  begin(size: number): Promise<Response> {
    return this.#incoming!.read(size);
  }

  leave(): void {
    this.#wire?.leave();
  }

  signal(): void {
    writeFileSync(`${this.#file}.go`, '');
  }

  events(): SuiteEvent[] {
    const lines = readFileSync(this.#file, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as SuiteEvent);
  }

  async event(name: string): Promise<unknown> {
    const find = () => this.events().find((event) => event.name === name);
    await until(
      () => find() !== undefined,
      () => `no event ${name}, but ${JSON.stringify(this.events())}`,
    );
    return find()!.data;
  }

  log(): string {
    return this.#service
      .logs()
      .map((log, i) => log.slice(this.#logged[i]))
      .join('');
  }

  async logged(pattern: RegExp): Promise<void> {
    await until(
      () => pattern.test(this.log()),
      () => `nothing like ${pattern} in the log:\n${this.log()}`,
    );
  }

  again(request: SuiteRequest = {}): Promise<Visit> {
    return this.#open(request);
  }
}

async function until(condition: () => boolean, complaint: () => string): Promise<void> {
  for (const deadline = Date.now() + PATIENCE; !condition(); await sleep(5)) {
    if (Date.now() > deadline) assert.fail(complaint());
  }
}
