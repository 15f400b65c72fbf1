import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '../../../../hw/log.ts';
import { loadUnit } from '../../../../src/unit/config/config.ts';
import { ConfigFault } from '../../../../src/unit/config/configFault.ts';
import { examine } from '../../../../src/unit/doctor/doctor.ts';
import { startUnit } from '../../../../src/unit/live/live.ts';
import type { JobStatus } from '../../../../src/unit/steer/jobs.ts';
import type { AddedReport, RemovedReport } from '../../../../src/unit/steer/mirrorChangesTypes.ts';
import type { MirrorStatus } from '../../../../src/unit/watch/status.ts';
import { freePort } from '../../../kit/freePort.ts';
import { until } from '../../../live/kit/until.ts';
import { SteeredUnit } from './steeredUnit.ts';

const MiB = 2 ** 20;
const SIZE = 4 * MiB;
const LU = 'iqn.2024-01.lab.example:changed/1';

class Changed extends SteeredUnit {
  write(name: string, bytes: Uint8Array = new Uint8Array(SIZE)): void {
    writeFileSync(this.path(name), bytes);
  }

  async add(as: unknown, more: object = {}): Promise<AddedReport> {
    return (await this.ask({ do: 'addMirror', volume: 'disk', as, by: 'joe', ...more })) as AddedReport;
  }

  async remove(mirror: string, more: object = {}): Promise<RemovedReport> {
    return (await this.ask({ do: 'removeMirror', volume: 'disk', mirror, by: 'jim', ...more })) as RemovedReport;
  }

  async mirrors(): Promise<MirrorStatus[]> {
    return (await this.status()).volumes[0].mirrors;
  }

  async names(): Promise<string[]> {
    return (await this.mirrors()).map(({ to }) => to);
  }

  settled(): Promise<true> {
    return until(
      'every mirror is equal',
      async () => (await this.mirrors()).every(({ state }) => state === 'equal') || undefined,
      { ms: 30_000 },
    );
  }
}

describe('H3 mirrors that are added and removed while the unit runs', function () {
  this.timeout(60_000);
  let site: Changed;

  beforeEach(async () => {
    site = new Changed(await mkdtemp(join(tmpdir(), 'tapmirror-arms-')), LU);
    const bytes = Buffer.alloc(SIZE);
    for (let at = 0; at < SIZE; at += 4096) bytes.writeUInt32BE(at + 1, at);
    site.write('first', bytes);
    for (const name of ['a', 'b', 'c']) site.write(name);
    await site.configure(['file:a']);
    await site.start();
    await site.settled();
  });
  afterEach(async () => {
    await site.stop();
    await rm(site.folder, { recursive: true });
  });

  const file = (name: string): string => `file:${site.path(name)}`;

  it('copies a new mirror whole, says what the configuration lacks, and has it after a restart', async () => {
    const added = await site.add(file('b'));
    assert.deepEqual([added.volume, added.mirror], [LU, file('b')]);
    assert.deepEqual(
      { ...added.configuration, at: '' },
      { volume: LU, mirror: file('b'), change: 'added', by: 'joe', at: '', line: JSON.stringify(file('b')) },
    );
    await site.settled();
    site.equal('b');
    assert.deepEqual((await site.status()).changedMirrors, [added.configuration]);

    await site.stop();
    await site.start();
    await site.lines.first('it is said', ({ text }) =>
      /was added by joe at .* and the configuration does not have it; write/.test(text ?? ''),
    );
    assert.deepEqual(await site.names(), ['file:a', file('b')]);
    await site.settled();
    // A tee's records are believed: it was there all the time.
    assert.equal((await site.mirrors())[1].comparedBytes, 0);
    const { findings } = await examine({ config: site.path('unit.json'), ports: [], nowMs: Date.now() });
    const finding = findings.find(({ words }) => words.includes('was added by joe'));
    assert.equal(finding?.level, 'warn');
    assert.ok(finding?.mend?.includes(JSON.stringify(file('b'))));

    // Somebody writes it down, in other words even.
    await site.stop();
    await site.configure(['file:a', 'file:b']);
    await site.start();
    assert.equal((await site.status()).changedMirrors, undefined);
    assert.equal(existsSync(site.path('state/mirrors.json')), false);
    assert.deepEqual(await site.names(), ['file:a', 'file:b']);
    await site.settled();
  });

  it('lists the copy as a job, with a number, and goes on with it after a restart', async () => {
    await site.ask({ do: 'set', throttle: 1_000_000 });
    const { state, job, behindBytes } = await site.add(file('b'));
    assert.deepEqual([state, behindBytes], ['copying', SIZE]);
    const { jobs } = (await site.ask({ do: 'jobs' })) as { jobs: JobStatus[] };
    const listed = jobs.find(({ id }) => id === job);
    assert.deepEqual([listed?.kind, listed?.mirror, listed?.total], ['resync', file('b'), SIZE]);
    await site.stop();
    await site.start();
    await site.settled();
    site.equal('b');
  });

  it('never believes what was known of a mirror when it was one before', async () => {
    await site.add(file('b'));
    await site.settled();
    const gone = await site.remove(file('b'));
    assert.deepEqual([gone.state, gone.droppedBytes, gone.configuration], ['equal', 0, null]);
    assert.deepEqual(await site.names(), ['file:a']);
    assert.equal((await site.status()).changedMirrors, undefined);
    assert.equal(readdirSync(site.path('state')).filter((name) => name.endsWith('.record')).length, 1);
    site.equal('b');
    // It belongs to nobody now.
    site.write('b', Buffer.alloc(SIZE, 9));
    await site.add(file('b'));
    await site.settled();
    site.equal('b');
  });

  it('leaves out what the configuration still names, says so, and takes it back', async () => {
    await site.stop();
    await site.configure(['file:a', 'file:b']);
    await site.start();
    await site.settled();
    const gone = await site.remove('file:b');
    assert.deepEqual([gone.configuration?.change, gone.configuration?.line], ['removed', '"file:b"']);
    await site.stop();
    site.write('b', Buffer.alloc(SIZE, 9));
    await site.start();
    assert.deepEqual(await site.names(), ['file:a']);
    await site.lines.first('it is said', ({ text }) =>
      /was removed by jim at .* and the configuration still has it; take/.test(text ?? ''),
    );
    // Just as the configuration has it, whatever it is called here.
    await assert.rejects(site.add({ to: file('b') }), /the configuration names .* with other keys$/);
    const back = await site.add(file('b'));
    assert.deepEqual([back.mirror, back.configuration], ['file:b', null]);
    await site.settled();
    site.equal('b');

    await site.remove('file:b', { now: true });
    await site.stop();
    await site.configure(['file:a']);
    await site.start();
    assert.equal((await site.status()).changedMirrors, undefined);
  });

  it('does not believe a record of a mirror that the configuration left out for a while', async () => {
    await site.stop();
    await site.configure(['file:a', 'file:b']);
    await site.start();
    await site.settled();
    await site.stop();
    await site.configure(['file:a']);
    await site.start();
    await site.stop();
    site.write('b', Buffer.alloc(SIZE, 9));
    await site.configure(['file:a', 'file:b']);
    await site.start();
    await site.settled();
    site.equal('b');
  });

  it('H5 refuses what a configuration would be refused for, and more, and is as it was', async () => {
    site.write('small', Buffer.alloc(MiB));
    const wrong: [unknown, RegExp][] = [
      [file('a'), /^.*: file:.*\/a is a mirror of disk already$/],
      [file('first'), /which is the first volume/],
      [`${file('x')}/../first`, /which is the first volume/],
      [file('state'), /which is the unit's own state/],
      [file('small'), /mirror file:.*small is too small/],
      [file('none'), /none does not exist/],
      ['nonsense', /not a file: URL/],
      [{ to: file('b'), buffer: { bytes: '1MiB' } }, /a key for a link/],
      [{ to: file('b'), secret: 'x' }, /a secret as a key of its own is not taken/],
      [{ to: file('b'), frobnicate: 1 }, /unknown key "frobnicate"/],
      ['iscsi://joe%hush@127.0.0.1/iqn.2024-01.x:y/1', /a secret on a command line is seen by every user/],
      ['iscsi://127.0.0.1:9/iqn.2024-01.x:y/1', /refuses the connection/],
      [`iscsi://127.0.0.1:9/${LU}`, /which is the volume/],
      ['journey://127.0.0.1:9/disk', /"tls" is missing/],
      [7, /"as" is not a mirror/],
      [{ from: 'x' }, /it is not said what mirror is meant/],
    ];
    for (const [as, words] of wrong) {
      await assert.rejects(site.add(as), (error: Error) => {
        assert.match(error.message, words);
        assert.doesNotMatch(error.message, /hush/);
        return true;
      });
    }
    await assert.rejects(site.add(file('b'), { volume: 'other' }), /there is no volume "other"/);
    await assert.rejects(site.remove('file:a'), /file:a is the last mirror of disk$/);
    await assert.rejects(site.remove('file:a', { now: true }), /file:a is the last mirror of disk$/);
    await assert.rejects(site.remove('file:b'), /disk has no mirror "file:b"$/);
    assert.deepEqual(await site.names(), ['file:a']);
    assert.equal((await site.status()).changedMirrors, undefined);
    // Nothing is open or locked any more that was refused.
    await site.add(file('b'));
    await site.settled();
  });

  it('H5 refuses a configuration that no longer goes together with what was changed, and says which', async () => {
    await site.add(file('b'));
    await site.stop();
    const other = { lu: 'iqn.2024-01.lab.example:changed/2', first: 'file:b', mirrors: ['file:c'] };
    const mine = { lu: LU, name: 'disk', blockSize: 512, first: 'file:first', mirrors: ['file:a'] };
    await site.configure([], { volumes: [mine, other] });
    await assert.rejects(loadUnit(site.path('unit.json'), {}), (error: unknown) => {
      assert.ok(error instanceof ConfigFault);
      assert.match(error.mistakes[0], /volumes\[0\]\.mirrors\[1\]: a mirror onto .*\/b, which is the first volume/);
      assert.match(error.mistakes[1], /state\/mirrors\.json; write these into the configuration, or delete that file/);
      return true;
    });
    await rm(site.path('state/mirrors.json'));
    await loadUnit(site.path('unit.json'), {});
  });

  it('removes a mirror whose medium is broken, and one that is paused, at once', async () => {
    await site.add(file('b'));
    await site.add(file('c'));
    await site.settled();
    await site.ask({ do: 'pause', mirror: file('b'), by: 'joe' });
    assert.equal((await site.remove(file('b'))).state, 'paused');
    // Added again it is not paused.
    assert.notEqual((await site.add(file('b'))).state, 'paused');
    await site.settled();
  });

  it('adds a link to another unit, which is consistent once it has everything, and removes it', async () => {
    const [near, far] = [randomBytes(32), randomBytes(32)].map((key) => key.toString('hex'));
    writeFileSync(site.path('near.psk'), `near:${near}\n`, { mode: 0o600 });
    writeFileSync(site.path('far.psk'), `far:${far}\nnear:${near}\n`, { mode: 0o600 });
    const listen = `127.0.0.1:${await freePort()}`;
    const there = {
      receive: { listen },
      tls: { psk: 'far.psk' },
      state: 'far.state',
      volumes: [{ name: 'disk', mirrors: ['file:far.img', 'file:b'], history: { window: '1h', bytes: '64MiB' } }],
    };
    await writeFile(site.path('far.json'), JSON.stringify(there));
    await writeFile(site.path('far.img'), '');
    const log: Log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} };
    const loaded = await loadUnit(site.path('far.json'), {});
    const unit = await startUnit(loaded.config, { log, mirrors: loaded.mirrors });
    try {
      await site.stop();
      await site.configure(['file:a'], { tls: { psk: 'near.psk' } });
      await site.start();
      await assert.rejects(site.ask({ do: 'mark', name: 'before' }), /no mirror that would keep a bookmark/);
      const to = `journey://${listen}/disk`;
      await site.add({ to, buffer: { bytes: '1MiB' }, limit: '50MB' });
      await site.settled();
      await site.ask({ do: 'mark', name: 'now' });
      await until('the far volume has the bookmark, and is consistent', () => {
        const { bookmarks } = unit.history('disk');
        return bookmarks.some(({ name, consistent }) => name === 'now' && consistent) || undefined;
      });
      const out = site.path('now.img');
      const order = { out, force: false, progress: () => {}, signal: new AbortController().signal };
      await unit.rewind('disk', { ...order, to: { words: 'now', mark: 'now' } });
      assert.ok(readFileSync(out).equals(readFileSync(site.path('first'))));
      // There, further mirrors may come and go as well, down to none.
      await unit.mirrors.add({ volume: 'disk', as: file('c'), by: 'joe' });
      await until('what it is passed on to is equal', () => {
        const [{ mirrors }] = unit.status().volumes;
        const found = mirrors.filter(({ to: name, state }) => /\/[bc]$|^file:b$/.test(name) && state === 'equal');
        return found.length === 2 || undefined;
      });
      site.equal('c');
      for (const mirror of ['file:b', file('c')]) {
        await unit.mirrors.remove({ volume: 'disk', mirror, by: 'joe', now: false, progress: () => {} });
      }
      // The local mirror may go: what the link has no room for is then read from the first volume.
      await site.add(file('c'));
      await site.settled();
      await site.remove('file:a');
      assert.equal((await site.remove(to)).state, 'equal');
      assert.deepEqual(await site.names(), [file('c')]);
    } finally {
      await site.stop();
      await unit.stop({ withinMs: 5000 });
    }
  });
});
