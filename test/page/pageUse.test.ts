import assert from 'node:assert/strict';
import { until } from '../live/kit/until.ts';
import { ACCOUNTS, PageLab } from './kit/lab.ts';
import { JOBS, SERVE } from './kit/madeUp.ts';
import { CUT, FAINT, FOCUSED, OVERLAPS, WATCH } from './kit/probes.ts';
import { TASKS, tasksOf } from './kit/tasks.ts';

/** A task that is longer is felt (Long Tasks API). */
const FELT_MS = 50;

describe('H4 the status page for whoever looks at it', function () {
  this.timeout(60_000);
  const lab = PageLab.here();
  const { evaluate, look, open, sees } = lab;

  for (const [scheme, width] of [
    ['light', 1400],
    ['dark', 1400],
    ['light', 900],
    ['light', 360],
    ['dark', 360],
  ] as const) {
    it(`fits a window of ${width} pixels, ${scheme}: nothing overlaps, is cut, or is hard to read`, async () => {
      await open(8);
      lab.unit.jobs = JOBS;
      lab.unit.serve = SERVE;
      await lab.page.setViewport({ width, height: 900 });
      await lab.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
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
      assert.deepEqual(lab.failures, []);
    });
  }

  it('can be used by keyboard alone', async () => {
    await open(6);
    await look();
    const order: string[] = [];
    for (let i = 0; i < 4; i++) {
      await lab.page.keyboard.press('Tab');
      const { tag, name, seen } = await evaluate<{ tag: string; name: string; seen: boolean }>(FOCUSED);
      assert.ok(seen, `one sees that ${name} has the focus`);
      order.push(`${tag} ${name.slice(0, 8)}`);
    }
    assert.deepEqual(order, ['a To the v', 'input Find', 'input only tho', 'a accounts']);
    await lab.page.keyboard.press('Enter');
    await sees('#detail-title', 'accounts');
    assert.equal(await evaluate('document.activeElement.id'), 'detail');
    await lab.page.focus('.plot');
    const said = (): Promise<string> => evaluate("document.activeElement.getAttribute('aria-label')");
    await lab.page.keyboard.press('Home');
    const first = await said();
    await lab.page.keyboard.press('End');
    assert.notEqual(await said(), first);
    assert.match(await said(), /^Written by hosts: \d\d:\d\d:\d\d: /);
    await lab.page.goBack();
    await sees('#none', 'Choose a volume');
  });

  it('has an outline that a screen reader can follow', async () => {
    await open(3);
    await lab.page.setViewport({ width: 1400, height: 900 });
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
    const tree = await lab.page.accessibility.snapshot();
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

  it('draws 100 volumes without stutter: nothing is made anew, a look costs little, and no task is long', async function () {
    this.timeout(180_000);
    await open(100);
    await lab.page.setViewport({ width: 1400, height: 900 });
    await look(ACCOUNTS);
    await lab.page.waitForFunction(
      "document.querySelectorAll('#list > li').length === 100 && [...document.querySelectorAll('.spark path')].every((one) => one.getAttribute('d'))",
    );
    await evaluate(WATCH);
    let spent = 0;
    /** What each task of six looks took, longest first. */
    const sixLooks = async (): Promise<number[]> => {
      await lab.page.tracing.start({ categories: TASKS });
      const [began, looks] = [await lab.page.metrics(), lab.unit.looks];
      await until('six looks', () => (lab.unit.looks >= looks + 6 ? true : undefined), { ms: 40_000 });
      const ended = await lab.page.metrics();
      for (const key of ['ScriptDuration', 'LayoutDuration', 'RecalcStyleDuration'] as const)
        spent += (ended[key] ?? 0) - (began[key] ?? 0);
      return tasksOf((await lab.page.tracing.stop()) ?? new Uint8Array());
    };
    let tasks = await sixLooks();
    // A virtual machine counts processor time that it was not given: what the page itself takes, it takes every time.
    for (let n = 0; n < 2 && tasks[0] >= FELT_MS; n++) tasks = await sixLooks();
    const seen = await evaluate<{ added: number; texts: number; frames: number[]; long: number[] }>('window.seen');
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
    // None is longer, at any look, however busy the machine is beside.
    assert.ok(tasks[0] < FELT_MS, `a task took ${tasks[0]} ms of processor time`);
    // A frame has 16.7 ms; a machine that does much else beside is given more.
    assert.ok(
      (spent * 1000) / sorted.length < 16.7,
      `script and layout take ${(spent * 1000) / sorted.length} ms a frame`,
    );
    assert.deepEqual(lab.failures, []);
  });

  it('moves nothing where people do not want that', async () => {
    await open(2);
    await lab.page.emulateMediaFeatures([{ name: 'prefers-reduced-motion', value: 'reduce' }]);
    await look(ACCOUNTS);
    const moving = await evaluate(
      "[...document.querySelectorAll('*')].filter((one) => { const { transitionDuration, animationName } = getComputedStyle(one); return parseFloat(transitionDuration) > 0 || animationName !== 'none'; }).length",
    );
    assert.equal(moving, 0);
  });
});
