import assert from 'node:assert/strict';
import { unlinkSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '../../src/base/fault.ts';
import { openHistoryStore } from '../../src/unit/history/historyStore.ts';
import { change, data, EPOCH, imageOf, Medium } from '../unit/unit/history/historyKit.ts';
import { need } from './kit/parts.ts';
import { run } from './kit/processes.ts';

describe('C6 the ordered queue on a full disk', function () {
  this.timeout(180_000);
  let folder: string;
  let disk: string;

  before(async function () {
    await need(this, ['mount']);
  });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'queue-full-'));
    disk = join(folder, 'disk');
    await mkdir(disk);
    await run(undefined, ['mount', '-t', 'tmpfs', '-o', 'size=2m', 'tapmirror-live', disk]);
  });

  afterEach(async () => {
    await run(undefined, ['umount', '-l', disk]);
    await rm(folder, { recursive: true });
  });

  it('refuses what does not fit with words, counts nothing of it, and goes on once there is room', async () => {
    const ballast = join(disk, 'ballast');
    writeFileSync(ballast, new Uint8Array(512 * 1024));
    const base = new Medium(256 * 1024);
    const options = {
      folder: join(disk, 'queue'),
      base,
      windowNs: 10n ** 18n,
      bytes: 2 ** 30,
      directFrom: 8192,
      notice: () => {},
    };
    const store = await openHistoryStore(options);
    let number = 0;
    /** Appends three at once until one is refused; the place goes back to what was taken. */
    const fill = async (): Promise<Fault> => {
      for (;;) {
        const next = [1, 2, 3].map((i) => {
          const pieces = [data(((number + i) % 50) * 4096, 20_000, number + i)];
          return store.append({ epoch: EPOCH, number: number + i }, change(number + i, pieces));
        });
        const ends = await Promise.allSettled(next);
        const taken = ends.findIndex(({ status }) => status === 'rejected');
        number += taken < 0 ? 3 : taken;
        if (taken < 0) continue;
        assert.ok(
          ends.slice(taken).every(({ status }) => status === 'rejected'),
          'those behind it are refused as well',
        );
        const { reason } = ends[taken] as PromiseRejectedResult;
        assert.ok(reason instanceof Fault, String(reason));
        return reason;
      }
    };
    for (const round of ['full', 'full again']) {
      const fault = await fill();
      assert.match(fault.message, /no space left/, round);
      assert.match(fault.mend ?? '', /free some space/);
      assert.equal(store.moments().newest.sequence, number);
      await store.sync();
      assert.deepEqual(store.durable, { epoch: EPOCH, number });
      if (round === 'full') unlinkSync(ballast);
    }
    const image = await imageOf(store, number);
    const { incarnation } = store;
    await store.close();
    const again = await openHistoryStore(options);
    assert.equal(again.incarnation, incarnation);
    assert.deepEqual(again.durable, { epoch: EPOCH, number });
    assert.equal(Buffer.compare(await imageOf(again, number), image), 0);
    await again.close();
  });
});
