import assert from 'node:assert/strict';
import type { Browser, Page } from 'puppeteer-core';
import { UnitWeb } from '../../src/unit/watch/web.ts';
import { until } from '../live/kit/until.ts';
import { needBrowser, startBrowser } from './kit/browser.ts';
import { BEGAN, GIB, JOBS, MadeUpUnit, mirror, SERVE } from './kit/madeUp.ts';
import { CUT, FAINT, FOCUSED, OVERLAPS, WATCH } from './kit/probes.ts';
import { TASKS, tasksOf } from './kit/tasks.ts';

const TOKEN = 'a-token-of-some-length';
const ACCOUNTS = 'iqn.2026-01.example:a/0';
const PAGE_BYTES_MAX = 150_000;

describe('H4 the status page in a browser', function () {
  this.timeout(60_000);
  let browser: Browser | undefined;
  let page: Page;
  let unit: MadeUpUnit;
  let web: UnitWeb;
  let timer: NodeJS.Timeout | undefined;
  const failures: string[] = [];
  /** Milliseconds that the unit's clock is ahead. */
  let ahead = 0;
  const now = (): number => (performance.now() + ahead) * 1e6;

  before(async function () {
    browser = await startBrowser(needBrowser(this));
  });

  after(() => browser?.close());

  async function open(count: number, { token = TOKEN, listen = '127.0.0.1:0', history = 30 } = {}): Promise<void> {
    unit = new MadeUpUnit(count);
    web = await UnitWeb.open({ listen, names: [], ...(token === '' ? {} : { token }) }, unit.parts(now));
    for (let i = 0; i < history; i++) {
      ahead += 1000;
      web.tick();
    }
    timer = setInterval(() => web.tick(), 100);
  }

  beforeEach(async () => {
    failures.length = 0;
    page = await (browser as Browser).newPage();
    page.on('pageerror', (error) => failures.push(String(error)));
    page.on('console', (line) => failures.push(`${line.type()}: ${line.text()}`));
  });

  afterEach(async () => {
    clearInterval(timer);
    await page.close();
    await web.close();
  });

  const evaluate = <T>(words: string): Promise<T> => page.evaluate(words) as Promise<T>;
  const text = (selector: string): Promise<string> =>
    evaluate(`document.querySelector(${JSON.stringify(selector)})?.innerText ?? ''`);
  const sees = (selector: string, words: string | RegExp): Promise<string> => {
    let last = '';
    return until(
      `${selector} says ${words}`,
      async () => {
        last = await text(selector);
        return (typeof words === 'string' ? last.includes(words) : words.test(last)) ? last : undefined;
      },
      { ms: 15_000, everyMs: 50, instead: () => last.slice(0, 300) },
    );
  };

  /** Opens the page at a volume, or at the list; resolves once everything is drawn. */
  async function look(lu?: string): Promise<void> {
    await page.goto('about:blank');
    await page.goto(`${web.url}${lu === undefined ? '' : `#/${encodeURIComponent(lu)}`}`);
    await sees('#verdict', /./);
    if (lu === undefined) return;
    await page.waitForFunction("document.querySelector('.chart .line')?.getAttribute('d')");
    await page.waitForSelector('#event-list > li');
  }

  it('comes in one request, small, and asks nobody but its unit', async () => {
    await open(3);
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    const [answer] = await Promise.all([
      page.waitForResponse((one) => new URL(one.url()).pathname === '/'),
      look(ACCOUNTS),
    ]);
    assert.ok((await answer.buffer()).length < PAGE_BYTES_MAX, `${(await answer.buffer()).length} bytes`);
    const policy = answer.headers()['content-security-policy'];
    assert.match(
      policy,
      /default-src 'none'; script-src 'sha256-[^' ]+'; style-src 'sha256-[^' ]+'; connect-src 'self'/,
    );
    assert.doesNotMatch(policy, /unsafe/);
    const ours = asked.filter((url) => url.startsWith(web.url) && !url.endsWith('.json') && !url.includes('.json?'));
    assert.deepEqual(
      ours.map((url) => url.split('#')[0]),
      [web.url],
    );
    assert.deepEqual(
      asked.filter((url) => !url.startsWith(web.url) && !/^(about|data):/.test(url)),
      [],
    );
    assert.equal(await evaluate('document.cookie + localStorage.length + sessionStorage.length'), '00');
    assert.deepEqual(failures, []);
  });

  it('says of each volume how it stands, in words', async () => {
    await open(6);
    await look();
    const rows = await evaluate<string[]>(
      "[...document.querySelectorAll('#list .badge:not(.lamps *)')].map((one) => one.innerText)",
    );
    const words = ['1 equal, 1 behind', 'broken', 'paused', 'repairing 43 %', 'first volume down', 'all 2 equal'];
    assert.deepEqual(
      rows.map((one) => one.slice(1).trim()),
      words,
    );
    assert.match(await text('#verdict'), /3 of 6 volumes need attention/);
    await page.click('#troubled');
    await sees('#found', '3 of 6 volumes');
    await page.type('#find', 'orders');
    await sees('#found', '1 of 6 volumes');
    assert.deepEqual(failures, []);
  });

  it('draws the way from the hosts to the mirrors and beyond, with the fault words of the status', async () => {
    await open(6);
    await look(ACCOUNTS);
    const nodes = async (): Promise<string[]> =>
      evaluate(
        "[...document.querySelectorAll('.node')].filter((one) => one.checkVisibility()).map((one) => one.innerText.replaceAll('\\n', ' | '))",
      );
    const way = await nodes();
    const expected = [
      /Hosts/,
      /first volume .*up/,
      /accounts\.img .*equal/,
      /unit-far\.example .*behind .*0\.4 s/,
      /accounts .*connected .*1\.3 ms/,
      /mirror, file .*accounts\.img .*equal/,
      /far unit beyond .*unit-third\.example .*behind .*4\.0 KiB behind/,
      /mirror, file .*accounts\.img .*equal/,
    ];
    assert.equal(way.length, expected.length, way.join('\n'));
    for (const [i, words] of expected.entries()) assert.match(way[i], words);

    const { link } = unit.volumes[0].mirrors[1];
    assert.ok(link?.beyond?.[1]?.beyond);
    link.beyond[1].beyond = [{ to: 'file:/third.img', state: 'broken', behindBytes: 1, why: 'no space left there' }];
    await sees('#detail > .badge', 'behind, 1 beyond it needs attention');
    assert.match((await nodes()).at(-1) ?? '', /third\.img .*broken .*no space left there/);

    await look('iqn.2026-01.example:a/1');
    const { error } = unit.volumes[1].mirrors[0];
    assert.ok((await nodes()).at(-1)?.includes(error?.message ?? '?'));
    unit.volumes[1].mirrors[0] = mirror(unit.volumes[1].mirrors[0].to);
    await sees('#detail > .badge', 'equal');
    assert.ok(!(await text('#detail')).includes(error?.message ?? '?'), 'the fault is gone');

    await look('received/disk');
    assert.match(
      (await nodes()).join('\n'),
      /unit-near\.example .*connected[\s\S]*disk\.img .*equal[\s\S]*copy\.img .*equal/,
    );
    await sees('.moments + .scroll', /nightly[\s\S]*before the upgrade/);
    assert.deepEqual(failures, []);
  });

  it('shows long jobs with their progress, and their ends', async () => {
    await open(6);
    unit.jobs = [];
    await look();
    assert.equal(await evaluate("document.getElementById('jobs').checkVisibility()"), false);
    unit.jobs = JOBS;
    await sees('#jobs', /2 resync .*web\.img\s+43 %, 43 MiB of 100 MiB, 1\.0 MiB\/s, 57 s left/);
    assert.equal(await evaluate("document.querySelector('#jobs progress').value"), 43 << 20);
    const rows = await evaluate<string[]>(
      "[...document.querySelectorAll('#job-list > li')].map((one) => one.innerText)",
    );
    assert.match(rows[1], /failed[\s\S]*1 rewind accounts[\s\S]*the medium is full/);
    await page.click('#job-list a');
    await sees('#detail-title', 'iqn.2026-01.example:a/3');
    unit.jobs = [{ ...JOBS[1], state: 'done', ended: BEGAN, secondsLeft: null }];
    await sees('#jobs', 'done');
    assert.equal(await evaluate("document.querySelectorAll('#job-list > li').length"), 1);
    assert.deepEqual(failures, []);
  });

  it('shows what is served to hosts, and to whom', async () => {
    await open(6);
    unit.serve = SERVE;
    await look();
    await sees('#served', /at 10\.0\.0\.1:3260: 1 session over 2 connections/);
    const words = await text('#served');
    assert.match(words, /served\/1\s+●\s*writable, reserved\s+1\.0 GiB\s+1\.0 MiB\s+3\s+5\.0 MiB\s+6\.0 MiB\s+1/);
    assert.match(words, /served\/2\s+▲\s*not served\s+the target 10\.0\.0\.3:3260 does not answer/);
    assert.match(words, /host-a \(host-a\)\s+iqn\.\S+served\s+10\.0\.0\.9:40000, 10\.0\.0\.9:40001\s+accounts\s+3/);
    assert.deepEqual(failures, []);
  });

  it('tells what hosts read and did not fit, and the last comparison', async () => {
    await open(6);
    unit.volumes[0].mirrors[0].verified = { at: BEGAN, comparedBytes: GIB, differingBytes: 0, uncomparedBytes: 4096 };
    await look(ACCOUNTS);
    const rows = await evaluate<string[]>("[...document.querySelectorAll('.checks > li')].map((one) => one.innerText)");
    assert.equal(rows.length, 2);
    assert.match(rows[0], /Reads of hosts\s+■\s*3 blocks differed\s+4,096 blocks .* were compared/);
    assert.match(
      rows[1],
      /accounts\.img\s+◐\s*no differences found\s+verify at .* compared 1\.0 GiB; 4\.0 KiB were never at rest/,
    );
    assert.deepEqual(failures, []);
  });

  it('shows rates, blocks and events as drawings with words and tables behind them', async () => {
    await open(6);
    await look('iqn.2026-01.example:a/3');
    const labels = await evaluate<string[]>(
      "[...document.querySelectorAll('[role=img]')].filter((one) => one.checkVisibility()).map((one) => one.getAttribute('aria-label'))",
    );
    for (const words of [
      /^Written by hosts: now .*highest/,
      /^Recovery point, web\.img: now/,
      /^Behind, web\.img: now 3\.0 MiB/,
      /^Hot: .* written of late/,
      /^Dirty, web\.img: 2\.5 MiB marked/,
      /^Unresolved, web\.img: .* to be read back/,
    ]) {
      assert.ok(
        labels.some((one) => words.test(one)),
        `${words} among ${labels.join('\n')}`,
      );
    }
    await evaluate("document.querySelectorAll('#detail details').forEach((one) => { one.open = true; })");
    await sees('#detail .chart table', /\d\d:\d\d:\d\d\s+[\d.]+ (KiB|MiB|B)\/s/);
    await sees('.lane ~ details table', /Dirty/);
    assert.match(
      await evaluate("document.getElementById('event-list').textContent"),
      /<b>is<\/b>/,
      'what units say is text, never markup',
    );
    assert.deepEqual(failures, []);
  });

  for (const [scheme, width] of [
    ['light', 1400],
    ['dark', 1400],
    ['light', 900],
    ['light', 360],
    ['dark', 360],
  ] as const) {
    it(`fits a window of ${width} pixels, ${scheme}: nothing overlaps, is cut, or is hard to read`, async () => {
      await open(8);
      unit.jobs = JOBS;
      unit.serve = SERVE;
      await page.setViewport({ width, height: 900 });
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
      for (const lu of [undefined, ACCOUNTS, 'iqn.2026-01.example:a/1', 'iqn.2026-01.example:a/3', 'received/disk']) {
        await look(lu);
        assert.deepEqual(await evaluate(CUT), [], `cut at ${lu}`);
        assert.deepEqual(await evaluate(OVERLAPS), [], `overlaps at ${lu}`);
        assert.deepEqual(await evaluate(FAINT), [], `faint at ${lu}`);
      }
      const ground = await evaluate<string>(
        'getComputedStyle(document.body).backgroundColor.match(/\\d+/g).reduce((a, b) => a + Number(b), 0)',
      );
      assert.equal(Number(ground) > 384, scheme === 'light');
      assert.deepEqual(failures, []);
    });
  }

  it('can be used by keyboard alone', async () => {
    await open(6);
    await look();
    const order: string[] = [];
    for (let i = 0; i < 4; i++) {
      await page.keyboard.press('Tab');
      const { tag, name, seen } = await evaluate<{ tag: string; name: string; seen: boolean }>(FOCUSED);
      assert.ok(seen, `one sees that ${name} has the focus`);
      order.push(`${tag} ${name.slice(0, 8)}`);
    }
    assert.deepEqual(order, ['a To the v', 'input Find', 'input only tho', 'a accounts']);
    await page.keyboard.press('Enter');
    await sees('#detail-title', 'accounts');
    assert.equal(await evaluate('document.activeElement.id'), 'detail');
    await page.focus('.plot');
    const said = (): Promise<string> => evaluate("document.activeElement.getAttribute('aria-label')");
    await page.keyboard.press('Home');
    const first = await said();
    await page.keyboard.press('End');
    assert.notEqual(await said(), first);
    assert.match(await said(), /^Written by hosts: \d\d:\d\d:\d\d: /);
    await page.goBack();
    await sees('#none', 'Choose a volume');
  });

  it('has an outline that a screen reader can follow', async () => {
    await open(3);
    await page.setViewport({ width: 1400, height: 900 });
    await look(ACCOUNTS);
    const headings = await evaluate<string[]>(
      "[...document.querySelectorAll('h1, h2, h3, h4')].filter((one) => one.checkVisibility()).map((one) => one.tagName + ' ' + one.innerText)",
    );
    assert.match(
      headings.join('\n'),
      /^H1 tapmirror[\s\S]*\nH2 Volumes\nH2 accounts\nH3 Way\nH3 Mirrors\nH3 Comparisons\nH3 Orders\nH3 Over time\nH4 Written by hosts\n[\s\S]*H3 Blocks\nH3 Kept past\nH2 Events$/,
    );
    const unnamed = await evaluate<string[]>(
      "[...document.querySelectorAll('input, button, a, [role=img], [role=region], nav')].filter((one) => one.checkVisibility() && !(one.getAttribute('aria-label') || one.getAttribute('aria-labelledby') || one.labels?.length || one.textContent.trim())).map((one) => one.outerHTML.slice(0, 80))",
    );
    assert.deepEqual(unnamed, []);
    const tree = await page.accessibility.snapshot();
    const names: string[] = [];
    const walk = (node: typeof tree): void => {
      if (!node) return;
      names.push(`${node.role} ${node.name ?? ''}`);
      for (const child of node.children ?? []) walk(child);
    };
    walk(tree);
    assert.ok(
      names.some((one) => /^link accounts .*1 equal, 1 behind .*recovery point 0\.4 s/.test(one)),
      names.join('\n'),
    );
  });

  it('draws 100 volumes without stutter: nothing is made anew, a look costs little, and no task is long', async () => {
    await open(100);
    await page.setViewport({ width: 1400, height: 900 });
    await look(ACCOUNTS);
    await page.waitForFunction(
      "document.querySelectorAll('#list > li').length === 100 && [...document.querySelectorAll('.spark path')].every((one) => one.getAttribute('d'))",
    );
    await evaluate(WATCH);
    await page.tracing.start({ categories: TASKS });
    const [began, looks] = [await page.metrics(), unit.looks];
    await until('six looks', () => (unit.looks >= looks + 6 ? true : undefined), { ms: 40_000 });
    const ended = await page.metrics();
    const tasks = tasksOf((await page.tracing.stop()) ?? new Uint8Array());
    const seen = await evaluate<{ added: number; texts: number; frames: number[]; long: number[] }>('window.seen');
    const spent = (['ScriptDuration', 'LayoutDuration', 'RecalcStyleDuration'] as const).reduce(
      (sum, key) => sum + (ended[key] ?? 0) - (began[key] ?? 0),
      0,
    );
    const sorted = seen.frames.toSorted((a, b) => a - b);
    const at = (share: number): string => sorted[Math.floor((sorted.length - 1) * share)].toFixed(1);
    if (process.env.TAPMIRROR_FIGURES) {
      console.log(
        `    longest tasks ${tasks
          .slice(0, 5)
          .map((one) => one.toFixed(1))
          .join(', ')} ms of processor time, of ${tasks.length}`,
      );
      console.log(
        `    frames ${sorted.length}: median ${at(0.5)}, 95 % ${at(0.95)}, 99 % ${at(0.99)}, longest ${at(1)} ms; long tasks ${seen.long.map(Math.round)}; script and layout ${((spent * 1000) / sorted.length).toFixed(2)} ms a frame`,
      );
    }
    assert.equal(seen.added, 0, 'rows stay as they are');
    assert.ok(seen.texts > 100, 'what is different is written');
    assert.ok(sorted.length > 10);
    assert.ok(tasks.length > 30, `${tasks.length} tasks were traced`);
    // What is longer is felt (Long Tasks API): none is, at any look, however busy the machine is beside.
    assert.ok(tasks[0] < 50, `a task took ${tasks[0]} ms of processor time`);
    // A frame has 16.7 ms; a machine that does much else beside is given more.
    assert.ok(
      (spent * 1000) / sorted.length < 16.7,
      `script and layout take ${(spent * 1000) / sorted.length} ms a frame`,
    );
    assert.deepEqual(failures, []);
  });

  it('says when its unit does not answer, and when it does again', async () => {
    await open(2);
    await look();
    await sees('#live', /^live$/);
    const { host } = new URL(web.url);
    clearInterval(timer);
    await web.close();
    await sees('#live', /^no answer since/);
    assert.ok(await evaluate("document.body.classList.contains('stale')"));
    await open(2, { listen: host });
    await sees('#live', /^live$/);
  });

  it('gives orders to one who knows the token, which is kept nowhere', async () => {
    await open(2);
    await look(ACCOUNTS);
    const press = (words: string): Promise<unknown> =>
      evaluate(
        `[...document.querySelectorAll('#detail button')].find((one) => one.innerText === ${JSON.stringify(words)}).click()`,
      );
    await press('Pause');
    await sees('#detail', 'A token is needed to pause.');
    await page.type('#detail input[type=password]', 'another-token-of-some-length');
    await page.keyboard.press('Enter');
    await sees('#detail', 'The token is wrong.');
    assert.deepEqual(unit.orders, []);
    await page.type('#detail input[type=password]', TOKEN);
    await page.keyboard.press('Enter');
    await sees('#detail', 'pause: done');
    const to = 'file:/var/lib/mirrors/accounts.img';
    assert.deepEqual(unit.orders, [{ do: 'pause', volume: ACCOUNTS, mirror: to }]);
    await page.type('#detail input[type=text]', 'before the upgrade');
    await page.keyboard.press('Enter');
    await sees('#detail', 'mark: done');
    assert.deepEqual(unit.orders.at(-1), { do: 'mark', volume: ACCOUNTS, name: 'before the upgrade' });
    assert.equal(await evaluate('document.cookie + localStorage.length + sessionStorage.length'), '00');
    assert.ok(!(await page.content()).includes(TOKEN));
    await look(ACCOUNTS);
    await press('Resync');
    await sees('#detail', 'A token is needed to resync.');
  });

  it('gives no orders where no token is configured', async () => {
    await open(2, { token: '' });
    await look(ACCOUNTS);
    assert.equal(
      await evaluate("document.querySelectorAll('#detail form, #detail .orders button:not([aria-pressed])').length"),
      0,
    );
  });

  it('moves nothing where people do not want that', async () => {
    await open(2);
    await page.emulateMediaFeatures([{ name: 'prefers-reduced-motion', value: 'reduce' }]);
    await look(ACCOUNTS);
    const moving = await evaluate(
      "[...document.querySelectorAll('*')].filter((one) => { const { transitionDuration, animationName } = getComputedStyle(one); return parseFloat(transitionDuration) > 0 || animationName !== 'none'; }).length",
    );
    assert.equal(moving, 0);
  });
});
