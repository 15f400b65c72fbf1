import assert from 'node:assert/strict';
import fc from 'fast-check';
import { copyOf } from '../../../../src/base/bytes.ts';
import type { Piece } from '../../../../src/base/change.ts';
import type { OrderedEntry } from '../../../../src/base/ordered.ts';
import type { HistoryStore } from '../../../../src/unit/history/historyTypes.ts';
import { Random } from '../../../fuzz/random.ts';
import { apply, EPOCH, imageOf, Lab, Medium } from './historyKit.ts';

const BLOCK = 512;
const BLOCKS = 96;

interface Model {
  image: Uint8Array;
  at: bigint;
  consistent: boolean;
  mark: string | undefined;
  number: number;
}

/** A store beside a plain model of every moment that it ever had. */
class Pair {
  readonly lab: Lab;
  readonly random: Random;
  base: Medium;
  folder: string;
  store!: HistoryStore;
  readonly moments: Model[];
  #number = 0;
  #at = 1000n;

  constructor(lab: Lab, seed: number) {
    this.lab = lab;
    this.random = new Random(seed, 0);
    this.base = new Medium(BLOCKS * BLOCK);
    this.random.fill(this.base.bytes);
    this.folder = lab.folder();
    const image = copyOf(this.base.bytes);
    this.moments = [{ image, at: 0n, consistent: false, mark: undefined, number: 0 }];
  }

  async open(): Promise<void> {
    const { folder, base, random } = this;
    const bytes = random.between(4, 60) * 1024;
    const windowNs = BigInt(random.between(20, 400));
    const segmentBytes = random.between(1, 20) * 512;
    const directFrom = random.chance(2) ? 1 : 1 << 20;
    this.store = await this.lab.open({ folder, base, bytes, windowNs, segmentBytes, directFrom });
    assert.ok(this.store.durable === undefined || this.store.durable.number <= this.#number);
  }

  entry(): OrderedEntry {
    const { random } = this;
    this.#at += BigInt(random.below(20));
    const consistent = !random.chance(6);
    const kind = random.below(12);
    if (kind === 0) return { kind: 'state', at: this.#at, consistent };
    if (kind === 1) return { kind: 'mark', at: this.#at, name: `m${random.below(5)}`, consistent };
    return { kind: kind === 2 ? 'copy' : 'change', at: this.#at, pieces: this.#pieces(), consistent };
  }

  /** Pieces that do not overlap, in any order. */
  #pieces(): Piece[] {
    const { random } = this;
    const pieces: Piece[] = [];
    for (let block = random.below(BLOCKS); block < BLOCKS && pieces.length < 3; block += random.between(0, 10)) {
      const length = BLOCK * Math.min(random.between(1, 12), BLOCKS - block);
      const bytes = new Uint8Array(length);
      random.fill(bytes);
      const cut = random.below(length);
      const parts = [bytes.subarray(0, cut), bytes.subarray(cut)];
      const fill = { fill: bytes.subarray(0, random.pick([1, 4, 512])) };
      const payload = random.pick([parts, parts, [bytes], 'zeros', fill, { or: parts }] as const);
      pieces.push({ offset: block * BLOCK, length, payload });
      block += length / BLOCK;
    }
    return random.chance(2) ? pieces : pieces.reverse();
  }

  /** Appends some entries without waiting in between. */
  async append(): Promise<void> {
    const appends: Promise<void>[] = [];
    for (let i = this.random.between(1, 8); i > 0; i--) {
      const entry = this.entry();
      const last = this.moments[this.moments.length - 1];
      const image = copyOf(last.image);
      if (entry.kind === 'change' || entry.kind === 'copy') for (const piece of entry.pieces) apply(image, piece);
      const { consistent } = entry;
      const mark = entry.kind === 'mark' ? entry.name : undefined;
      const at = entry.at > last.at ? entry.at : last.at;
      this.moments.push({ image, at, consistent, mark, number: ++this.#number });
      appends.push(this.store.append({ epoch: EPOCH, number: this.#number }, entry));
    }
    if (this.random.chance(2)) await Promise.all(appends);
    else await Promise.all([...appends, this.store.sync()]);
  }

  /** As if the process had been killed now: its files are opened elsewhere, and it goes on there. */
  async kill(): Promise<void> {
    const promised = this.store.durable?.number ?? 0;
    const { incarnation } = this.store;
    this.folder = this.lab.copy(this.folder);
    this.base = new Medium(this.base.bytes);
    await this.open();
    assert.equal(this.store.incarnation, incarnation);
    this.forget(promised);
  }

  async reopen(): Promise<void> {
    const { incarnation } = this.store;
    await this.store.close();
    await this.open();
    assert.equal(this.store.incarnation, incarnation);
    this.forget(this.#number);
  }

  /** Entries that are not there any more never were; none that was promised is missing. */
  forget(promised: number): void {
    const number = this.store.durable?.number ?? 0;
    assert.ok(number >= promised, `entry ${promised} was durable, and ${number} is the last one`);
    const last = this.moments.findLastIndex((moment) => moment.number <= number);
    this.moments.length = last + 1;
    this.#number = number;
  }

  async roll(): Promise<void> {
    const { oldest, newest } = this.store.moments();
    const sequence = this.random.between(oldest.sequence, newest.sequence);
    const { incarnation } = this.store;
    await this.store.rollBack(sequence, { force: true });
    assert.notEqual(this.store.incarnation, incarnation);
    assert.equal(this.store.moments().newest.sequence, sequence);
    this.moments.length = sequence + 1;
    this.#number = this.moments[sequence].number;
  }

  async checkNewest(): Promise<void> {
    const last = this.moments[this.moments.length - 1];
    const image = new Uint8Array(BLOCKS * BLOCK);
    await this.store.read(0, image);
    assert.equal(Buffer.compare(image, last.image), 0, 'the newest moment');
    assert.equal(this.store.consistent, last.consistent);
  }

  async checkAll(): Promise<void> {
    const { oldest, newest, spans, bookmarks, entries } = this.store.moments();
    // In short it is the same.
    const { bytes, damage } = this.store.moments();
    const counts = { spans: spans.length, bookmarks: bookmarks.length };
    assert.deepEqual(this.store.summary(), { oldest, newest, entries, bytes, damage, ...counts });
    assert.deepEqual(this.store.moments(2).spans, spans.slice(-2));
    assert.equal(newest.sequence, this.moments.length - 1);
    assert.ok(entries <= newest.sequence - oldest.sequence + 1_000);
    const marks = new Map<string, number>();
    // Folding stops here.
    const hold = this.store.view(oldest.sequence, { force: true });
    for (let s = oldest.sequence; s <= newest.sequence; s++) {
      const { image, at, consistent, mark } = this.moments[s];
      assert.equal(Buffer.compare(await imageOf(this.store, s), image), 0, `moment ${s} of ${newest.sequence}`);
      const span = spans.find(({ from, to }) => from.sequence <= s && s <= to.sequence);
      assert.equal(span?.consistent, consistent, `moment ${s}`);
      const moment = this.store.find({ sequence: s }, { force: true });
      assert.deepEqual(moment, { sequence: s, at, consistent });
      const found = this.store.find({ time: at }, { force: true });
      assert.equal(found.at, at);
      if (mark !== undefined && s > oldest.sequence) marks.set(mark, s);
    }
    assert.deepEqual(new Map(bookmarks.map(({ name, sequence }) => [name, sequence])), marks);
    for (const [name, sequence] of marks)
      assert.equal(this.store.find({ mark: name }, { force: true }).sequence, sequence);
    hold.close();
  }
}

describe('C1 C2 C3 C6 a history store beside a model', function () {
  this.timeout(120_000);
  const lab = new Lab();
  beforeEach(() => lab.begin());
  afterEach(() => lab.end());

  it('has every moment of its window as the model has it, through folds, kills, reopening and rolling back', async () => {
    let folded = 0;
    let kept = 0;
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const pair = new Pair(lab, seed);
        await pair.open();
        for (let step = 0; step < 30; step++) {
          const what = pair.random.below(20);
          if (what === 0) await pair.kill();
          else if (what === 1) await pair.reopen();
          else if (what === 2) await pair.roll();
          else if (what === 3) await pair.store.sync();
          else await pair.append();
          if (what < 4 || pair.random.chance(4)) await pair.checkNewest();
        }
        await pair.checkAll();
        await pair.reopen();
        await pair.store.scrub();
        await pair.checkAll();
        const { oldest, newest } = pair.store.moments();
        folded += oldest.sequence;
        kept += newest.sequence - oldest.sequence;
        await pair.store.close();
      }),
      { numRuns: Number(process.env.TAPMIRROR_RUNS ?? 12) },
    );
    assert.ok(folded > 50 && kept > 20, `${folded} entries were folded, ${kept} kept`);
  });

  it('reads a moment as it was while appending and folding go on', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const pair = new Pair(lab, seed);
        await pair.open();
        await pair.append();
        await pair.store.sync();
        for (let round = 0; round < 6; round++) {
          const { oldest, newest } = pair.store.moments();
          const sequence = pair.random.between(oldest.sequence, newest.sequence);
          const view = pair.store.view(sequence, { force: true });
          const load = (async () => {
            for (let i = 0; i < 12; i++) {
              await pair.append();
              await pair.store.sync();
            }
          })();
          for (let i = 0; i < 12; i++) {
            const block = pair.random.below(BLOCKS);
            const into = new Uint8Array(BLOCK * pair.random.between(1, BLOCKS - block));
            await view.read(block * BLOCK, into);
            const { image } = pair.moments[sequence];
            const expected = image.subarray(block * BLOCK, block * BLOCK + into.length);
            assert.equal(Buffer.compare(into, expected), 0, `moment ${sequence}, ${into.length} bytes at ${block}`);
          }
          await load;
          assert.ok(pair.store.moments().oldest.sequence <= sequence, 'folding stops before it');
          view.close();
        }
        await pair.checkAll();
        await pair.store.close();
      }),
      { numRuns: 4 },
    );
  });
});
