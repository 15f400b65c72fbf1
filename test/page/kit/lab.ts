import type { Browser, Page } from 'puppeteer-core';
import { UnitWeb } from '../../../src/unit/watch/web.ts';
import { until } from '../../live/kit/until.ts';
import { needBrowser, startBrowser } from './browser.ts';
import { MadeUpUnit } from './madeUp.ts';

export const TOKEN = 'a-token-of-some-length';
export const ACCOUNTS = 'iqn.2026-01.example:a/0';

/** The status page of a made-up unit in a browser. */
export class PageLab {
  page!: Page;
  unit!: MadeUpUnit;
  web!: UnitWeb;
  /** What the browser complained of. */
  readonly failures: string[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** Milliseconds that the unit's clock is ahead. */
  #ahead = 0;

  /** Within a `describe`: one browser for its tests, and a page for each of them. */
  static here(): PageLab {
    const lab = new PageLab();
    let browser: Browser | undefined;
    before(async function () {
      browser = await startBrowser(needBrowser(this));
    });
    beforeEach(() => lab.#begin(browser as Browser));
    afterEach(async () => {
      await lab.page.close();
      await lab.close();
    });
    after(() => browser?.close());
    return lab;
  }

  async #begin(browser: Browser): Promise<void> {
    this.failures.length = 0;
    this.page = await browser.newPage();
    this.page.on('pageerror', (error) => this.failures.push(String(error)));
    this.page.on('console', (line) => this.failures.push(`${line.type()}: ${line.text()}`));
  }

  /** Starts a unit with so many volumes and `history` seconds behind it. */
  readonly open = async (
    count: number,
    { token = TOKEN, listen = '127.0.0.1:0', history = 30 } = {},
  ): Promise<void> => {
    const now = (): number => (performance.now() + this.#ahead) * 1e6;
    this.unit = new MadeUpUnit(count);
    this.web = await UnitWeb.open({ listen, names: [], ...(token === '' ? {} : { token }) }, this.unit.parts(now));
    for (let i = 0; i < history; i++) {
      this.#ahead += 1000;
      this.web.tick();
    }
    this.#timer = setInterval(() => this.web.tick(), 100);
  };

  /** The unit answers no more. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.web.close();
  }

  readonly evaluate = <T>(words: string): Promise<T> => this.page.evaluate(words) as Promise<T>;

  readonly text = (selector: string): Promise<string> =>
    this.evaluate(`document.querySelector(${JSON.stringify(selector)})?.innerText ?? ''`);

  readonly sees = (selector: string, words: string | RegExp): Promise<string> => {
    let last = '';
    return until(
      `${selector} says ${words}`,
      async () => {
        last = await this.text(selector);
        return (typeof words === 'string' ? last.includes(words) : words.test(last)) ? last : undefined;
      },
      { ms: 15_000, everyMs: 50, instead: () => last.slice(0, 300) },
    );
  };

  /** Opens the page at a volume, or at the list; resolves once everything is drawn. */
  readonly look = async (lu?: string): Promise<void> => {
    const { page, web, sees } = this;
    await page.goto('about:blank');
    await page.goto(`${web.url}${lu === undefined ? '' : `#/${encodeURIComponent(lu)}`}`);
    await sees('#verdict', /./);
    if (lu === undefined) return;
    await page.waitForFunction("document.querySelector('.chart .line')?.getAttribute('d')");
    await page.waitForSelector('#event-list > li');
  };
}
