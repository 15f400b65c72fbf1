import assert from 'node:assert/strict';
import type { QueueHead } from '../../../parsers/formats/queueEntry.ts';
import { Fault } from '../../../src/base/fault.ts';
import { QueueIndex } from '../../../src/queue/queueIndex.ts';
import { Timeline } from '../../../src/queue/timeline.ts';

interface Told {
  at?: number;
  consistent?: boolean;
  mark?: string;
  bytes?: number;
}

/** A timeline over a base of sequence 10 with these entries behind it. */
function timelineOf(entries: readonly Told[]): { timeline: Timeline; index: QueueIndex } {
  const index = new QueueIndex(11);
  const timeline = new Timeline(index, { sequence: 10, at: 1_000n, consistent: true, bytes: 4096 });
  for (const { at = 2_000, consistent = true, mark, bytes } of entries) {
    const kind = mark !== undefined ? 'mark' : bytes !== undefined ? 'size' : 'change';
    const rest = { durable: 0, place: undefined, pieces: [], payloadBytes: 0, payloadCrc: 0 };
    const told = { kind, name: mark ?? '', bytes: bytes ?? 0 } as const;
    const head: QueueHead = { sequence: index.next, at: BigInt(at), consistent, ...told, ...rest };
    index.add(head, 76, 1, 0, timeline.clockOf(head.at), true);
    timeline.add(head);
  }
  return { timeline, index };
}

const refused = (what: RegExp, mend: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Fault);
  assert.match(error.message, what);
  assert.match(error.mend ?? '', mend);
  return true;
};

describe('C2 moments', () => {
  it('are found by sequence, bookmark and time: the last one that is not after it', () => {
    const { timeline } = timelineOf([{ at: 2_000 }, { at: 3_000, mark: 'a' }, { at: 3_000 }, { at: 5_000 }]);
    assert.equal(timeline.find({ sequence: 10 }, false).sequence, 10);
    assert.equal(timeline.find({ mark: 'a' }, false).sequence, 12);
    const at = (time: bigint) => timeline.find({ time }, false).sequence;
    assert.deepEqual([1_000n, 1_999n, 2_000n, 3_000n, 4_999n, 5_000n, 9_999n].map(at), [10, 10, 11, 13, 13, 14, 14]);
  });

  it('never go back in time, whatever a clock did', () => {
    const { timeline } = timelineOf([{ at: 5_000 }, { at: 2_000 }, { at: 6_000 }]);
    assert.equal(timeline.moment(12).at, 5_000n);
    assert.equal(timeline.find({ time: 5_500n }, false).sequence, 12);
  });

  it('are refused with the words that help: not kept, before the window, unknown', () => {
    const { timeline } = timelineOf([{ mark: 'lunch' }]);
    assert.throws(() => timeline.find({ sequence: 9 }, true), refused(/sequence 9 is not kept/, /10 to 11/));
    assert.throws(() => timeline.find({ sequence: 12 }, true), refused(/not kept/, /10 to 11/));
    assert.throws(() => timeline.find({ time: 999n }, true), refused(/before everything/, /oldest moment/));
    assert.throws(() => timeline.find({ mark: 'x' }, true), refused(/no bookmark "x"/, /lunch/));
  });

  it('that are not consistent are refused unless forced, with the nearest ones that are (C1)', () => {
    const { timeline } = timelineOf([{}, { consistent: false }, { consistent: false }, {}]);
    assert.throws(() => timeline.find({ sequence: 13 }, false), refused(/not consistent/, /sequence 11 .*sequence 14/));
    assert.equal(timeline.find({ sequence: 13 }, true).consistent, false);
    assert.deepEqual(
      timeline.spans().map(({ from, to, consistent }) => [from.sequence, to.sequence, consistent]),
      [
        [10, 11, true],
        [12, 13, false],
        [14, 14, true],
      ],
    );
    assert.equal(timeline.lastConsistent(), 14);
  });

  it('keep the last bookmark of a name, until it is folded away or cut', () => {
    const { timeline, index } = timelineOf([{ mark: 'a' }, { mark: 'b' }, { mark: 'a' }, { mark: 'c' }]);
    const names = () => timeline.bookmarks().map(({ name, sequence }) => `${name}${sequence}`);
    assert.deepEqual(names(), ['b12', 'a13', 'c14']);
    timeline.cutTo(12);
    index.cutTo(12);
    assert.deepEqual(names(), ['a11', 'b12']);
    assert.deepEqual(timeline.dropTo(11), ['a']);
    index.dropTo(11);
    assert.deepEqual(names(), ['b12']);
  });

  it('know the length that the volume had, and what a fold leaves of their spans', () => {
    const { timeline, index } = timelineOf([{ consistent: false }, { bytes: 8192, consistent: false }, {}]);
    assert.deepEqual(
      [10, 11, 12, 13].map((s) => timeline.bytesAt(s)),
      [4096, 4096, 8192, 8192],
    );
    timeline.dropTo(12);
    index.dropTo(12);
    assert.equal(timeline.base.consistent, false);
    assert.equal(timeline.bytesAt(12), 8192);
    assert.throws(() => timeline.find({ sequence: 12 }, false), refused(/not consistent/, /sequence 13/));
    assert.equal(timeline.lastConsistent(), 13);
  });
});
