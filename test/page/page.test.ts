import assert from 'node:assert/strict';
import { freePort } from '../kit/freePort.ts';
import { ACCOUNTS, PageLab } from './kit/lab.ts';
import { BEGAN, GIB, JOBS, mirror, SERVE } from './kit/madeUp.ts';

const PAGE_BYTES_MAX = 150_000;

describe('H4 the status page in a browser', function () {
  this.timeout(60_000);
  const lab = PageLab.here();
  const { evaluate, look, open, sees, text } = lab;

  it('comes in one request, small, and asks nobody but its unit', async () => {
    await open(3);
    const asked: string[] = [];
    lab.page.on('request', (request) => asked.push(request.url()));
    const [answer] = await Promise.all([
      lab.page.waitForResponse((one) => new URL(one.url()).pathname === '/'),
      look(ACCOUNTS),
    ]);
    assert.ok((await answer.buffer()).length < PAGE_BYTES_MAX, `${(await answer.buffer()).length} bytes`);
    const policy = answer.headers()['content-security-policy'];
    assert.match(
      policy,
      /default-src 'none'; script-src 'sha256-[^' ]+'; style-src 'sha256-[^' ]+'; connect-src 'self'/,
    );
    assert.doesNotMatch(policy, /unsafe/);
    const ours = asked.filter(
      (url) => url.startsWith(lab.web.url) && !url.endsWith('.json') && !url.includes('.json?'),
    );
    assert.deepEqual(
      ours.map((url) => url.split('#')[0]),
      [lab.web.url],
    );
    assert.deepEqual(
      asked.filter((url) => !url.startsWith(lab.web.url) && !/^(about|data):/.test(url)),
      [],
    );
    assert.equal(await evaluate('document.cookie + localStorage.length + sessionStorage.length'), '00');
    assert.deepEqual(lab.failures, []);
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
    await lab.page.click('#troubled');
    await sees('#found', '3 of 6 volumes');
    await lab.page.type('#find', 'orders');
    await sees('#found', '1 of 6 volumes');
    assert.deepEqual(lab.failures, []);
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

    const { link } = lab.unit.volumes[0].mirrors[1];
    assert.ok(link?.beyond?.[1]?.beyond);
    link.beyond[1].beyond = [{ to: 'file:/third.img', state: 'broken', behindBytes: 1, why: 'no space left there' }];
    await sees('#detail > .badge', 'behind, 1 beyond it needs attention');
    assert.match((await nodes()).at(-1) ?? '', /third\.img .*broken .*no space left there/);

    await look('iqn.2026-01.example:a/1');
    const { error } = lab.unit.volumes[1].mirrors[0];
    assert.ok((await nodes()).at(-1)?.includes(error?.message ?? '?'));
    lab.unit.volumes[1].mirrors[0] = mirror(lab.unit.volumes[1].mirrors[0].to);
    await sees('#detail > .badge', 'equal');
    assert.ok(!(await text('#detail')).includes(error?.message ?? '?'), 'the fault is gone');

    await look('received/disk');
    assert.match(
      (await nodes()).join('\n'),
      /unit-near\.example .*connected[\s\S]*disk\.img .*equal[\s\S]*copy\.img .*equal/,
    );
    await sees('.moments + .scroll', /nightly[\s\S]*before the upgrade/);
    assert.deepEqual(lab.failures, []);
  });

  it('shows long jobs with their progress, and their ends', async () => {
    await open(6);
    lab.unit.jobs = [];
    await look();
    assert.equal(await evaluate("document.getElementById('jobs').checkVisibility()"), false);
    lab.unit.jobs = JOBS;
    await sees('#jobs', /2 resync .*web\.img\s+43 %, 43 MiB of 100 MiB, 1\.0 MiB\/s, 57 s left/);
    assert.equal(await evaluate("document.querySelector('#jobs progress').value"), 43 << 20);
    const rows = await evaluate<string[]>(
      "[...document.querySelectorAll('#job-list > li')].map((one) => one.innerText)",
    );
    assert.match(rows[1], /failed[\s\S]*1 rewind accounts[\s\S]*the medium is full/);
    await lab.page.click('#job-list a');
    await sees('#detail-title', 'iqn.2026-01.example:a/3');
    lab.unit.jobs = [{ ...JOBS[1], state: 'done', ended: BEGAN, secondsLeft: null }];
    await sees('#jobs', 'done');
    assert.equal(await evaluate("document.querySelectorAll('#job-list > li').length"), 1);
    assert.deepEqual(lab.failures, []);
  });

  it('shows what is served to hosts, and to whom', async () => {
    await open(6);
    lab.unit.serve = SERVE;
    await look();
    await sees('#served', /at 10\.0\.0\.1:3260: 1 session over 2 connections/);
    const words = await text('#served');
    assert.match(words, /served\/1\s+●\s*writable, reserved\s+1\.0 GiB\s+1\.0 MiB\s+3\s+5\.0 MiB\s+6\.0 MiB\s+1/);
    assert.match(words, /served\/2\s+▲\s*not served\s+the target 10\.0\.0\.3:3260 does not answer/);
    assert.match(words, /host-a \(host-a\)\s+iqn\.\S+served\s+10\.0\.0\.9:40000, 10\.0\.0\.9:40001\s+accounts\s+3/);
    assert.deepEqual(lab.failures, []);
  });

  it('tells what hosts read and did not fit, and the last comparison', async () => {
    await open(6);
    lab.unit.volumes[0].mirrors[0].verified = {
      at: BEGAN,
      comparedBytes: GIB,
      differingBytes: 0,
      uncomparedBytes: 4096,
    };
    await look(ACCOUNTS);
    const rows = await evaluate<string[]>("[...document.querySelectorAll('.checks > li')].map((one) => one.innerText)");
    assert.equal(rows.length, 2);
    assert.match(rows[0], /Reads of hosts\s+■\s*3 blocks differed\s+4,096 blocks .* were compared/);
    assert.match(
      rows[1],
      /accounts\.img\s+◐\s*no differences found\s+verify at .* compared 1\.0 GiB; 4\.0 KiB were never at rest/,
    );
    assert.deepEqual(lab.failures, []);
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
    assert.deepEqual(lab.failures, []);
  });

  it('says when its unit does not answer, and when it does again', async () => {
    // Nobody else comes to listen there meanwhile.
    const listen = `127.0.0.1:${await freePort()}`;
    await open(2, { listen });
    await look();
    await sees('#live', /^live$/);
    await lab.close();
    await sees('#live', /^no answer since/);
    assert.ok(await evaluate("document.body.classList.contains('stale')"));
    await open(2, { listen });
    await sees('#live', /^live$/);
  });
});
