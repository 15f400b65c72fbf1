import assert from 'node:assert/strict';
import { readEntryPart } from '../../../parsers/formats/linkEntry.ts';
import { FRAME_HEADER_BYTES, type LinkFrame, LinkType } from '../../../parsers/formats/linkFrame.ts';
import { helloFrame, welcomeFrame } from '../../../parsers/formats/linkGreeting.ts';
import { readThrough, throughFrame } from '../../../parsers/formats/linkRequests.ts';
import type { OrderedEntry } from '../../../src/base/ordered.ts';
import { EntryAssembler } from '../../../src/link/assembler.ts';
import { EntryCutter } from '../../../src/link/cutter.ts';
import { Receiver } from '../../../src/link/receiver.ts';
import { Sender } from '../../../src/link/sender.ts';

const EPOCH = '01234567-89ab-4def-8123-456789abcdef';
const INCARNATION = '11234567-89ab-4def-8123-456789abcdef';
const STORE = { incarnation: INCARNATION, durable: undefined, consistent: true, bytes: 65_536, blockSize: 512 };
const HELLO = { volume: 'v', unit: 'u', epoch: EPOCH, durable: 0, incarnation: undefined, bytes: 0, blockSize: 512 };

function body({ head, parts }: LinkFrame): Uint8Array {
  return Uint8Array.from(Buffer.concat([head.subarray(FRAME_HEADER_BYTES), ...parts]));
}

function entry(number: number, joined = true, length = 512): OrderedEntry {
  const pieces = [{ offset: 0, length, payload: [new Uint8Array(length).fill(1)] }];
  return { kind: 'change', at: 1n, pieces, consistent: true, order: { number, joined } };
}

/** A receiver that has welcomed a sender, and what became of each frame. */
function receiver(): { of: Receiver; give: (frame: LinkFrame) => string[]; acts: () => string[] } {
  const of = new Receiver([], 0);
  const acts = (): string[] => of.take().map((act) => act.kind);
  const give = (frame: LinkFrame): string[] => {
    of.frame(frame.type, body(frame), 0);
    return acts();
  };
  give(helloFrame({ ...HELLO, compression: [], hashes: ['sha256'] }));
  of.welcome(STORE, 'sha256', 0, ['order']);
  acts();
  return { of, give, acts };
}

function frames(of: OrderedEntry, number: number, ordered: boolean, frameData?: number): LinkFrame[] {
  const cutter = new EntryCutter(of, number, 512, frameData, ordered);
  const all: LinkFrame[] = [];
  for (let frame = cutter.next(); frame; frame = cutter.next()) all.push(frame);
  return all;
}

describe('C5 places in a shared order on a link', () => {
  for (const joined of [true, false]) {
    it(`travel with the first part of an entry (${joined ? '' : 'not '}joined), and only to whoever takes them`, () => {
      const made = entry(1_795_287_844_403_001, joined, 20_000);
      const assemble = (ordered: boolean): OrderedEntry | undefined => {
        const assembler = new EntryAssembler(1);
        let back: ReturnType<EntryAssembler['take']>;
        for (const frame of frames(made, 1, ordered, 4096)) {
          const bytes = body(frame);
          const part = readEntryPart(bytes);
          assert.ok(!('fault' in part));
          back = assembler.take(part, bytes);
        }
        return typeof back === 'object' ? back.entry : undefined;
      };
      assert.deepEqual(assemble(true)?.order, made.order);
      assert.equal(assemble(false)?.order, undefined);
      assert.equal(frames(made, 1, true, 4096).length > 2, true);
    });
  }

  it('what is complete is said behind the entries, and those are made durable all the same', () => {
    const { of, give, acts } = receiver();
    for (const frame of frames(entry(5), 1, true)) assert.deepEqual(give(frame), ['append']);
    // It waits for the entry.
    assert.deepEqual(give(throughFrame(1, 9)), []);
    of.appended(1, 0);
    assert.deepEqual(acts(), ['through', 'sync']);
    of.synced(0);
    assert.deepEqual(acts(), ['send']);
    assert.deepEqual(give(throughFrame(1, 12)), ['through']);
    assert.equal(of.waitingBytes, 0);
  });

  it('of entries that did not come nothing is believed', () => {
    const { give } = receiver();
    assert.deepEqual(give(throughFrame(1, 9)), ['send', 'hangUp']);
    assert.ok('fault' in readThrough(new Uint8Array(6)));
    assert.deepEqual(readThrough(body(throughFrame(7, 2 ** 53 - 1))), { number: 7, order: 2 ** 53 - 1 });
  });

  it('a sender says it once everything has left, again on each connection, and not to one who does not ask', () => {
    const sender = new Sender({
      volume: 'v',
      unit: 'u',
      epoch: EPOCH,
      isOurs: () => true,
      bytes: 65_536,
      blockSize: 512,
      compression: [],
      hashes: ['sha256'],
    });
    const sent = (): number[] => {
      const types = sender.take().flatMap((act) => (act.kind === 'send' ? [act.frame.type] : []));
      return types;
    };
    const limits = { windowBytes: 1 << 20, entryBytesMax: 1 << 20 };
    const connect = (features: readonly 'order'[]): number[] => {
      sender.opened(0);
      sent();
      const welcome = { ...STORE, compression: [], hash: 'sha256', features, ...limits } as const;
      sender.frame(LinkType.welcome, body(welcomeFrame(welcome)), 0);
      return sent();
    };
    assert.deepEqual(connect(['order']), []);
    sender.append(1, entry(5), 0);
    sender.through(9, 0);
    assert.deepEqual(sent(), [LinkType.entry, LinkType.through]);
    sender.through(12, 0);
    assert.deepEqual(sent(), [LinkType.through]);
    sender.broken();
    assert.deepEqual(connect(['order']), [LinkType.entry, LinkType.through]);
    sender.broken();
    assert.deepEqual(connect([]), [LinkType.entry]);
  });
});
