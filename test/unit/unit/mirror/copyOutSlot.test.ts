import assert from 'node:assert/strict';
import type { Change, Piece } from '../../../../src/base/change.ts';
import { type ClosingCopyOut, CopyOutSlot } from '../../../../src/unit/mirror/copyOutSlot.ts';

/** Notes what it is told. */
class Noted implements ClosingCopyOut {
  readonly told: string[] = [];

  before(offset: number, length: number, seq: number): undefined {
    this.told.push(`before ${offset} ${length} ${seq}`);
  }

  done(seq: number, written: boolean): void {
    this.told.push(`done ${seq} ${written}`);
  }

  refer({ seq }: Change): void {
    this.told.push(`refer ${seq}`);
  }

  async recall(seq: number): Promise<readonly Piece[]> {
    this.told.push(`recall ${seq}`);
    return [{ offset: 0, length: 512, payload: 'zeros' }];
  }

  drop(seq: number): void {
    this.told.push(`drop ${seq}`);
  }

  async close(): Promise<void> {
    this.told.push('close');
  }
}

const CHANGE: Change = { seq: 1, at: 0n, lu: 'iqn.test/0', pieces: [], fua: false };

describe('C4, H3 the copy-out of a link whose local mirror changes', () => {
  it('is the one at hand, and after another took its place nothing of the first is known', async () => {
    const [first, second] = [new Noted(), new Noted()];
    const slot = new CopyOutSlot(first);
    slot.refer(CHANGE);
    assert.equal((await slot.recall(1, [])).length, 1);
    await slot.over(second);
    slot.before(0, 512, 2);
    slot.done(2, true);
    slot.drop(1);
    assert.deepEqual(first.told, ['refer 1', 'recall 1', 'close']);
    assert.deepEqual(second.told, ['before 0 512 2', 'done 2 true', 'drop 1']);
    await slot.close();
    assert.equal(second.told.at(-1), 'close');
  });

  it('refers to nothing where there is no local mirror, holds up no write, and can recall nothing', async () => {
    const slot = new CopyOutSlot();
    slot.refer(CHANGE);
    slot.done(1, true);
    slot.drop(1);
    assert.equal(slot.before(0, 512, 2), undefined);
    assert.deepEqual(await slot.recall(1, []), []);
    await slot.close();
  });
});
