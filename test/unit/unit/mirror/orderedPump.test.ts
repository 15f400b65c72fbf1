import assert from 'node:assert/strict';
import type { Change, Piece } from '../../../../src/base/change.ts';
import type { OrderedEntry } from '../../../../src/base/ordered.ts';
import { Room } from '../../../../src/buffer/room.ts';
import { VolumeUnit, type VolumeUnitOptions } from '../../../../src/unit/mirror/volumeUnit.ts';
import { MemoryVolume, settle } from '../../../sim/memoryVolume.ts';
import { OrderedFar } from '../../../sim/orderedFar.ts';
import { OrderedMemory } from '../../../sim/orderedMemory.ts';
import { SIZE } from '../../../sim/orderedPieces.ts';

const LU = 'iqn.test/0';

function write(seq: number, offset: number, byte: number, length = 16): Change {
  const pieces: Piece[] = [{ offset, length, payload: [new Uint8Array(length).fill(byte)] }];
  return { seq, at: BigInt(seq), lu: LU, pieces, fua: false };
}

/** Keeps what it was given. */
class Link extends OrderedMemory {
  readonly entries: OrderedEntry[] = [];

  override append(entry: OrderedEntry): Promise<void> {
    this.entries.push(entry);
    return super.append(entry);
  }
}

describe('C1 C4 B7 a volume with a mirror that keeps the order', () => {
  let link: Link;
  let first: MemoryVolume;

  const build = (options: Partial<VolumeUnitOptions> = {}): VolumeUnit => {
    const unit = new VolumeUnit({
      lu: LU,
      room: new Room({ bytes: 65_536 }),
      mirrors: [{ to: 'journey://far:1/v', volume: link }],
      first: { name: 'memory:first', volume: first },
      now: () => 0,
      wall: () => 5,
      notice: assert.fail,
      ...options,
    });
    unit.facts({ lu: LU, blockSize: 16, blocks: SIZE / 16, designators: [] });
    return unit;
  };

  beforeEach(() => {
    link = new Link(new OrderedFar(new Uint8Array(SIZE), undefined, new Map()));
    first = new MemoryVolume(new Uint8Array(SIZE), 16);
  });

  const kinds = (): string[] => link.entries.map(({ kind, consistent }) => `${kind}${consistent ? '!' : ''}`);

  it('gives it changes and bookmarks in their order, before anything of them is durable', async () => {
    const unit = build();
    unit.push(write(1, 0, 1));
    unit.mark('here');
    unit.push(write(2, 0, 2));
    await settle();
    assert.deepEqual(kinds(), ['state!', 'change!', 'mark!', 'change!']);
    const mark = link.entries[2];
    assert.ok(mark.kind === 'mark' && mark.name === 'here' && mark.at === 5_000_000n);
    assert.equal(unit.arms[0].mirror.idle, false);
  });

  it('copies only what differs, and keeps no more of a long read than that', async () => {
    const unit = build();
    first.bytes.fill(7, 32, 48);
    unit.push({ seq: 1, at: 1n, lu: LU, pieces: 'wholeLu', fua: false, doubt: 'unseen' });
    const finishing = unit.finish();
    let open = true;
    void finishing.then(() => {
      open = false;
    });
    while (open) {
      first.end();
      link.compare();
      link.apply();
      await settle();
    }
    const copy = link.entries.find(({ kind }) => kind === 'copy');
    assert.ok(copy?.kind === 'copy');
    assert.deepEqual(
      copy.pieces.map(({ offset, length }) => [offset, length]),
      [[32, 16]],
    );
    const [part] = copy.pieces[0].payload as readonly Uint8Array[];
    assert.equal(part.buffer.byteLength, 16);
    const [{ pump, mirror }] = unit.arms;
    assert.deepEqual([pump.comparedBytes, pump.differingBytes], [SIZE, 16]);
    assert.equal(mirror.state, 'equal');
    await unit.close();
  });

  it('without a local mirror what it had no room for is read back from the first volume', async () => {
    const room = new Room({ bytes: 65_536, threshold: 0.25, whenFull: 'lbn' });
    const unit = build({ room, mirrors: [{ to: 'journey://far:1/v', volume: link, buffer: { bytes: 0 } }] });
    const lease = room.take(16);
    assert.ok(lease);
    unit.push({ ...write(1, 16, 1), lease });
    await settle();
    assert.deepEqual(kinds(), ['state!', 'state']);
    assert.equal(room.freeBytes, room.bytes);
    assert.deepEqual(unit.report().reasons, { 'no-room': 1 });
  });

  it('a doubt that no command told comes after what was pushed before it', async () => {
    const unit = build();
    unit.push(write(1, 16, 1));
    const { record } = unit.arms[0];
    record.add(16, 16, 'aborted');
    unit.doubt(record.below(SIZE), 'aborted');
    await settle();
    for (let n = 0; n < 4; n++) {
      link.apply();
      await settle();
    }
    assert.deepEqual(record.below(SIZE).toRanges(), [[16, 16]]);
  });

  it('the bound is half of a room that does not wait, less its own share where it has one', async () => {
    const room = new Room({ bytes: 65_536, threshold: 0, whenFull: 'lbn' });
    const own = new Link(new OrderedFar(new Uint8Array(SIZE), undefined, new Map()));
    own.identity = () => ({ kind: 'memory', id: 'own' });
    const unit = build({
      room,
      mirrors: [
        { to: 'journey://far:1/v', volume: link },
        { to: 'journey://far:1/w', volume: own, buffer: { bytes: 32_768, threshold: 0.75 } },
      ],
    });
    for (let seq = 1; seq <= 96; seq++) {
      const lease = room.take(512);
      assert.ok(lease);
      unit.push({ ...write(seq, 0, seq), lease });
    }
    await settle();
    const changes = (volume: Link): number => volume.entries.filter(({ kind }) => kind === 'change').length;
    assert.equal(changes(link), 32_768 / 512);
    assert.equal(changes(own), 8192 / 512);
  });
});
