import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SUM_BYTES } from '../../../../src/base/blocks.ts';
import { copyOf } from '../../../../src/base/bytes.ts';
import { Extents } from '../../../../src/base/extents.ts';
import { Fault } from '../../../../src/base/fault.ts';
import { sumOf } from '../../../../src/blocks/sums.ts';
import { drawStatus } from '../../../../src/cli/draw-status.ts';
import { readStatus } from '../../../../src/cli/status-read.ts';
import { CheckedReads, type CheckedReadsOptions } from '../../../../src/unit/compare/checkedReads.ts';
import { ReadDesk } from '../../../../src/unit/compare/checkedReadsDesk.ts';
import { loadLiveConfig } from '../../../../src/unit/config/config.ts';
import { ConfigFault } from '../../../../src/unit/config/configFault.ts';
import type { LiveVolumeConfig } from '../../../../src/unit/config/configTypes.ts';
import { metricsText } from '../../../../src/unit/watch/metrics.ts';
import type { UnitStatus } from '../../../../src/unit/watch/status.ts';

const PAGE = 4096;
/** Sixteen blocks, and one that the volume's end cuts short. */
const BYTES = 16 * PAGE + 512;
const NONE = new Extents();

function extents(...ranges: [number, number][]): Extents {
  const all = new Extents();
  for (const [start, end] of ranges) all.add(start, end);
  return all;
}

/** The check of reads of one volume: what the mirror holds and is known of, and what is asked of both sides. */
class World {
  readonly mirror: Uint8Array = new Uint8Array(BYTES).map((_, i) => i >> 5);
  /** Blocks whose checksums are known. */
  readonly known = new Set(Array.from({ length: 17 }, (_, i) => i));
  moving: Extents | undefined = new Extents();
  differing = new Extents();
  /** Why both sides cannot be read. */
  fault: Fault | undefined;
  table = true;
  clock = 0;
  readonly works: (() => void)[] = [];
  readonly asked: [number, number][][] = [];
  readonly told: [number, number][][] = [];
  readonly doubted: number[] = [];
  readonly desk: ReadDesk = new ReadDesk((work) => this.works.push(work));
  readonly checked: CheckedReads;

  constructor(more: Partial<CheckedReadsOptions> = {}) {
    this.checked = new CheckedReads({
      bytesPerSecond: 1 << 30,
      desk: this.desk,
      now: () => this.clock,
      sums: () => (this.table ? { blockBytes: PAGE, bytes: BYTES, put: (...args) => this.#put(...args) } : undefined),
      moving: () => this.moving,
      confirm: async (suspects) => {
        this.asked.push(suspects.toRanges());
        if (this.fault) throw this.fault;
        return { differing: this.differing, whole: true };
      },
      told: (differing) => this.told.push(differing.toRanges()),
      doubtful: (start) => this.doubted.push(start),
      ...more,
    });
  }

  /** A host reads what lies there, with a byte of these blocks another than the mirror has. */
  read(offset: number, length: number, { wrong = [] as number[], unsure = NONE } = {}): boolean {
    const into = this.checked.take(offset, length);
    if (into === undefined) return false;
    const bytes = copyOf(this.mirror, offset, offset + length);
    for (const block of wrong) bytes[block * PAGE - offset + 7] ^= 1;
    into.set(bytes.subarray(0, into.length));
    this.checked.read(offset, into, unsure);
    while (this.works.length > 0) this.works.shift()?.();
    return true;
  }

  async confirm(): Promise<void> {
    this.clock += 2e9;
    this.checked.tick();
    while (!this.checked.idle) await new Promise(setImmediate);
  }

  #put(level: number, block: number, into: Uint8Array, at: number): boolean {
    assert.equal(level, 0);
    if (!this.known.has(block)) return false;
    into.set(sumOf(this.mirror.subarray(block * PAGE, Math.min((block + 1) * PAGE, BYTES))).subarray(0, SUM_BYTES), at);
    return true;
  }
}

describe('D5 checked reads', () => {
  it('compares whole blocks of the table only, the last one of the volume as it is', () => {
    const world = new World();
    assert.equal(world.read(512, PAGE), false, 'no block is whole');
    world.read(512, 3 * PAGE);
    assert.equal(world.checked.status.blocks, 2);
    world.read(15 * PAGE, PAGE + 512);
    assert.equal(world.checked.status.blocks, 4);
    world.read(16 * PAGE, 512);
    assert.equal(world.checked.status.blocks, 5);
    assert.equal(world.checked.idle, true);
  });

  it('leaves out what is not known, moves, or was not seen', () => {
    const world = new World();
    world.known.delete(3);
    world.moving = extents([4 * PAGE + 1, 4 * PAGE + 2]);
    world.read(2 * PAGE, 5 * PAGE, { unsure: extents([5 * PAGE, 5 * PAGE + 1]), wrong: [3, 4, 5] });
    assert.deepEqual([world.checked.status.blocks, world.checked.idle], [2, true]);
    world.moving = undefined;
    world.read(0, PAGE, { wrong: [0] });
    world.table = false;
    assert.equal(world.read(0, PAGE, { wrong: [0] }), false);
    assert.deepEqual([world.checked.status.blocks, world.checked.idle], [2, true]);
  });

  it('tells a difference that both sides bear out, once, until it was found equal again', async () => {
    const world = new World();
    world.differing = extents([2 * PAGE + 512, 2 * PAGE + 1024]);
    world.read(0, 4 * PAGE, { wrong: [2, 3] });
    world.read(0, 4 * PAGE, { wrong: [2] });
    assert.equal(world.told.length, 0, 'nothing is told before');
    await world.confirm();
    assert.deepEqual(world.asked, [[[2 * PAGE, 2 * PAGE]]]);
    assert.deepEqual(world.told, [[[2 * PAGE, PAGE]]]);
    assert.deepEqual(world.doubted, [3 * PAGE], 'a checksum that fits nothing is made anew');
    world.read(0, 4 * PAGE, { wrong: [2] });
    await world.confirm();
    assert.equal(world.told.length, 1);
    const { differences, unconfirmed } = world.checked.status;
    assert.deepEqual([differences, unconfirmed], [1, 1]);
    world.read(2 * PAGE, PAGE);
    world.read(2 * PAGE, PAGE, { wrong: [2] });
    await world.confirm();
    assert.equal(world.told.length, 2);
  });

  it('tells it once also where hosts go on reading it while both sides are asked', async () => {
    const differing = extents([2 * PAGE, 3 * PAGE], [5 * PAGE, 6 * PAGE]);
    const answers: (() => void)[] = [];
    const confirm = (): Promise<{ differing: Extents; whole: boolean }> =>
      new Promise((resolve) => answers.push(() => resolve({ differing, whole: true })));
    const world = new World({ confirm });
    world.read(0, 4 * PAGE, { wrong: [2] });
    world.checked.tick();
    assert.equal(answers.length, 1);
    world.read(0, 6 * PAGE, { wrong: [2, 5] });
    answers[0]();
    await new Promise(setImmediate);
    assert.deepEqual(world.told, [[[2 * PAGE, PAGE]]]);
    world.clock += 2e9;
    world.checked.tick();
    answers[1]();
    await new Promise(setImmediate);
    assert.deepEqual(world.told.slice(1), [[[5 * PAGE, PAGE]]]);
    assert.deepEqual([world.checked.status.differences, world.checked.idle], [2, true]);
  });

  it('does not tell what cannot be confirmed, and asks again when it is seen again', async () => {
    const world = new World();
    world.fault = new Fault('local', 'the first volume is down');
    world.read(0, PAGE, { wrong: [0] });
    await world.confirm();
    assert.deepEqual([world.told.length, world.doubted.length, world.checked.status.unconfirmed], [0, 0, 1]);
    world.read(0, PAGE, { wrong: [0] });
    world.fault = undefined;
    world.differing = extents([0, 512]);
    await world.confirm();
    assert.deepEqual(world.told, [[[0, PAGE]]]);
  });

  it('looks at both sides at most once a second', async () => {
    const world = new World();
    world.read(0, PAGE, { wrong: [0] });
    await world.confirm();
    world.read(PAGE, PAGE, { wrong: [1] });
    world.clock += 0.9e9;
    world.checked.tick();
    assert.equal(world.asked.length, 1);
    world.clock += 0.2e9;
    world.checked.tick();
    assert.equal(world.asked.length, 2);
  });

  it('looks at so many bytes a second, and says how many reads it passed over', () => {
    const world = new World({ bytesPerSecond: 4 * PAGE });
    for (let i = 0; i < 10; i++) world.read(0, PAGE);
    assert.deepEqual([world.checked.status.blocks, world.checked.status.skipped], [4, 6]);
    world.clock += 0.5e9;
    for (let i = 0; i < 10; i++) world.read(0, PAGE);
    assert.equal(world.checked.status.blocks, 6);
  });

  it('has bounded memory, and gets all of it back', () => {
    const world = new World();
    const taken: Uint8Array[] = [];
    for (let bytes = world.desk.take(1 << 20); bytes; bytes = world.desk.take(1 << 20)) taken.push(bytes);
    const total = taken.reduce((sum, { length }) => sum + length, 0);
    assert.ok(total <= 8 << 20 && taken.every(({ length }) => length <= 512 << 10));
    assert.equal(world.read(0, PAGE), false);
    assert.equal(world.checked.status.skipped, 1);
    for (const bytes of taken) world.checked.give(bytes);
    for (let i = 0; i < 10_000; i++)
      assert.ok(world.read(0, 16 * PAGE, { unsure: i % 2 ? extents([0, BYTES]) : NONE }));
  });

  it('hashes a long read in several turns', () => {
    const world = new World();
    const into = world.checked.take(0, 16 * PAGE) ?? assert.fail();
    into.set(world.mirror.subarray(0, 16 * PAGE));
    world.checked.read(0, into, NONE);
    assert.equal(world.checked.status.blocks, 0, 'nothing is hashed while a host may wait');
    world.works.shift()?.();
    assert.equal(world.checked.status.blocks, 8);
    world.works.shift()?.();
    assert.deepEqual([world.checked.status.blocks, world.works.length], [16, 0]);
  });
});

describe('D5 checkReads in the configuration', () => {
  const LU = 'iqn.2024-01.lab.example:live/1';
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tapmirror-reads-'));
  });
  after(async () => {
    await rm(folder, { recursive: true });
  });

  async function load(volume: object, source: object): Promise<LiveVolumeConfig> {
    const path = join(folder, 'unit.json');
    const one = { lu: LU, first: `iscsi://10.66.0.2:3260/${LU}`, mirrors: ['file:m.img'], ...volume };
    await writeFile(path, JSON.stringify({ source, state: 'state', volumes: [one] }), { mode: 0o600 });
    return (await loadLiveConfig(path, {})).volumes[0];
  }

  const TEE = { tee: { listen: '10.66.0.2:3262', target: '10.66.0.2:3260' } };

  it('is off where nobody wants it, and brings a block table where somebody does', async () => {
    for (const volume of [{}, { checkReads: false }]) {
      const { checkReads, blockTable } = await load(volume, TEE);
      assert.deepEqual([checkReads, blockTable], [undefined, false]);
    }
    const { checkReads, blockTable } = await load({ checkReads: true }, TEE);
    assert.deepEqual([checkReads, blockTable], [{ bytesPerSecond: 16 << 20 }, true]);
    const slow = await load({ checkReads: { bytesPerSecond: '1MiB' } }, TEE);
    assert.deepEqual(slow.checkReads, { bytesPerSecond: 1 << 20 });
  });

  it('is refused where it could compare or confirm nothing', async () => {
    const refused: [object, object, RegExp][] = [
      [{ checkReads: true, blockTable: false }, TEE, /it needs the block table/],
      [{ checkReads: true, mirrors: ['iscsi://10.66.0.3:3260/iqn.a:b/1'] }, TEE, /no mirror .* keeps a block table/],
      [{ checkReads: true, first: undefined }, TEE, /without a first volume/],
      [{ checkReads: true }, { probe: { device: '/dev/ttyACM0' } }, /on a parallel bus/],
      [{ checkReads: { bytesPerSecond: 1 } }, TEE, /at least 4096/],
      [{ checkReads: 'yes' }, TEE, /true or false/],
    ];
    for (const [volume, source, why] of refused) {
      await assert.rejects(load(volume, source), (error) => {
        assert.ok(error instanceof ConfigFault, String(error));
        assert.match(error.mistakes.join('\n'), why);
        return true;
      });
    }
  });
});

describe('D5 checked reads in status and metrics', () => {
  const STATUS: UnitStatus = {
    unit: '01234567-89ab-cdef-0123-456789abcdef',
    version: '0.1.0',
    since: '2026-03-01T14:05:00.000Z',
    source: { kind: 'tee', text: 'tee' },
    buffer: { bytes: 1000, freeBytes: 400, state: 'data', falls: 0 },
    volumes: [
      {
        lu: 'iqn.a:b/1',
        blockSize: 512,
        blocks: 2048,
        first: { url: 'iscsi://10.0.0.2/iqn.a:b/1', state: 'up' },
        changes: 0,
        barriers: 0,
        openWrites: 0,
        checkedReads: { blocks: 5000, differences: 2, unconfirmed: 1, skipped: 7 },
        mirrors: [],
      },
    ],
    notices: [],
  };

  it('are told, and drawn', async () => {
    const { volumes } = readStatus(JSON.parse(JSON.stringify(STATUS)));
    assert.deepEqual(volumes[0].checkedReads, STATUS.volumes[0].checkedReads);
    const drawn = drawStatus(
      STATUS,
      { tty: false, colour: false, width: 100, unicode: false },
      Date.parse(STATUS.since),
    );
    assert.match(drawn, /checked reads: 5,000 blocks, 2 differed/);
    const lines = (await metricsText(STATUS, [])).split('\n');
    for (const line of [
      'tapmirror_checked_read_blocks_total{volume="iqn.a:b/1"} 5000',
      'tapmirror_checked_read_differences_total{volume="iqn.a:b/1"} 2',
      'tapmirror_checked_read_unconfirmed_total{volume="iqn.a:b/1"} 1',
      'tapmirror_checked_reads_skipped_total{volume="iqn.a:b/1"} 7',
    ])
      assert.ok(lines.includes(line), line);
  });
});
