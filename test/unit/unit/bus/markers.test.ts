import assert from 'node:assert/strict';
import type { Change, Payload } from '../../../../src/base/change.ts';
import { Markers } from '../../../../src/unit/bus/markers.ts';

const LU = 'iqn.test/0';
const BLOCK = 512;
const SECOND = 1_000_000_000n;

function write(offset: number, length: number, payload: Payload, rest: Partial<Change> = {}): Change {
  return { seq: 1, at: SECOND, lu: LU, fua: false, pieces: [{ offset, length, payload }], ...rest };
}

/** A block that begins with these words, over `parts` parts. */
function words(text: string, parts = 1): Uint8Array[] {
  const block = new Uint8Array(BLOCK);
  block.set(new TextEncoder().encode(text));
  const step = Math.ceil(BLOCK / parts);
  return Array.from({ length: parts }, (_, i) => block.subarray(i * step, (i + 1) * step));
}

describe('C2 bookmarks that hosts set', () => {
  const notices: string[] = [];
  const markers = (...of: { lbn: number; name?: string }[]): Markers => new Markers(of, (text) => notices.push(text));
  beforeEach(() => notices.splice(0));

  it('have the name that is configured and the time of the write, which has to touch the block', () => {
    const one = markers({ lbn: 8, name: 'backup' });
    const name = 'backup 1970-01-01T00:00:01.000Z';
    assert.equal(one.nameFor(write(8 * BLOCK, BLOCK, words('x')), BLOCK), name);
    assert.equal(one.nameFor(write(0, 64 * BLOCK, 'zeros'), BLOCK), name);
    assert.equal(one.nameFor(write(8 * BLOCK, BLOCK, 'lbnOnly', { doubt: 'no-room' }), BLOCK), name);
    assert.equal(one.nameFor(write(9 * BLOCK, BLOCK, 'zeros'), BLOCK), undefined);
    assert.equal(one.nameFor(write(0, 8 * BLOCK, 'zeros'), BLOCK), undefined);
    // The block size is not known yet.
    assert.equal(one.nameFor(write(8 * BLOCK, BLOCK, 'zeros'), 0), undefined);
  });

  it('are not set by a write of which nobody knows that it is done', () => {
    const one = markers({ lbn: 0, name: 'x' });
    assert.equal(one.nameFor(write(0, BLOCK, 'lbnOnly', { doubt: 'outcome' }), BLOCK), undefined);
    assert.equal(one.nameFor({ ...write(0, BLOCK, 'zeros'), pieces: 'wholeLu' }, BLOCK), undefined);
  });

  it('are called what the block begins with: printable text up to a NUL, the time behind it the next time', () => {
    const one = markers({ lbn: 2 });
    const at = (text: string, parts?: number, offset = 2 * BLOCK): string | undefined =>
      one.nameFor(write(offset, BLOCK, words(text, parts)), BLOCK);
    assert.equal(at('vor dem Umbau ü\0rest', 7), 'vor dem Umbau ü');
    assert.equal(at('vor dem Umbau ü\0rest'), 'vor dem Umbau ü 1970-01-01T00:00:01.000Z');
    assert.equal(at('two\nlines'), 'two');
    assert.equal(at('x'.repeat(200))?.length, 38);
    assert.equal(at('\0'), 'LBN 2 1970-01-01T00:00:01.000Z');
    assert.equal(at('\u001b[2J'), 'LBN 2 1970-01-01T00:00:01.000Z');
    assert.equal(at('42'), 'LBN 2 42');
    const larger = [new Uint8Array(2 * BLOCK), ...words('in the midst')];
    assert.equal(one.nameFor(write(0, 3 * BLOCK, larger), BLOCK), 'in the midst');
    assert.equal(one.nameFor(write(0, 3 * BLOCK, { fill: words('filled')[0] }), BLOCK), 'filled');
  });

  it('are few, however often the block is written, and somebody is told', () => {
    const one = markers({ lbn: 0, name: 'x' });
    const made = (at: bigint): boolean => one.nameFor(write(0, BLOCK, 'zeros', { at }), BLOCK) !== undefined;
    let count = 0;
    for (let n = 0; n < 100; n++) if (made(SECOND)) count++;
    assert.equal(count, 10);
    assert.match(notices[0], /LBN 0 come too fast/);
    assert.equal(made(SECOND + SECOND / 2n), false);
    assert.equal(made(2n * SECOND), true);
    assert.equal(made(2n * SECOND), false);
    for (let n = 0; n < 100; n++) if (made(1000n * SECOND)) count++;
    assert.equal(count, 20);
  });
});
