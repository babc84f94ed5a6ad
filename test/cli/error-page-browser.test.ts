/** The error page in a browser: what a person sees of it, and what it does not let happen. */

import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';

import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { runWithHttp } from '../../adapters/http/index.ts';
import type { Application } from '../../src/index.ts';
import type { Server } from '../../src/listening/server.ts';
import { HOSTILE, SCRIPT } from '../http/hostile.ts';
import { describeWithServer } from '../servers/availability.ts';
import { faintTexts, launchBrowser, picture, visit } from '../servers/browser.ts';
import type { Visit } from '../servers/browser.ts';
import { CommandProcess, fixture } from './process.ts';

const APP = fixture('failing.ts');
const PATH = `/${encodeURIComponent(SCRIPT)}?colour=blue&token=hidden-1`;

/** The number of the line of the application that has this text. */
function lineOf(text: string): number {
  const lines = readFileSync(APP, 'utf8').split('\n');
  return lines.findIndex((line) => line.includes(text)) + 1;
}

/** What an expression has for its value in the page. */
const look = <T>({ page }: Visit, expression: string): Promise<T> => page.evaluate(expression);

/** Which line of source is marked below an element: its number as shown, and what is beside the number. */
function markedLine(visited: Visit, selector: string): Promise<[number: number, text: string]> {
  return look(
    visited,
    `(() => {
      const frame = document.querySelector(${JSON.stringify(selector)});
      const mark = frame.querySelector('.line-highlight').getBoundingClientRect();
      const middle = (mark.top + mark.bottom) / 2;
      const numbers = frame.querySelector('.shj-numbers');
      const row = [...numbers.children].findIndex((number) => {
        const box = number.getBoundingClientRect();
        return box.top < middle && middle < box.bottom;
      });
      const first = Number(/line (\\d+)/.exec(numbers.style.counterSet)[1]) + 1;
      return [first + row, numbers.nextElementSibling.innerText.split('\\n')[row]];
    })()`,
  );
}

/** Starts the command, as somebody does who works on the application. */
async function start(): Promise<string> {
  const command = new CommandProcess([APP, '--http', '0', '--error-page']);
  const [, port] = await command.says(/http on .*:(\d+)\//);
  return `:${port}`;
}

/** The pages of everything that is hostile, by number. */
const hostile: Application = (environ) => {
  environ[SCRIPT] = { [SCRIPT]: SCRIPT };
  throw HOSTILE[Number(environ.PATH_INFO.slice(1))]?.[1];
};

describeWithServer('chromium', 'the error page in a browser', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser('--host-resolver-rules=MAP rebound.test 127.0.0.1');
  });
  afterAll(() => browser?.close());

  describe.each(['light', 'dark'] as const)('%s', (colorScheme) => {
    test.each([1280, 400])('at a width of %d', async (width) => {
      const origin = `http://localhost${await start()}`;
      const visited = await visit(browser, origin + PATH, {
        colorScheme,
        viewport: { width, height: 900 },
        extraHTTPHeaders: { Authorization: 'Bearer hidden-2', 'X-Colour': SCRIPT },
      });
      const { page, requests, complaints } = visited;
      await picture(page, `error-page-${colorScheme}-${width}`);

      const text = await page.locator('body').innerText();
      const words = text.replace(/\s+/g, ' ');
      expect(words).toContain(
        `Error 500 Internal Server Error the application has failed ${SCRIPT}`,
      );
      expect(words).toMatch(/Caused by LookupError no row <script>.*table rows <b>of<\/b> people/);
      expect(words).toMatch(/Caused by SyntaxError (?:Unexpected|Expected)/);
      expect(words).toContain('QUERY_STRING colour=blue&token=••••••••');
      expect(words).toContain(`HTTP_X_COLOUR ${SCRIPT}`);
      expect(words).toContain('HTTP_AUTHORIZATION ••••••••');
      expect(words).not.toContain('hidden-');

      const [number, line] = await markedLine(visited, '.stack-frame.expanded');
      expect(number).toBe(lineOf('throw new Error('));
      expect(line).toContain('throw new Error(`the application has failed');
      expect(words).toContain(`failing.ts in application at line ${number}:`);
      const [causeNumber, causeLine] = await markedLine(visited, '.cause details[open]');
      expect(causeNumber).toBe(lineOf('throw new LookupError('));
      expect(causeLine).toContain('throw new LookupError(');

      expect(await look(visited, 'window.intruder')).toBeUndefined();
      expect(requests).toEqual([origin + PATH]);
      expect(complaints).toEqual([]);
      expect(await faintTexts(page)).toEqual([]);
      const background = await look<string>(
        visited,
        'getComputedStyle(document.body).backgroundColor',
      );
      const lightness = Math.max(...background.match(/\d+/g)!.map(Number));
      expect(lightness > 128).toBe(colorScheme === 'light');
      expect(await look(visited, 'document.documentElement.scrollWidth')).toBe(width);
      await page.context().close();
    });
  });

  test('answers to clicks', async () => {
    const origin = `http://localhost${await start()}`;
    const permissions = ['clipboard-read', 'clipboard-write'];
    const visited = await visit(browser, `${origin}/x`, { colorScheme: 'light', permissions });
    const { page, complaints } = visited;
    const source = page.locator('.stack-frame.expanded .stack-frame-source');
    expect(await source.isVisible()).toBe(true);

    await page.getByRole('button', { name: 'Copy error' }).click();
    await page.locator('#copy-error-btn.copied').waitFor();
    const copied = await look<string>(visited, 'navigator.clipboard.readText()');
    expect(copied).toMatch(/^Error: the application has failed x\n\nStack trace:\n.*failing\.ts:/s);

    const native = page.locator('.stack-frame-native, .cause-native');
    expect(await native.locator('visible=true').count()).toBe(0);
    await page.getByText('View All Frames').click();
    expect(await native.locator('visible=true').count()).toBe(await native.count());

    await page.getByRole('button', { name: 'Raw' }).click();
    expect(await source.isVisible()).toBe(false);
    expect(await page.locator('#stack-frames-raw').innerText()).toContain('failing.ts:');
    expect(await faintTexts(page)).toEqual([]);
    await picture(page, 'error-page-raw');

    await page.locator('#toggle-theme-label').click();
    expect(await look(visited, 'document.documentElement.className')).toContain('dark');
    expect(await faintTexts(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test('is not shown under a name that somebody has pointed here', async () => {
    const { page } = await visit(browser, `http://rebound.test${await start()}/x`);
    expect(await page.locator('body').innerText()).toMatch(/^A server error occurred\./);
    await page.context().close();
  });

  describe('takes for text', () => {
    /** Elements that the page has not by right: only those of youch and of ours may be there. */
    const INTRUDERS = `[
      ...document.querySelectorAll('img, iframe, object, embed, link, base, form, script:not([nonce])'),
      ...[...document.querySelectorAll('*')].filter((element) => [...element.attributes].some(
        ({ name, value }) => name.startsWith('on') && value !== 'copyErrorMessage(this)')),
    ].map((element) => element.outerHTML)`;

    let server: Server;
    let origin: string;
    let visited: Visit;
    beforeAll(async () => {
      const errors = { write() {}, writelines() {}, flush() {} };
      server = await runWithHttp(hostile, { listen: '127.0.0.1:0', errorPage: true, errors });
      origin = `http://localhost:${(server.address() as AddressInfo).port}`;
      // Without the policy, which would keep intruders from running, but not from being there.
      visited = await visit(browser, origin, { bypassCSP: true });
    });
    afterAll(() => server.close({ timeout: 0 }));

    test.each(HOSTILE.map(([where], i) => [where, `/${i}`] as const))('the %s', async (_, path) => {
      visited.requests.length = 0;
      await visited.page.goto(origin + path);
      expect(await visited.page.locator('#error-title').innerText()).toMatch(/^500 /);
      expect(await look(visited, INTRUDERS)).toEqual([]);
      expect(await look(visited, 'window.intruder')).toBeUndefined();
      expect(visited.requests).toEqual([origin + path]);
    });

    test('nothing of what gets through all the same, but does not let it run', async () => {
      const visited = await visit(browser, `${origin}/0`);
      const blocked = await look<string[]>(
        visited,
        `new Promise((resolve) => {
          const blocked = [];
          document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => {
            if (blocked.push(effectiveDirective) === 3) resolve(blocked.sort());
          });
          document.body.insertAdjacentHTML(
            'beforeend',
            '<img src="http://localhost:9/x" onerror="window.intruder = 1">',
          );
          const script = document.createElement('script');
          script.textContent = 'window.intruder = 1';
          document.body.append(script);
        })`,
      );
      expect(blocked).toEqual(['img-src', 'script-src-attr', 'script-src-elem']);
      expect(await look(visited, 'window.intruder')).toBeUndefined();
      await visited.page.context().close();
    });
  });
});
