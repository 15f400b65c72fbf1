import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFileVolume } from '../../../../hw/files.ts';
import type { Change, Piece } from '../../../../src/base/change.ts';
import { Fault } from '../../../../src/base/fault.ts';
import { Room } from '../../../../src/buffer/room.ts';
import { VolumeUnit, type VolumeUnitOptions } from '../../../../src/unit/mirror/volumeUnit.ts';
import { drain, MemoryVolume, settle } from '../../../sim/memoryVolume.ts';

const LU = 'iqn.test/0';

function write(seq: number, lbn: number, byte: number): Change {
  const pieces: Piece[] = [{ offset: lbn * 512, length: 512, payload: [new Uint8Array(512).fill(byte)] }];
  return { seq, at: 0n, lu: LU, pieces, fua: false };
}

function doubt(seq: number, lbn: number, blocks: number): Change {
  const pieces: Piece[] = [{ offset: lbn * 512, length: blocks * 512, payload: 'lbnOnly' }];
  return { seq, at: 0n, lu: LU, pieces, fua: false, doubt: 'hole' };
}

describe('B4 B6 B7 VolumeUnit', () => {
  let mirrors: MemoryVolume[];
  let first: MemoryVolume;
  let notices: string[];
  const ends: (() => void)[] = [];

  const build = (options: Partial<VolumeUnitOptions> = {}): VolumeUnit =>
    new VolumeUnit({
      lu: LU,
      room: new Room({ bytes: 65_536 }),
      mirrors: mirrors.map((volume, i) => ({ to: `memory:${i}`, volume })),
      now: () => 0,
      notice: (text) => notices.push(text),
      ...options,
    });

  beforeEach(() => {
    mirrors = [new MemoryVolume(new Uint8Array(8192)), new MemoryVolume(new Uint8Array(8192))];
    first = new MemoryVolume(new Uint8Array(8192).fill(5));
    notices = [];
  });
  afterEach(() => {
    for (const end of ends.splice(0)) end();
  });

  it('starts writing before the event loop turns', async () => {
    const unit = build();
    unit.push(write(1, 0, 1));
    unit.push(write(2, 1, 2));
    await Promise.resolve();
    assert.equal(mirrors[0].pending.length, 1, 'both changes in one request');
    await drain(unit.finish(), ...mirrors);
    assert.equal(mirrors[1].bytes[512], 2);
  });

  it('lets small changes gather; a barrier, many bytes and a wait for the end do not wait for that', async () => {
    // Whatever the machine, it is not over before somebody looks; nor does it keep the process.
    const gatherMs = 3_600_000;
    const { setTimeout: made } = globalThis;
    globalThis.setTimeout = ((...args: Parameters<typeof made>) => made(...args).unref()) as typeof made;
    ends.push(() => {
      globalThis.setTimeout = made;
    });
    const acts: ((unit: VolumeUnit) => unknown)[] = [
      (unit) => unit.barrier({ seq: 2, at: 0n, lu: LU }),
      (unit) => unit.whenIdle(),
      (unit) => unit.close(),
      // A sixteenth of the room, counting each piece as a block besides its data.
      (unit) => {
        for (let seq = 2; seq <= 9; seq++) unit.push(write(seq, seq, 2));
      },
    ];
    for (const act of acts) {
      mirrors = [new MemoryVolume(new Uint8Array(8192))];
      const unit = build({ gatherMs, flushBarriers: true });
      unit.push(write(1, 0, 1));
      await settle();
      assert.equal(mirrors[0].pending.length, 0);
      assert.equal(unit.report().mirrors[0].state, 'behind');
      const done = act(unit);
      await settle();
      assert.equal(mirrors[0].pending.length, 1);
      await drain(Promise.all([done, unit.whenIdle()]), ...mirrors);
      assert.equal(mirrors[0].bytes[0], 1);
    }
  });

  it('ORs into what each mirror holds, piece by piece, and leaves the bytes as they are for the other', async () => {
    const long = 600 * 1024;
    for (const [i] of mirrors.entries()) mirrors[i] = new MemoryVolume(new Uint8Array(long + 1024).fill(16 << i));
    const unit = build();
    const ored = new Uint8Array(long).map((_, at) => at % 7);
    const or = [ored.subarray(0, 100), ored.subarray(100)];
    unit.push({ seq: 1, at: 0n, lu: LU, pieces: [{ offset: 512, length: long, payload: { or } }], fua: false });
    await drain(unit.finish(), ...mirrors);
    assert.deepEqual(unit.report().unresolved, []);
    for (const [i, { bytes }] of mirrors.entries()) {
      const expected = new Uint8Array(long + 1024).fill(16 << i);
      for (let at = 0; at < long; at++) expected[512 + at] |= at % 7;
      assert.equal(Buffer.compare(bytes, expected), 0);
    }
  });

  it('puts an OR whose mirror fails half-way into the record', async () => {
    const long = 600 * 1024;
    mirrors = [new MemoryVolume(new Uint8Array(long))];
    const unit = build();
    unit.facts({ lu: LU, blockSize: 512, blocks: long / 512, designators: [] });
    const payload = { or: [new Uint8Array(long).fill(1)] };
    unit.push({ seq: 1, at: 0n, lu: LU, pieces: [{ offset: 0, length: long, payload }], fua: false });
    const finishing = unit.finish();
    while (mirrors[0].writes < 2) {
      mirrors[0].end();
      await settle();
    }
    mirrors[0].failure = new Fault('local', 'the disk has failed');
    await drain(finishing, ...mirrors);
    assert.deepEqual(unit.report().unresolved, [[0, long / 512]]);
    assert.deepEqual([mirrors[0].bytes[0], mirrors[0].bytes[long - 1]], [1, 0]);
  });

  it('flushes once at the end of a replay, whatever barriers came', async () => {
    const unit = build();
    for (let seq = 1; seq < 10; seq += 2) {
      unit.push(write(seq, seq, 1));
      unit.barrier({ seq: seq + 1, at: 0n, lu: LU });
    }
    await drain(unit.finish(), ...mirrors);
    assert.equal(mirrors[0].flushes, 1);
    assert.equal(unit.report().barriers, 5);
  });

  it('goes on with the other mirror when one breaks, and reports which and why', async () => {
    const unit = build();
    unit.facts({ lu: LU, blockSize: 512, blocks: 16, designators: [] });
    mirrors[0].failure = new Fault('local', 'disk 0 has no space left', 'free some');
    unit.push(write(1, 3, 1));
    await drain(unit.finish(), ...mirrors);
    const report = unit.report();
    assert.deepEqual(report.unresolved, [[3, 1]]);
    assert.deepEqual(report.reasons, { 'not-written': 1 });
    assert.deepEqual(
      report.mirrors.map(({ state }) => state),
      ['broken', 'equal'],
    );
    assert.deepEqual(report.mirrors[0].error, { message: 'disk 0 has no space left', mend: 'free some' });
    assert.deepEqual(notices, ['disk 0 has no space left; free some']);
    assert.equal(mirrors[1].bytes[3 * 512], 1);
  });

  it('reads doubt back from the first volume and tells how far it is', async () => {
    const unit = build({ first: { name: 'memory:first', volume: first }, copyBytes: 1024 });
    unit.facts({ lu: LU, blockSize: 512, blocks: 16, designators: [] });
    unit.push(doubt(1, 2, 6));
    const progress: [number, number][] = [];
    await drain(unit.finish({ progress: (done, total) => progress.push([done, total]) }), first, ...mirrors);
    assert.deepEqual(progress.at(-1), [6144, 6144]);
    assert.ok(progress.length > 2);
    assert.deepEqual(unit.report().unresolved, []);
    assert.equal(unit.report().mirrors[1].resolvedBytes, 3072);
    assert.equal(mirrors[0].bytes[2 * 512], 5);
    assert.equal(mirrors[0].bytes[8 * 512], 0);
  });

  it('can be told to stop reading back: the rest stays unresolved', async () => {
    const unit = build({ first: { name: 'memory:first', volume: first }, copyBytes: 512 });
    unit.facts({ lu: LU, blockSize: 512, blocks: 16, designators: [] });
    unit.push(doubt(1, 0, 16));
    const stop = new AbortController();
    const progress = (done: number): void => {
      if (done > 0) stop.abort();
    };
    await drain(unit.finish({ signal: stop.signal, progress }), first, ...mirrors);
    const { unresolvedBlocks } = unit.report();
    assert.ok(unresolvedBlocks > 0 && unresolvedBlocks <= 16);
    await unit.close();
  });

  it('a LU in doubt whole: all of the capacity, else of the first volume, else of the largest mirror', async () => {
    const whole: Change = { seq: 1, at: 0n, lu: LU, pieces: 'wholeLu', fua: false, doubt: 'block-size' };
    const unit = build();
    unit.push(whole);
    await unit.whenIdle();
    assert.deepEqual(unit.report().unresolved, [[0, 16]]);
    assert.equal(unit.report().blockSize, null);
    unit.facts({ lu: LU, blockSize: 4096, blocks: 1, designators: [] });
    assert.deepEqual(unit.report().unresolved, [[0, 1]]);
    mirrors = [new MemoryVolume(new Uint8Array(8192))];
    const other = build({ first: { name: 'first', volume: new MemoryVolume(new Uint8Array(4096)) } });
    other.push(whole);
    await other.whenIdle();
    assert.deepEqual(other.report().unresolved, [[0, 8]]);
  });

  it('reports what is on its way, or waits, as not yet there', () => {
    const unit = build();
    unit.push(write(1, 4, 1));
    assert.deepEqual(unit.report().unresolved, [[4, 1]]);
    assert.equal(unit.report().mirrors[0].state, 'behind');
  });

  it('with an unknown capacity also names blocks above what the mirrors hold', async () => {
    const unit = build();
    unit.push(write(1, 16, 1));
    unit.push(doubt(2, 30, 2));
    await drain(unit.finish(), ...mirrors);
    assert.deepEqual(unit.report().unresolved, [
      [16, 1],
      [30, 2],
    ]);
    assert.equal(unit.report().mirrors[0].state, 'broken');
    assert.match(unit.report().mirrors[0].error?.message ?? '', /too small/);
  });

  it('whenRoom waits for the slowest mirror where the source can wait', async () => {
    const room = new Room({ bytes: 65_536 });
    const unit = build({ room });
    const lease = room.take(40_000);
    assert.ok(lease);
    unit.push({ ...write(1, 0, 1), lease });
    let waited = true;
    const roomy = unit.whenRoom().then(() => {
      waited = false;
    });
    await settle();
    mirrors[0].end();
    await settle();
    assert.ok(waited);
    mirrors[1].end();
    await roomy;
    assert.equal(room.freeBytes, 65_536);
  });

  it('mirrors onto real files, grows them with the volume, and reads back from a real file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'unit-'));
    const [image, source] = [join(folder, 'mirror.img'), join(folder, 'first.img')];
    await writeFile(image, new Uint8Array(8192));
    await writeFile(source, Buffer.alloc(12_288, 9).fill(1, 512, 1024));
    const volume = await openFileVolume(image, { blockSize: 512, writable: true });
    const read = await openFileVolume(source, { blockSize: 512, writable: false });
    const unit = build({ mirrors: [{ to: `file:${image}`, volume }], first: { name: `file:${source}`, volume: read } });
    unit.facts({ lu: LU, blockSize: 512, blocks: 16, designators: [] });
    unit.push(write(1, 1, 1));
    unit.facts({ lu: LU, blockSize: 512, blocks: 24, designators: [] });
    unit.push(write(2, 20, 9));
    unit.push(doubt(3, 0, 1));
    unit.push(doubt(4, 2, 14));
    await unit.finish();
    assert.deepEqual(unit.report().unresolved, []);
    assert.equal(unit.report().mirrors[0].state, 'equal');
    assert.equal(Buffer.compare(await readFile(image), await readFile(source)), 0);
    await unit.close();
    await read.close();
    await rm(folder, { recursive: true });
  });

  it('refuses a first volume that is a mirror, with both names', () => {
    const twin = { first: { name: 'file:/first', volume: mirrors[1] } };
    assert.throws(() => build(twin), /file:\/first and memory:1 are one medium/);
  });
});
