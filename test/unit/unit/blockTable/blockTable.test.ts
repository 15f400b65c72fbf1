import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { copyFile, open, readFile, utimes, writeFile } from 'node:fs/promises';
import { openTableFile } from '../../../../hw/blockTable.ts';
import { TABLE_HEADER_BYTES } from '../../../../parsers/formats/blockTable.ts';
import type { FarStore } from '../../../../src/base/ordered.ts';
import { sumOf } from '../../../../src/blocks/sums.ts';
import { type KeptTable, openKeptTable } from '../../../../src/unit/blockTable/blockTable.ts';
import { tabledStore, tabledVolume } from '../../../../src/unit/blockTable/blockTableOpen.ts';
import type { TabledStore } from '../../../../src/unit/blockTable/blockTableStore.ts';
import { TabledVolume } from '../../../../src/unit/blockTable/blockTableVolume.ts';
import { openHistoryStore } from '../../../../src/unit/history/historyStore.ts';
import type { HistoryStore } from '../../../../src/unit/history/historyTypes.ts';
import { openPlainStore } from '../../../../src/unit/history/plainStore.ts';
import { change, data, EPOCH, Medium } from '../history/historyKit.ts';
import { PAGE, quiet, tablesFolder } from './blockTableKit.ts';

describe('D4 a block table and its file', () => {
  const { at } = tablesFolder();
  const SIZE = 100 * PAGE;
  const medium = randomBytes(SIZE);
  const keep = (name: string, more: object = {}): Promise<KeptTable> =>
    openKeptTable({
      path: at(name),
      identity: 'm',
      medium: at('medium'),
      blockSize: 512,
      bytes: SIZE,
      notice: quiet,
      ...more,
    });

  const learn = ({ table }: KeptTable): void => {
    for (let one = table.next(0); one; one = table.next(one.group + 1)) {
      table.known(one, medium.subarray(one.offset, one.offset + one.length));
    }
  };

  /** Blocks that are known to whoever opens it next. */
  const found = async (name: string, more: object = {}): Promise<number> => {
    const kept = await keep(name, more);
    const { current } = kept.table;
    await kept.close(false);
    return current;
  };

  beforeEach(() => writeFile(at('medium'), medium));

  it('is believed after a kill, and after an end in order', async () => {
    const kept = await keep('a');
    learn(kept);
    kept.table.begin(5 * PAGE, 1);
    await copyFile(at('a'), at('killed'));
    assert.equal(await found('killed'), 99);
    await kept.close(true);
    assert.equal(await found('a'), 99);
    assert.equal(await found('a'), 99, 'in this boot also after one that was not in order');
  });

  it('is not believed for another medium, nor when somebody changed the medium since it was closed', async () => {
    const kept = await keep('a');
    learn(kept);
    await kept.close(true);
    await copyFile(at('a'), at('b'));
    await copyFile(at('a'), at('c'));
    assert.equal(await found('b', { identity: 'another' }), 0);
    await utimes(at('medium'), 1, 1);
    assert.equal(await found('c'), 0);
    assert.equal(await found('c'), 0);
  });

  it('is not believed after a power loss, nor with a bit of its header turned', async () => {
    const kept = await keep('a');
    learn(kept);
    await copyFile(at('a'), at('open'));
    await kept.close(true);
    const boot = await openTableFile(at('open'));
    assert.ok(boot.found && !boot.found.clean);
    boot.putHeader({ ...boot.found, bootId: new Uint8Array(16).fill(7) });
    await boot.close();
    await copyFile(at('open'), at('clean'));
    assert.equal(await found('open'), 0);
    const closed = await openTableFile(at('clean'));
    assert.ok(closed.found);
    closed.putHeader({ ...closed.found, clean: true });
    await closed.close();
    assert.equal(await found('clean'), 100, 'what was closed in order survives one');
    const whole = await readFile(at('a'));
    for (let bit = 0; bit < TABLE_HEADER_BYTES * 8; bit += 7) {
      const bytes = Uint8Array.from(whole);
      bytes[bit >> 3] ^= 1 << (bit & 7);
      await writeFile(at('turned'), bytes);
      assert.equal(await found('turned'), 0, `bit ${bit}`);
    }
  });

  it('knows nothing of what the volume grew by while it was closed, and of where it ended', async () => {
    const kept = await keep('a');
    learn(kept);
    await kept.close(true);
    assert.equal(await found('a', { bytes: SIZE + 1000 * PAGE }), 64, 'the first group is known still');
    assert.equal(await found('a', { bytes: SIZE }), 64);
  });

  it("touches nothing once its file is closed: the number of its descriptor is soon another file's", async () => {
    const kept = await keep('a');
    learn(kept);
    await kept.close(true);
    const before = await readFile(at('a'));
    const other = new Uint8Array(PAGE).fill(9);
    await writeFile(at('other'), other);
    // The system gives the lowest number that is free: one of these is that of the closed file.
    const others = await Promise.all(Array.from({ length: 8 }, () => open(at('other'), 'r+')));
    try {
      const gone = { message: /\ba is closed/ };
      assert.throws(() => kept.table.begin(0, PAGE), gone);
      assert.throws(() => kept.table.begin(0, PAGE), gone, 'also once it has given the table up');
    } finally {
      for (const one of others) await one.close();
    }
    assert.deepEqual(new Uint8Array(await readFile(at('other'))), other);
    assert.deepEqual(await readFile(at('a')), before);
  });
});

describe('D4 media and stores with a block table', () => {
  const { at, ends, fileVolume } = tablesFolder();
  const sound = async ({ table }: TabledStore | TabledVolume, read: FarStore['read']): Promise<void> => {
    const bytes = new Uint8Array(table.bytes);
    await read(0, bytes);
    for (let block = 0; block < table.blocks; block++) {
      const sum = table.sum(0, block);
      const own = sumOf(bytes.subarray(block * PAGE, (block + 1) * PAGE));
      if (sum) assert.equal(Buffer.compare(sum, own), 0, `block ${block}`);
    }
  };

  it('never know what was written since, and know it again once it was read', async () => {
    const SIZE = 200 * PAGE + 512;
    const volume = await tabledVolume(await fileVolume('m', randomBytes(SIZE)), {
      path: at('t'),
      medium: at('m'),
      notice: quiet,
      background: false,
    });
    ends.push(() => volume.close());
    assert.ok(volume instanceof TabledVolume);
    for (let turn = 0; turn < 30; turn++) {
      const whole = volume.scrub.whole();
      const bytes = randomBytes(1 + ((turn * 7919) % 30_000));
      const offset = (turn * 104_729) % (SIZE - bytes.length);
      const writes = [
        volume.writev([{ offset, length: bytes.length, payload: [bytes] }], { fua: turn % 2 === 0 }),
        volume.zero((offset + 50 * PAGE) % (SIZE - 100), 100),
      ];
      await Promise.all([whole, ...writes]);
      await sound(volume, (from, into) => volume.read(from, into));
    }
    await volume.scrub.whole();
    assert.equal(volume.table.current, volume.table.blocks);
    await volume.grow(300 * PAGE);
    assert.equal(volume.table.blocks, 300);
    await sound(volume, (from, into) => volume.read(from, into));
  });

  it('give the table up when the medium fails to make durable what it was given', async () => {
    const notices: string[] = [];
    const medium = new Medium(64 * PAGE);
    const place = {
      path: at('t'),
      medium: at('none'),
      notice: (text: string) => void notices.push(text),
      background: false,
    };
    const store = await tabledStore(await openPlainStore({ statePath: at('s'), volume: medium, notice: quiet }), place);
    assert.ok(store);
    ends.push(() => store.close().catch(() => undefined));
    await store.scrub.whole();
    assert.equal(store.table.current, 64);
    await store.append({ epoch: EPOCH, number: 1 }, change(1, [data(0, 512, 1)]));
    assert.equal(store.table.current, 63);
    medium.obstacle = (what) => {
      if (what === 'flush') throw new Error('the medium fails');
    };
    await assert.rejects(store.sync());
    assert.equal(store.table.current, 0);
    assert.equal(store.table.over, true);
    assert.equal((await readFile(at('t'))).length, 0, 'nor is anything left for the next one');
    assert.equal(notices.length, 1);
    medium.obstacle = () => undefined;
  });

  it('follow a history that folds, is rolled back and opened again', async () => {
    const base = new Medium(100 * PAGE);
    let table: TabledStore | undefined;
    const openAll = async (): Promise<HistoryStore> => {
      const options = { folder: at('q'), base, windowNs: 1n << 60n, bytes: 1 << 30, notice: () => undefined };
      const history = await openHistoryStore({ ...options, cutting: () => table?.lost() });
      table = await tabledStore(history, { path: at('t'), medium: at('none'), notice: quiet, background: false });
      assert.ok(table);
      return history;
    };
    let history = await openAll();
    ends.push(async () => table?.close());
    const read: FarStore['read'] = (offset, into) => history.read(offset, into);
    let number = 0;
    const write = async (offset: number): Promise<void> => {
      const entry = change(++number, [data(offset, 3 * PAGE, number)]);
      await table?.append({ epoch: EPOCH, number }, entry);
    };
    for (let n = 0; n < 10; n++) await write(n * 5000);
    await table?.scrub.whole();
    assert.equal(table?.table.current, 100);
    const { sequence } = history.moments().newest;
    await write(0);
    await write(90 * PAGE);
    await table?.scrub.whole();
    await history.rollBack(sequence);
    assert.equal(table?.table.current, 0, 'the newest moment is another one');
    await table?.scrub.whole();
    assert.ok(table);
    await sound(table, read);
    number = 10;
    // The first one after it learns that the store is another one.
    await write(0);
    assert.equal(table.table.current, 0);
    await table.scrub.whole();
    assert.equal(table.table.current, 100);
    await sound(table, read);
    await table.close();
    history = await openAll();
    assert.equal(table.table.current, 100, 'it was closed in order');
    await sound(table, read);
  });
});
