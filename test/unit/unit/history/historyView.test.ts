import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { copyOf } from '../../../../src/base/bytes.ts';
import type { Piece } from '../../../../src/base/change.ts';
import { Fault } from '../../../../src/base/fault.ts';
import type { HistoryStore } from '../../../../src/unit/history/historyTypes.ts';
import { openView } from '../../../../src/unit/history/historyView.ts';
import { until } from '../../../kit/journey.ts';
import { apply, change, data, EPOCH, imageOf, Lab, Medium, mark } from './historyKit.ts';

const BYTES = 64 * 1024;

describe('C2 a moment opened as a volume', function () {
  this.timeout(60_000);
  const lab = new Lab();
  let store: HistoryStore;
  let root: string;

  beforeEach(async () => {
    await lab.begin();
    root = mkdtempSync(join(tmpdir(), 'view-'));
    store = await lab.open({ folder: lab.folder(), base: new Medium(BYTES), bytes: 256 * 1024 });
    await store.append({ epoch: EPOCH, number: 1 }, change(1, [data(0, 4096, 1)]));
    await store.append({ epoch: EPOCH, number: 2 }, mark(2, 'noon'));
    await store.append({ epoch: EPOCH, number: 3 }, change(3, [data(512, 1024, 3)], false));
    await store.sync();
  });
  afterEach(async () => {
    await lab.end();
    rmSync(root, { recursive: true });
  });

  const bytesOf = async (volume: { read: (offset: number, into: Uint8Array) => Promise<void> }) => {
    const bytes = new Uint8Array(BYTES);
    await volume.read(0, bytes);
    return bytes;
  };

  it('reads as it was, whatever is appended and folded meanwhile, and lets go when it is closed', async () => {
    const view = await openView(store, { mark: 'noon' });
    const before = await imageOf(store, view.sequence);
    const { sequence } = view;
    assert.equal(view.blocks, BYTES / 512);
    assert.equal(view.writable, false);
    // More than the queue keeps: the moment would be folded away.
    for (let n = 4; n < 200; n++) await store.append({ epoch: EPOCH, number: n }, change(n, [data(0, 8192, n)]));
    await store.sync();
    assert.deepEqual(await bytesOf(view), before);
    assert.ok(store.moments().oldest.sequence <= sequence);
    await view.close();
    await store.append({ epoch: EPOCH, number: 200 }, change(200, [data(0, 8192, 7)]));
    await store.sync();
    await until(() => store.moments().oldest.sequence > sequence, 'folded once it is closed');
    await assert.rejects(bytesOf(view), Fault);
  });

  it('refuses writes without a scratch file, and a moment that is inconsistent unless it is forced', async () => {
    const view = await openView(store, { sequence: 2 });
    await assert.rejects(view.writev([data(0, 512, 9)], { fua: false }), /reading only/);
    await view.close();
    await assert.rejects(openView(store, { sequence: 3 }), /not consistent/);
    await (await openView(store, { sequence: 3 }, { force: true })).close();
  });

  it('leaves no file behind, and takes none that is there', async () => {
    const path = join(root, 'scratch');
    const view = await openView(store, { sequence: 2 }, { scratch: path });
    assert.equal(existsSync(path), false);
    await view.writev([data(0, 512, 9)], { fua: true });
    await view.close();
    assert.equal(existsSync(path), false);
    writeFileSync(path, 'mine');
    await assert.rejects(openView(store, { sequence: 2 }, { scratch: path }), /there already/);
    // The moment is let go all the same.
    await store.rollBack(1);
  });

  it('takes writes of any shape into the scratch file alone', async () => {
    const byte = fc.integer({ min: 1, max: 255 });
    const offset = fc.integer({ min: 0, max: BYTES - 1 });
    const op = fc.record({ offset, length: fc.integer({ min: 1, max: 9000 }), byte, kind: fc.nat(3) });
    const kept = await imageOf(store, 2);
    await fc.assert(
      fc.asyncProperty(fc.array(op, { maxLength: 12 }), async (ops) => {
        const view = await openView(store, { sequence: 2 }, { scratch: join(root, 'scratch') });
        const model = copyOf(kept);
        for (const { offset: at, length: wanted, byte: value, kind } of ops) {
          const aligned = kind === 3 ? [Math.floor(at / 512) * 512, 4096] : [at, wanted];
          const length = Math.min(aligned[1], BYTES - aligned[0]);
          const piece: Piece =
            kind === 1
              ? { offset: aligned[0], length, payload: 'zeros' }
              : kind === 2
                ? { offset: aligned[0], length, payload: { fill: Uint8Array.of(value, 0, 7) } }
                : data(aligned[0], length, value);
          await view.writev([piece], { fua: false });
          apply(model, piece);
          assert.deepEqual(await bytesOf(view), model);
        }
        const part = new Uint8Array(1000);
        await view.read(300, part);
        assert.deepEqual(part, copyOf(model, 300, 1300));
        await view.close();
        assert.deepEqual(await imageOf(store, 2), kept);
      }),
      { numRuns: 60 },
    );
  });
});
