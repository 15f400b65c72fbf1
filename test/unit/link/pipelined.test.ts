import assert from 'node:assert/strict';
import { FRAME_HEADER_BYTES, type LinkFrame } from '../../../parsers/formats/linkFrame.ts';
import { helloFrame } from '../../../parsers/formats/linkGreeting.ts';
import { questionFrame } from '../../../parsers/formats/linkRequests.ts';
import { Fault } from '../../../src/base/fault.ts';
import { EntryCutter } from '../../../src/link/cutter.ts';
import { Receiver } from '../../../src/link/receiver.ts';

const EPOCH = '01234567-89ab-4def-8123-456789abcdef';
const INCARNATION = '11234567-89ab-4def-8123-456789abcdef';
const STORE = { incarnation: INCARNATION, durable: undefined, consistent: true, bytes: 65_536, blockSize: 512 };
const HELLO = { volume: 'v', unit: 'u', epoch: EPOCH, durable: 0, incarnation: undefined, bytes: 0, blockSize: 512 };
const SECOND = 1e9;

function body({ head, parts }: LinkFrame): Uint8Array {
  return Uint8Array.from(Buffer.concat([head.subarray(FRAME_HEADER_BYTES), ...parts]));
}

/** A receiver that has welcomed a sender, and what it asks for: `append 3`, `sync 2`, `question` ... */
function receiver(pipelined: boolean) {
  const of = new Receiver([], 0);
  const acts = (): string[] =>
    of.take().map((act) => {
      if (act.kind === 'append') return `append ${act.place.number}`;
      return act.kind === 'sync' ? `sync ${act.number}` : act.kind;
    });
  const give = (frame: LinkFrame): string[] => {
    of.frame(frame.type, body(frame), 0);
    return acts();
  };
  const entry = (number: number, offset = 0): string[] => {
    const pieces = [{ offset, length: 512, payload: [new Uint8Array(512).fill(1)] }];
    const frame = new EntryCutter({ kind: 'change', at: 1n, pieces, consistent: true }, number, 512).next();
    assert.ok(frame);
    return give(frame);
  };
  give(helloFrame({ ...HELLO, compression: [], hashes: ['sha256'] }));
  of.welcome({ ...STORE, pipelined }, 'sha256', 0);
  acts();
  return { of, give, entry, acts };
}

const full = (): Fault => new Fault('local', 'no space left');

describe('D1 entries at a far end', () => {
  it('are given to a store one after the other, unless it takes more', () => {
    const { of, entry, acts } = receiver(false);
    assert.deepEqual(entry(1), ['append 1']);
    assert.deepEqual(entry(2), []);
    of.appended(1, 0);
    assert.deepEqual(acts(), ['append 2']);
    const more = receiver(true);
    assert.deepEqual([more.entry(1), more.entry(2), more.entry(3)].flat(), ['append 1', 'append 2', 'append 3']);
  });

  it('count once all before them do, and are made durable when no more are under way', () => {
    const { of, entry, acts } = receiver(true);
    for (const number of [1, 2, 3]) entry(number);
    of.appended(2, 0);
    assert.equal(of.appliedNumber, 0);
    of.appended(1, 0);
    assert.equal(of.appliedNumber, 2);
    assert.deepEqual(acts(), []);
    of.appended(3, 0);
    assert.equal(of.appliedNumber, 3);
    assert.equal(of.waitingBytes, 0);
    assert.deepEqual(acts(), ['sync 3']);
  });

  it('have a limit on how many a store is given', () => {
    const { of, entry, acts } = receiver(true);
    let given = 0;
    for (let number = 1; number <= 1000; number++) given += entry(number).length;
    assert.ok(given > 1 && given < 1000, `${given}`);
    of.appended(1, 0);
    assert.deepEqual(acts(), [`append ${given + 1}`]);
  });

  it('behind one that failed are tried again with it, in order, once all have been answered for', () => {
    const { of, entry, acts } = receiver(true);
    for (const number of [1, 2, 3]) entry(number);
    of.appended(1, 0);
    of.notAppended(2, full(), 0);
    assert.deepEqual(acts(), []);
    assert.equal(of.paused, undefined);
    // It comes while what failed is not known whole: it waits.
    assert.deepEqual(entry(4), []);
    of.notAppended(3, new Fault('peer', 'a gap'), 0);
    // What was applied is made durable; both ends are told.
    assert.deepEqual(acts(), ['sync 1', 'notice', 'send']);
    assert.equal(of.paused, 'no space left');
    of.synced(0);
    acts();
    of.tick(SECOND);
    assert.deepEqual(acts(), ['append 2', 'append 3']);
    of.appended(2, SECOND);
    assert.deepEqual(acts(), ['notice', 'send', 'append 4']);
    of.appended(3, SECOND);
    of.appended(4, SECOND);
    assert.equal(of.appliedNumber, 4);
    assert.deepEqual(acts(), ['sync 4']);
  });

  it('that follow what a store has taken back end the connection', () => {
    const { of, entry, acts } = receiver(true);
    entry(1);
    entry(2);
    of.notAppended(1, new Fault('peer', 'entry 1 follows nothing'), 0);
    assert.deepEqual(acts(), []);
    of.notAppended(2, new Fault('peer', 'entry 2 follows nothing'), 0);
    assert.deepEqual(acts(), ['send', 'hangUp']);
  });

  it('and questions wait for each other', () => {
    const { of, entry, give, acts } = receiver(true);
    entry(1);
    assert.deepEqual(give(questionFrame(7, { kind: 'grow', bytes: 131_072 })), []);
    assert.deepEqual(entry(2, 65_536), []);
    of.appended(1, 0);
    assert.deepEqual(acts(), ['question']);
    of.answered({ kind: 'grew', bytes: 131_072 }, 0);
    // Within the volume as it is in its turn.
    assert.deepEqual(acts(), ['send', 'append 2']);
  });
});
