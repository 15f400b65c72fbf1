import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '../../../../hw/log.ts';
import { loadLiveConfig } from '../../../../src/unit/config/config.ts';
import { startUnit } from '../../../../src/unit/live/live.ts';
import type { JobStatus } from '../../../../src/unit/steer/jobs.ts';
import type { SteerReport } from '../../../../src/unit/steer/steerTypes.ts';
import type { MirrorStatus } from '../../../../src/unit/watch/status.ts';
import { freePort } from '../../../kit/freePort.ts';
import { fitsSchema } from '../../../kit/schemas.ts';
import { until } from '../../../live/kit/until.ts';
import { type Line, SteeredUnit } from './steeredUnit.ts';

const MiB = 2 ** 20;
const SIZE = 8 * MiB;
const LU = 'iqn.2024-01.lab.example:steered/1';

class Steered extends SteeredUnit {
  override async start(changes: object = {}): Promise<void> {
    await this.configure(['file:a', 'file:b'], changes);
    await super.start();
  }

  async mirror(name: string): Promise<MirrorStatus> {
    const { volumes } = await this.status();
    const found = volumes[0].mirrors.find(({ to }) => to.endsWith(name));
    assert.ok(found);
    return found;
  }

  /** The mirror has come to this state, from line `from` of the log on. */
  told(to: string, name: string, from = 0): Promise<Line> {
    const fits = (line: Line): boolean =>
      line.message === 'state' && line.to === to && line.mirror?.endsWith(name) === true;
    return this.lines.first(`${name} is ${to}`, fits, { from });
  }
}

describe('H1 a unit that is steered while it runs', () => {
  let site: Steered;

  beforeEach(async () => {
    site = new Steered(await mkdtemp(join(tmpdir(), 'tapmirror-steer-')), LU);
    const bytes = Buffer.alloc(SIZE);
    for (let at = 0; at < SIZE; at += 4096) bytes.writeUInt32BE(at + 1, at);
    writeFileSync(site.path('first'), bytes);
    for (const name of ['a', 'b']) writeFileSync(site.path(name), Buffer.alloc(SIZE));
  });
  afterEach(async () => {
    await site.stop();
    await rm(site.folder, { recursive: true });
  });

  const settled = async (from = 0): Promise<void> => {
    await site.told('equal', 'a', from);
    await site.told('equal', 'b', from);
  };

  it('pauses a mirror, which stays so over a restart and says who wanted it, until it is resumed', async () => {
    await site.start();
    await settled();
    const { mirrors } = (await site.ask({ do: 'pause', volume: 'disk', mirror: 'file:a', by: 'joe' })) as SteerReport;
    assert.deepEqual(
      mirrors.map(({ mirror, state, underWay }) => [mirror, state, underWay]),
      [['file:a', 'paused', false]],
    );
    const paused = await site.mirror('a');
    assert.equal(paused.state, 'paused');
    assert.match(paused.error?.message ?? '', /^paused by joe at 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.equal(paused.error?.mend, '`tapmirror resume` lets it go on');
    assert.equal((await site.mirror('b')).state, 'equal');
    // Paused again by somebody else: it is still he who did it.
    await site.ask({ do: 'pause', by: 'jim' });
    assert.match((await site.mirror('a')).error?.message ?? '', /by joe/);
    assert.match((await site.mirror('b')).error?.message ?? '', /by jim/);
    await site.stop();

    writeFileSync(site.path('a'), Buffer.alloc(SIZE));
    await site.start();
    await site.told('paused', 'a');
    assert.deepEqual((await site.mirror('a')).error, paused.error);
    // Somebody wants all of it compared: that waits until it goes on.
    await site.ask({ do: 'resync', mirror: 'file:a', whole: true });
    const from = site.lines.all.length;
    assert.equal((await site.mirror('a')).state, 'paused');
    assert.ok(readFileSync(site.path('a')).equals(Buffer.alloc(SIZE)), 'a paused mirror was written');
    await site.ask({ do: 'resume', volume: LU });
    await settled(from);
    site.equal('a');
    assert.equal((await site.mirror('a')).error, undefined);
    await assert.rejects(site.ask({ do: 'resume' }), /nobody has paused any of these mirrors/);
    await site.stop();
    await site.start();
    await settled();
  });

  it('compares a mirror whole that somebody wrote to, and only what is marked where that is not asked for', async () => {
    await site.start({ record: { chunkBytes: '64KiB' } });
    await settled();
    await until('marks of the first comparison are taken out', async () => {
      const { record } = await site.mirror('file:b');
      return record.marked * record.chunkBytes < SIZE || undefined;
    });
    const spoilt = readFileSync(site.path('b'));
    spoilt.fill(7, 5 * MiB, 5 * MiB + 100);
    writeFileSync(site.path('b'), spoilt);
    const marked = (await site.ask({ do: 'resync' })) as SteerReport;
    assert.equal(marked.mirrors.length, 2);
    assert.ok(marked.mirrors[1].behindBytes < SIZE);
    const whole = (await site.ask({ do: 'resync', mirror: 'file:b', whole: true })) as SteerReport;
    assert.equal(whole.mirrors[0].behindBytes, SIZE);
    await until('it is equal again', async () => {
      const { state, behindBytes, copiedBytes } = await site.mirror('b');
      return (state === 'equal' && behindBytes === 0 && copiedBytes > 0) || undefined;
    });
    site.equal('b');
  });

  it('changes how fast it copies, and lists that as a job with its rate', async () => {
    await site.start();
    await settled();
    const slow = await site.ask({ do: 'set', throttle: 1_000_000 });
    assert.deepEqual(slow, { throttle: 1_000_000, logLevel: null });
    const from = site.lines.all.length;
    await site.ask({ do: 'resync', mirror: 'file:a', whole: true });
    await site.told('copying', 'a', from);
    const moving = await until('it is copied, slowly', async () => {
      const { jobs } = (await site.ask({ do: 'jobs' })) as { jobs: JobStatus[] };
      return jobs.find(({ kind, done, secondsLeft }) => kind === 'resync' && done > 0 && secondsLeft !== null);
    });
    assert.equal(moving.mirror, 'file:a');
    assert.equal(moving.total, SIZE);
    assert.ok(moving.done < SIZE);
    await assert.rejects(
      site.ask({ do: 'cancel', id: moving.id }),
      /file:a has to be brought up to date, now or later/,
    );
    await site.ask({ do: 'set', throttle: null });
    await site.told('equal', 'a', from);
    assert.deepEqual((await site.ask({ do: 'jobs' })) as object, { jobs: [] });
  });

  it('lists a comparison, and ends it when it is cancelled', async () => {
    await site.start({ resync: { bytesPerSecond: '1MB' } });
    await site.ask({ do: 'set', throttle: null });
    await settled();
    await site.ask({ do: 'set', throttle: 1_000_000 });
    const verify = site.ask({ do: 'verify', volume: 'disk' });
    const running = await until('it is listed', async () => {
      const { jobs } = (await site.ask({ do: 'jobs' })) as { jobs: JobStatus[] };
      return jobs.find(({ kind }) => kind === 'verify');
    });
    assert.deepEqual([running.state, running.volume], ['running', 'disk']);
    const cancelled = (await site.ask({ do: 'cancel', id: running.id })) as JobStatus;
    assert.equal(cancelled.state, 'cancelled');
    await assert.rejects(verify, /job \d+ was cancelled/);
    await assert.rejects(site.ask({ do: 'cancel', id: running.id }), /has ended already: it is cancelled/);
    await assert.rejects(site.ask({ do: 'cancel', id: '99' }), /there is no job 99/);
  });

  it('H5 refuses orders that make no sense, and stays as it was', async () => {
    await site.start();
    await settled();
    const wrong: [{ do: string } & Record<string, unknown>, RegExp][] = [
      [{ do: 'pause', volume: 'other' }, /there is no volume "other"$/],
      [{ do: 'pause', mirror: 'file:c' }, /there is no mirror "file:c"$/],
      [{ do: 'pause', volume: 7 }, /"volume" is not a text/],
      [{ do: 'pause', by: 'x'.repeat(2000) }, /"by" is not a text/],
      [{ do: 'set' }, /nothing is to be set/],
      [{ do: 'set', throttle: -1 }, /no count of bytes/],
      [{ do: 'set', throttle: 1.5 }, /no count of bytes/],
      [{ do: 'set', throttle: '50MB' }, /no count of bytes/],
      [{ do: 'set', logLevel: 'loud' }, /no such level/],
      [{ do: 'set', logLevel: 'debug' }, /the level of this log is fixed/],
      [{ do: 'drain', withinMs: 0 }, /no time to drain in/],
      [{ do: 'drain', withinMs: 'now' }, /no time to drain in/],
      [{ do: 'cancel' }, /there is no job/],
    ];
    for (const [request, words] of wrong) await assert.rejects(site.ask(request), words);
    for (const name of ['a', 'b']) assert.equal((await site.mirror(name)).state, 'equal');
    await site.ask({ do: 'pause', mirror: 'file:a', by: 'joe\u001b[2J\n' });
    assert.match((await site.mirror('a')).error?.message ?? '', /^paused by joe\[2J at /);
  });

  it('is drained: whoever asked is told once it has ended', async () => {
    await site.start();
    await settled();
    await site.ask({ do: 'pause', mirror: 'file:a', by: 'joe' });
    const report = (await site.ask({ do: 'drain', withinMs: 5000 })) as SteerReport;
    await site.unit.drained;
    fitsSchema('steer', JSON.stringify(report));
    assert.deepEqual(
      report.mirrors.map(({ mirror, behindBytes }) => [mirror, behindBytes]),
      [
        ['file:a', 0],
        ['file:b', 0],
      ],
    );
  });

  it('pauses a link to another unit, and brings the far volume up to date once it is resumed', async () => {
    const [near, far] = [randomBytes(32), randomBytes(32)].map((key) => key.toString('hex'));
    writeFileSync(site.path('near.psk'), `near:${near}\n`, { mode: 0o600 });
    writeFileSync(site.path('far.psk'), `far:${far}\nnear:${near}\n`, { mode: 0o600 });
    const listen = `127.0.0.1:${await freePort()}`;
    const there = {
      receive: { listen },
      tls: { psk: 'far.psk' },
      state: 'far.state',
      volumes: [{ name: 'disk', mirrors: ['file:far.img', 'file:b'] }],
    };
    await writeFile(site.path('far.json'), JSON.stringify(there));
    await writeFile(site.path('far.img'), '');
    const log: Log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} };
    const unit = await startUnit(await loadLiveConfig(site.path('far.json'), {}), { log });
    try {
      const to = `journey://${listen}/disk`;
      const mirrors = ['file:a', to];
      const volumes = [{ lu: LU, name: 'disk', blockSize: 512, first: 'file:first', mirrors }];
      await site.start({ tls: { psk: 'near.psk' }, volumes });
      await site.told('equal', to);
      const paused = (await site.ask({ do: 'pause', mirror: to, by: 'joe' })) as SteerReport;
      assert.deepEqual(
        paused.mirrors.map(({ mirror, state, underWay }) => [mirror, state, underWay]),
        [[to, 'paused', false]],
      );
      const first = readFileSync(site.path('first'));
      first.fill(9, MiB, 2 * MiB);
      writeFileSync(site.path('first'), first);
      await site.ask({ do: 'resync', whole: true });
      await until('the local mirror is equal', async () => {
        const { state, copiedBytes } = await site.mirror('file:a');
        return (state === 'equal' && copiedBytes > SIZE - MiB) || undefined;
      });
      assert.equal((await site.mirror(to)).state, 'paused');
      // What the volume is passed on to is paused where that is done.
      const further = await unit.steer.pause({ volume: 'disk', mirror: 'file:b' }, 'jim');
      assert.deepEqual(
        further.mirrors.map(({ mirror, state, underWay }) => [mirror, state, underWay]),
        [['file:b', 'paused', false]],
      );
      assert.ok(!readFileSync(site.path('far.img')).equals(first), 'a paused mirror was written');
      await site.ask({ do: 'resume', mirror: to });
      await until('the far volume is equal', async () => {
        const { state, behindBytes } = await site.mirror(to);
        const same = state === 'equal' && behindBytes === 0 && readFileSync(site.path('far.img')).equals(first);
        return same || undefined;
      });
      assert.ok(!readFileSync(site.path('b')).equals(first), 'a paused mirror was written');
      await unit.steer.resume({ mirror: 'file:b' }, 'jim');
      await until('what it is passed on to is equal', () => readFileSync(site.path('b')).equals(first) || undefined);
    } finally {
      await site.stop();
      await unit.stop({ withinMs: 5000 });
    }
  });
});
