import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FAN_OUT, type NodeSums, SUM_BYTES } from '../../../src/base/blocks.ts';
import { copyOf } from '../../../src/base/bytes.ts';
import { Extents } from '../../../src/base/extents.ts';
import type { NearSums } from '../../../src/base/ordered.ts';
import { BlockTable } from '../../../src/blocks/blockTable.ts';
import { Survey } from '../../../src/blocks/survey.ts';
import { MemoryTable } from './memoryTable.ts';

const BLOCK = 512;

function tableOf(medium: Uint8Array, blockBytes = BLOCK): BlockTable {
  const storage = new MemoryTable();
  const table = new BlockTable({ storage, blockBytes, bytes: medium.length, believed: false, lost: assert.fail });
  for (let reading = table.next(0); reading; reading = table.next(reading.group + 1)) {
    table.known(reading, medium.subarray(reading.offset, reading.offset + reading.length));
  }
  return table;
}

function nearOf(table: BlockTable, busy: () => Extents | undefined = () => new Extents()): NearSums {
  const { blockBytes, bytes } = table;
  const put: NearSums['put'] = (level, index, into, at) => table.put(level, index, into, at);
  return { blockBytes, bytes, sum: (level, index) => table.sum(level, index), put, busy };
}

/** The other side's bits. */
function answer(table: BlockTable, { level, runs, sums }: NodeSums): Uint8Array {
  const same = new Uint8Array(Math.ceil(sums.length / SUM_BYTES / 8));
  let node = 0;
  for (const { first, count } of runs) {
    for (let index = first; index < first + count; index++, node++) {
      const own = table.sum(level, index);
      const theirs = sums.subarray(node * SUM_BYTES, (node + 1) * SUM_BYTES);
      if (own && Buffer.compare(own, theirs) === 0) same[node >> 3] |= 1 << (node & 7);
    }
  }
  return same;
}

function whole(bytes: number): Extents {
  const all = new Extents();
  all.add(0, bytes);
  return all;
}

/** Runs it with up to four questions under way, answered in turn. */
function run(survey: Survey, far: BlockTable): { sums: number; questions: number } {
  const counted = { sums: 0, questions: 0 };
  const asked: NodeSums[] = [];
  for (;;) {
    for (let next = survey.next(); next; next = asked.length < 4 ? survey.next() : undefined) {
      asked.push(next);
      counted.sums += next.sums.length / SUM_BYTES;
      counted.questions++;
      const most = next.level === 1 ? 64 : 4096;
      assert.ok(next.sums.length / SUM_BYTES <= most);
      for (let i = 1; i < next.runs.length; i++) {
        assert.ok(next.runs[i].first > next.runs[i - 1].first + next.runs[i - 1].count, 'in order, apart');
      }
    }
    const one = asked.shift();
    if (!one) break;
    assert.ok(survey.answered(one, answer(far, one)));
  }
  assert.ok(survey.over);
  return counted;
}

const most = (level: number): number => (level === 1 ? 64 : 4096);

describe('D4 surveys by block tables', () => {
  it('find what differs and call nothing the same that is not, whatever either side does not know', () => {
    const spots = fc.array(fc.tuple(fc.nat(400 * BLOCK), fc.integer({ min: 1, max: 9 * BLOCK })), { maxLength: 12 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 400 * BLOCK }),
        fc.integer({ min: 1, max: 400 * BLOCK }),
        spots,
        spots,
        spots,
        spots,
        spots,
        (bytes, farBytes, changed, nearStale, farStale, busySpots, unwanted) => {
          const near = new Uint8Array(bytes).fill(5);
          const far = new Uint8Array(farBytes).fill(5);
          for (const [at, length] of changed) far.fill(9, at, at + length);
          const [nearTable, farTable] = [tableOf(near), tableOf(far)];
          const spoil = (table: BlockTable, list: [number, number][]): void => {
            for (const [at, length] of list) {
              if (at >= table.bytes) continue;
              table.begin(at, Math.min(length, table.bytes - at));
              table.end(at, Math.min(length, table.bytes - at));
            }
          };
          spoil(nearTable, nearStale);
          spoil(farTable, farStale);
          const busy = new Extents();
          for (const [at, length] of busySpots) busy.add(at, at + length);
          const wanted = whole(bytes + 1000);
          for (const [at, length] of unwanted) wanted.remove(at, at + length);
          const survey = new Survey(
            wanted,
            nearOf(nearTable, () => busy),
            most,
          );
          run(survey, farTable);
          for (let at = 0; at < bytes; at += BLOCK) {
            const end = Math.min(at + BLOCK, bytes);
            const same = end <= farBytes && Buffer.compare(near.subarray(at, end), far.subarray(at, end)) === 0;
            const short = end - at < BLOCK && farBytes !== bytes;
            wanted.forEachIn(at, end, (from, to) => {
              const known = same && !short && nearTable.sum(0, at / BLOCK) && farTable.sum(0, at / BLOCK);
              if (known && !busy.intersects(at, end)) assert.ok(!survey.rest.intersects(from, to), `${at} is the same`);
              if (!same || busy.intersects(at, end)) assert.ok(survey.rest.covers(from, to), `${at} is not known`);
            });
          }
          assert.ok(survey.rest.covers(bytes, bytes) && wanted.covers(0, 0));
          survey.rest.forEachIn(0, bytes + 2000, (from, to) => assert.ok(wanted.covers(from, to), 'nothing unwanted'));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('exchange as much as the difference asks for: of equal volumes one checksum, of 1 % at random a hundredth of it', () => {
    const medium = new Uint8Array(64 * 1024 * BLOCK);
    for (let block = 0; block * BLOCK < medium.length; block++) medium[block * BLOCK] = block;
    const near = tableOf(medium);
    assert.deepEqual(run(new Survey(whole(medium.length), nearOf(near), most), near), { sums: 1, questions: 1 });
    const other = copyOf(medium);
    const blocks = medium.length / BLOCK;
    // A permutation that scatters: 655 of 65,536 blocks.
    const changed = new Set<number>();
    for (let n = 0; n < blocks / 100; n++) changed.add((n * 40_503) % blocks);
    for (const block of changed) other[block * BLOCK + 1] ^= 1;
    const survey = new Survey(whole(medium.length), nearOf(near), most);
    const { sums, questions } = run(survey, tableOf(other));
    assert.equal(survey.rest.total, changed.size * BLOCK);
    assert.equal(survey.differing.total, changed.size * BLOCK);
    // At most 64 sums of 16 bytes for each block, and what is above.
    assert.ok(sums <= changed.size * FAN_OUT * 1.05, `${sums} sums`);
    assert.ok(questions < 60, `${questions} questions`);
  });

  it('end where the near side knows nothing any more', () => {
    const medium = new Uint8Array(300 * BLOCK);
    const near = tableOf(medium);
    let looks = 0;
    const survey = new Survey(
      whole(medium.length),
      nearOf(near, () => (++looks > 1 ? undefined : new Extents())),
      most,
    );
    const first = survey.next();
    assert.ok(first);
    assert.equal(survey.next(), undefined);
    assert.ok(survey.answered(first, new Uint8Array(1)));
    assert.equal(survey.next(), undefined);
    assert.ok(survey.over);
    assert.equal(survey.rest.total, medium.length);
  });

  it('refuse an answer that cannot be about the question', () => {
    const near = tableOf(new Uint8Array(300 * BLOCK));
    const survey = new Survey(whole(300 * BLOCK), nearOf(near), most);
    const question = survey.next();
    assert.ok(question);
    assert.equal(survey.answered(question, new Uint8Array(2)), false);
  });
});
