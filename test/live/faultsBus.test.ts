import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeLive, lu, SECOND_LU, SIZE, TAP, TEE, TEE_SOURCE, volume } from './kit/bench.ts';
import { MiB } from './kit/files.ts';
import { run } from './kit/processes.ts';
import { gone, shown, toldSoon, WEB, wrong } from './kit/shown.ts';
import type { LogLine } from './kit/unit.ts';

const web = { listen: WEB };
const says =
  (words: RegExp) =>
  ({ text }: LogLine): boolean =>
    words.test(text ?? '');

describeLive(
  'H2 what is wrong between the bus and all mirrors is seen everywhere, and so is its end',
  ['pcap', 'tgt'],
  (bench) => {
    it('a tap whose frames the kernel drops', async () => {
      const b = bench();
      await b.first();
      b.image('m.img');
      const source = { tap: { ...TAP.tap, bufferBytes: '1MiB' } };
      const unit = await b.unit({ source, web, volumes: [volume('file:m.img')] });
      await unit.settled();
      const load = await b.load({ depth: 8, blocks: [128, 256], operations: ['w10', 'w16'] });
      await load.further(20);
      const over = says(/^nothing more is missed on the bus$/);
      const seen = shown(b.target, 'the tap missed traffic: the kernel dropped').then(() => true);
      seen.catch(() => undefined);
      // It is over after three seconds, in which a busy machine may not have looked at the pages yet.
      for (let done = false; !done; ) {
        const from = unit.log.all.length;
        unit.signal('SIGSTOP');
        await load.further(300);
        const since = Date.now();
        unit.signal('SIGCONT');
        const missed = await unit.told(
          'frames were missed',
          says(/^the tap missed traffic: the kernel dropped \d+ frames/),
          from,
        );
        toldSoon(missed, since);
        const [words] = await wrong(unit);
        assert.ok(words);
        await unit.told(`the log says: ${words}`, ({ text }) => text === words, from);
        done = await Promise.race([seen, unit.told('that is over', over, from).then(() => false)]);
      }
      await load.stop();
      await unit.told('that is over', over);
      await gone(b.target);
      await unit.settled();
      b.same('first.img', 'm.img');
      await unit.stop();
    });

    it('a buffer that is short of room', async () => {
      const b = bench();
      await b.first();
      const second = await b.second();
      const buffer = { bytes: '1MiB', threshold: 0.25 };
      const unit = await b.unit({ source: TEE_SOURCE, web, buffer, volumes: [volume(SECOND_LU)] });
      await unit.settled();
      second.signal('SIGSTOP');
      const load = await b.load({ url: lu(TEE), depth: 4, blocks: [64, 128], operations: ['w10'] });
      const short = /^the buffer is short of room: /;
      const { text = '' } = await unit.told('room is short', says(short));
      await shown(b.target, text);
      assert.ok((await wrong(unit)).includes(text));
      await load.stop();
      second.signal('SIGCONT');
      await unit.told('there is room again', says(/^the buffer has room again/));
      await gone(b.target);
      await unit.settled();
      b.same('first.img', 'second.img');
      await unit.stop();
    });
  },
);

describeLive('H2 a record that cannot be written', ['tgt', 'mount'], (bench) => {
  it('is seen everywhere in the same words, until it can be written again', async () => {
    const b = bench();
    await b.first();
    b.image('m.img');
    const disk = b.path('disk');
    mkdirSync(disk);
    await run(undefined, ['mount', '-t', 'tmpfs', '-o', `size=${2 * MiB}`, 'tapmirror-live', disk]);
    b.later(() => run(undefined, ['umount', disk]));
    const config = { source: TEE_SOURCE, web, state: 'disk/state', volumes: [volume('file:m.img')] };
    const unit = await b.unit(config);
    await unit.settled();
    // As on a disk that writes every page to a new place: the record's pages have no room of their own any more.
    const state = join(disk, 'state');
    const records = readdirSync(state).filter((name) => statSync(join(state, name)).size > 4096);
    for (const name of records) execFileSync('fallocate', ['-p', '-o', '0', '-l', String(MiB), join(state, name)]);
    const fill = (): void => writeFileSync(join(disk, 'ballast'), new Uint8Array(4 * MiB));
    assert.throws(fill, /ENOSPC/);
    const since = Date.now();
    const order = { url: lu(TEE), operations: ['w10'], span: 4096 } as const;
    const load = await b.load(order);
    const lost = await unit.told('the record is lost', says(/^the record of file:m\.img is not kept any more: /));
    toldSoon(lost, since);
    const { text = '' } = lost;
    assert.match(text, /no space left/);
    await shown(b.target, text);
    assert.deepEqual(await wrong(unit), [text]);
    await load.stop();
    await unit.settled();
    b.same('first.img', 'm.img');
    // It is tried again while the unit runs, with all that was marked meanwhile.
    const further = await b.load(order);
    await further.further(5);
    writeFileSync(join(disk, 'ballast'), '');
    const room = Date.now();
    toldSoon(await unit.told('it is kept again', says(/^the record of file:m\.img is kept again$/)), room);
    await gone(b.target);
    await further.further(5);
    await unit.kill();
    await further.kill();
    const next = await b.unit(config);
    await gone(b.target);
    await next.settled();
    b.same('first.img', 'm.img');
    const { volumes } = await next.status();
    const { comparedBytes } = volumes[0].mirrors[0];
    assert.ok(
      comparedBytes > 0 && comparedBytes < SIZE,
      `its record is believed: ${comparedBytes} of ${SIZE} compared`,
    );
    await next.stop();
  });
});
