import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { browserInside, needBrowser, type Page, startBrowser } from '../page/kit/browser.ts';
import { CUT, OVERLAPS } from '../page/kit/probes.ts';
import { type Bench, describeLive, IQN, lu, SECOND_LU, TEE, TEE_SOURCE, volume } from './kit/bench.ts';
import { until } from './kit/until.ts';

const TOKEN = 'a-token-of-some-length';
const WEB = '127.0.0.1:14720';
const FILE = 'file:third.img';
/** Whatever happens is on the page within 5 s (issue 7); that much more is given to a machine which is busy with other things. */
const SOON_MS = 15_000;

describeLive('H4 the status page of a unit that works', ['tgt'], (bench) => {
  let program: string;

  before(function () {
    program = needBrowser(this);
  });

  /** A browser at the unit's end of the cable, at its page. */
  async function open(b: Bench): Promise<Page> {
    const browser = await startBrowser(browserInside(b.target, program, b.path('browser')));
    b.later(() => browser.close());
    const page = await browser.newPage();
    await page.setViewport({ width: 1400, height: 900 });
    await page.goto(`http://${WEB}/`);
    return page;
  }

  async function sees(page: Page, selector: string, words: RegExp, ms = 20_000): Promise<void> {
    let last = '';
    const ask = async (): Promise<true | undefined> => {
      last = (await page.evaluate(
        `[...document.querySelectorAll(${JSON.stringify(selector)})].map((one) => one.textContent).join('\\n')`,
      )) as string;
      return words.test(last) || undefined;
    };
    await until(`${selector} says ${words}`, ask, { ms, everyMs: 50, instead: () => last.slice(0, 400) });
  }

  it('shows writes, a mirror whose target dies, in the words of the status, and its repair; pauses and resumes', async () => {
    const b = bench();
    await b.first();
    const second = await b.second();
    b.image('third.img');
    writeFileSync(b.path('web.token'), `${TOKEN}\n`, { mode: 0o600 });
    const web = { listen: WEB, tokenFile: 'web.token' };
    const unit = await b.unit({ source: TEE_SOURCE, volumes: [volume(SECOND_LU, FILE)], web });
    await unit.settled();
    const page = await open(b);
    const failures: string[] = [];
    page.on('pageerror', (error) => failures.push(String(error)));
    await sees(page, '#verdict', /1 volume, 2 mirrors: all equal/);
    assert.equal(await page.evaluate("document.getElementById('detail-title').innerText"), `${IQN}/1`);

    const load = await b.load({ url: lu(TEE), depth: 4, pauseMs: 2 });
    await load.further(100);
    await sees(page, '.chart .said', /^now (?!0 )[\d.]+ (B|KiB|MiB)\/s, highest/);
    await sees(page, '.lane', /Hot [\d.]+ (B|KiB|MiB) written of late/);
    await sees(page, '.lane', /Dirty, third\.img [\d.]+ (B|KiB|MiB) marked/);

    await second.stop();
    await unit.toldState('broken', 0, SECOND_LU);
    await sees(page, '.node .badge', /broken/, SOON_MS);
    // Trying it again may give another reason meanwhile.
    const same = async (): Promise<true | undefined> => {
      const { message } = (await unit.mirrors())[0].error ?? {};
      const said = (await page.evaluate(
        "[...document.querySelectorAll('.node .why')].map((one) => one.textContent)",
      )) as string[];
      return (message !== undefined && said.some((words) => words.includes(message))) || undefined;
    };
    await until('the page has the words of the status', same, { ms: SOON_MS, everyMs: 50 });
    await sees(page, '#verdict', /1 of 1 volume needs attention/, SOON_MS);
    await sees(page, '#event-list', /→ broken: /, SOON_MS);
    assert.deepEqual(await page.evaluate(CUT), []);
    assert.deepEqual(await page.evaluate(OVERLAPS), []);
    await second.start();
    await unit.told(
      'it is written again',
      ({ from, to, mirror }) => from === 'broken' && to !== from && mirror === SECOND_LU,
    );
    await load.stop();
    await unit.settled();
    await sees(page, '#verdict', /1 volume, 2 mirrors: all equal/, SOON_MS);
    await sees(page, '#event-list', /broken → /, SOON_MS);

    await page.evaluate("document.querySelectorAll('#detail tr')[2].querySelector('button').click()");
    await page.type('#detail input[type=password]', TOKEN);
    await page.keyboard.press('Enter');
    await unit.until('the file is paused', ({ volumes: [{ mirrors }] }) => mirrors[1].state === 'paused');
    await sees(page, '.node .badge', /paused/, SOON_MS);
    await sees(page, '.node .why', /the status page/, SOON_MS);
    await page.evaluate("document.querySelectorAll('#detail tr')[2].querySelector('button').click()");
    await unit.settled();
    await sees(page, '#verdict', /all equal/, SOON_MS);
    b.same('first.img', 'second.img', 'third.img');
    assert.deepEqual(failures, []);
    await unit.stop();
  });
});
