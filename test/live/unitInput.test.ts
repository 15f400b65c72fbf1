import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { fileURLToPath } from 'node:url';
import {
  type Bench,
  describeLive,
  IQN,
  lu,
  SECOND,
  SECOND_LU,
  TAP,
  TEE,
  TEE_SOURCE,
  volume,
  WRITES,
} from './kit/bench.ts';
import { dice, MiB, noise } from './kit/files.ts';
import { until, when } from './kit/until.ts';

const HOSTILE = fileURLToPath(new URL('./kit/hostileChild.js', import.meta.url));
const SECRET = 'sesame-open-0815';

/** Says something to the control socket that no client of it should, and leaves as it likes. */
async function pester(path: string, bytes: Uint8Array | string, patient: boolean): Promise<string> {
  const socket = createConnection({ path });
  let said = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write(bytes);
  if (patient) socket.end();
  else setTimeout(() => socket.destroy(), 20);
  await closed;
  return said;
}

describeLive('H5 a unit that is pestered', ['pcap', 'tgt'], (bench) => {
  it('on its tee and its control socket serves hosts as before, and its mirrors are equal', async () => {
    const b = bench();
    await b.first();
    b.image('second.img');
    const unit = await b.unit({ source: TEE_SOURCE, volumes: [volume('file:second.img')] });
    const load = await b.load({ url: lu(TEE), count: 800, operations: WRITES });
    const [host, port] = TEE.split(':');
    const hostile = [1, 2].map((seed) =>
      once(b.processes.start(b.host, [process.execPath, HOSTILE, host, port, `${seed}`, '150']), 'exit'),
    );
    const roll = dice(5);
    const answers: string[] = [];
    for (let n = 0; n < 120; n++) {
      const long = `{"v":1,"do":"${'x'.repeat(roll(3) * 100_000)}"}\n`;
      const all = [
        noise(1 + roll(9000), roll),
        '{"v":1}\n',
        '[]\n',
        'null\n',
        '{"v":9,"do":"status"}\n',
        '\n\n',
        '{',
        long,
      ];
      answers.push(await pester(unit.control, all[roll(all.length)], roll(2) === 0));
    }
    const open = Array.from({ length: 60 }, () => createConnection({ path: unit.control }).on('error', () => {}));
    assert.deepEqual(await Promise.all(hostile), Array(2).fill([0, null]));
    for (const one of open) one.destroy();
    await load.whole();
    // Whoever stayed has to have gone before there is room for others.
    await until('it answers again', () =>
      unit.status().then(
        () => true,
        () => undefined,
      ),
    );
    await unit.settled();
    b.same('first.img', 'second.img');
    for (const answer of answers)
      for (const line of answer.split('\n').filter(Boolean)) assert.equal(JSON.parse(line).ok, false);
    const { source } = await until('only the unit itself is left', async () => {
      const status = await unit.status();
      return when((status.source.connections as unknown[]).length === 0) && status;
    });
    assert.ok((source.accepted as number) > 300, 'they had been let in');
    await unit.stop();
  });
});

describeLive('H5 a unit that is configured wrongly', ['pcap', 'tgt'], (bench) => {
  /** What becomes of a unit that must not start: its exit status and its last line, which hold no secret. */
  async function refused(b: Bench, config: object, name = 'unit'): Promise<{ code: unknown; line: string }> {
    const { code, out, err } = await b.launch(config, { name }).ended;
    assert.equal(out, '', 'it was never ready');
    assert.ok(!err.includes(SECRET) && !err.includes('wrong-secret'), err);
    return { code, line: err.trim().split('\n').at(-1) ?? '' };
  }

  const on = (...mirrors: unknown[]): object => ({ source: TAP, volumes: [volume(...mirrors)] });

  it('is told which medium refuses it, why, and what to do', async () => {
    const b = bench();
    await b.first();
    await b.second({ chap: { user: 'joe', secret: SECRET } });
    b.image('small.img', { bytes: 16 * MiB });
    b.image('fits.img');
    const url = (user: string, secret: string, lun = 1): string =>
      lu(`${user}%25${secret}@`.replace('%25', '%') + SECOND, `${IQN}-second`, lun);
    const cases: [string, object, RegExp][] = [
      ['a wrong secret', on(url('joe', 'wrong-secret-12')), /127\.0\.0\.1:14710.*(authentic|CHAP|secret)/i],
      ['no secret', on(SECOND_LU), /127\.0\.0\.1:14710.*(authentic|CHAP|secret)/i],
      ['an LU that is not there', on(url('joe', SECRET, 7)), /has no LUN 7/],
      ['another target', on(lu(SECOND, `${IQN}-nowhere`)), /nowhere/],
      [
        'a mirror that is too small',
        on('file:small.img'),
        /small\.img is too small: it holds 16777216 bytes.*33554432/,
      ],
      ['a mirror that is not there', on('file:none.img'), /none\.img.*(exist|ENOENT)/],
      ['a folder', on('file:.'), /(folder|directory|regular)/],
      ['an interface that is not there', { ...on('file:fits.img'), source: { tap: { interfaces: ['nix0'] } } }, /nix0/],
    ];
    for (const [what, config, words] of cases) {
      const { code, line } = await refused(b, config);
      assert.equal(code, 1, `${what}: ${line}`);
      assert.match(line, words, what);
      assert.match(line, /^tapmirror: .+; .+/, `${what}: it is said what to do`);
    }
  });

  it('is refused what another unit has: its state folder, a mirror file, a mirror LU', async () => {
    const b = bench();
    await b.first();
    await b.second();
    b.image('third.img');
    b.image('fourth.img');
    const one = await b.unit(on(SECOND_LU, 'file:third.img'), { name: 'one' });
    await one.settled();
    const cases: [string, object, RegExp][] = [
      ['the state folder', { ...on('file:fourth.img'), state: 'one.state' }, /one\.state/],
      ['the control socket', { ...on('file:fourth.img'), control: 'one.sock' }, /one\.sock/],
      ['the file', on('file:third.img'), /third\.img/],
      ['the LU', on(SECOND_LU), /live-second\/1/],
    ];
    for (const [what, config, words] of cases) {
      const { code, line } = await refused(b, config, 'two');
      assert.equal(code, 1, `${what}: ${line}`);
      assert.match(line, words, what);
      assert.match(line, /^tapmirror: .+; .+/, `${what}: it is said what to do`);
    }
    // The first one was not harmed.
    await (await b.load({ count: 100 })).whole();
    await one.settled();
    b.same('first.img', 'second.img', 'third.img');
    await one.stop();
    const two = await b.unit(on(SECOND_LU, 'file:third.img'), { name: 'two' });
    await two.settled();
    await two.stop();
  });

  it('begins without a mirror that does not answer, and catches up when it does', async () => {
    const b = bench();
    await b.first();
    b.image('third.img');
    const user = { to: SECOND_LU, user: 'joe', secretEnv: 'LIVE_SECRET' };
    const unit = await b.unit(
      { source: TEE_SOURCE, volumes: [volume(user, 'file:third.img')] },
      { env: { LIVE_SECRET: SECRET } },
    );
    const { text } = await unit.told(
      'what is missing',
      ({ message, text }) => message === 'notice' && /14710/.test(text ?? ''),
    );
    assert.match(text ?? '', /refuses the connection.*tried again/);
    const load = await b.load({ url: lu(TEE), count: 300 });
    await load.whole();
    await unit.until('the other mirror is equal', ({ volumes }) => volumes[0].mirrors[1].state === 'equal');
    const [missing] = await unit.mirrors();
    assert.equal(missing.state, 'broken');
    assert.match(missing.error?.message ?? '', /14710/);
    await b.second({ chap: { user: 'joe', secret: SECRET } });
    await unit.settled();
    b.same('first.img', 'second.img', 'third.img');
    assert.ok(!unit.said.includes(SECRET) && !JSON.stringify(await unit.status()).includes(SECRET));
    await unit.stop();
  });
});
