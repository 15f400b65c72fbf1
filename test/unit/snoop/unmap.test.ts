import assert from 'node:assert/strict';
import { blocks, claim, LU, ScriptedBus, TARGET, write } from '../../kit/bus.ts';
import {
  blockLimits,
  capacity16,
  identification,
  inquiry,
  naa6,
  readCapacity16,
  sense,
  u64,
  unmap,
  unmapList,
} from '../../kit/cdb.ts';
import type { Connection } from '../../kit/connection.ts';
import type { Bytes } from '../../kit/link.ts';
import { join, u16, u32 } from '../parsers/net/build.ts';

function discard(c: Connection, extents: [number, number][], anchor = false): void {
  const list = unmapList(...extents);
  c.status(c.command(unmap(list.length, anchor), { out: list }));
}

/** An LU full of ones whose unmapped blocks read as zeros, or not. */
function thin(lbprz: boolean, limits?: Bytes): { bus: ScriptedBus; c: Connection } {
  const bus = new ScriptedBus();
  const c = bus.login();
  c.ask(readCapacity16(), capacity16(1000, 512, { lbprz }), { edtl: 32 });
  if (limits !== undefined) c.ask(inquiry(0xb0), limits);
  write(c, 0, blocks(1, 64));
  return { bus, c };
}

describe('B3 UNMAP (SBC-4 sections 4.7, 5.35)', () => {
  it('zeros where LBPRZ says so', () => {
    const { bus, c } = thin(true);
    discard(c, [
      [3, 2],
      [10, 1],
    ]);
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), []);
    assert.deepEqual(
      [2, 3, 4, 5, 10, 11].map((lbn) => found.model(LU).read(lbn, 1)[0]),
      [1, 0, 0, 1, 0, 1],
    );
  });

  it('LBN-only where it does not, where it was never asked, and with ANCHOR', () => {
    const { bus, c } = thin(false);
    discard(c, [[3, 2]]);
    assert.deepEqual(bus.run().doubt(LU), [[3, 2]]);
    const blind = new ScriptedBus();
    discard(blind.login(), [[3, 2]]);
    assert.deepEqual(blind.run().doubt(LU), [[3, 2]]);
    const anchored = thin(true);
    discard(anchored.c, [[3, 2]], true);
    assert.deepEqual(anchored.bus.run().doubt(LU), [[3, 2]]);
  });

  it('zeros for whole granules only, by their alignment (SBC-4 section 4.7.3.3)', () => {
    const { bus, c } = thin(true, blockLimits(8, 4));
    discard(c, [[2, 20]]);
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), [
      [2, 2],
      [20, 2],
    ]);
    assert.deepEqual(
      [4, 19].map((lbn) => found.model(LU).read(lbn, 1)[0]),
      [0, 0],
    );
  });

  it('less than a granule is LBN-only; the last, short granule of the LU is whole', () => {
    const { bus, c } = thin(true, blockLimits(64));
    discard(c, [
      [1, 62],
      [960, 40],
    ]);
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), [[1, 62]]);
  });

  it('an UNMAP that was refused changes nothing, an empty one neither', () => {
    const { bus, c } = thin(true);
    const list = unmapList([3, 2]);
    c.status(c.command(unmap(list.length), { out: list }), { sense: sense(5, 0x21) });
    discard(c, []);
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), []);
    assert.equal(found.model(LU).read(3, 1)[0], 1);
  });

  it('a list shorter than the EDTL is whole where the CDB says that it is', () => {
    const { bus, c } = thin(true);
    const list = unmapList([3, 2]);
    const rest = new Uint8Array(100);
    c.status(c.command(unmap(list.length), { out: join(list, rest) }), { underflow: 100 });
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), []);
    assert.equal(found.model(LU).read(3, 1)[0], 0);
  });
});

/** EXTENDED COPY(LID1) of 4 blocks to LBN 20 of the LU `id` (SPC-4 section 6.5): the source is the LU itself. */
function copyList(id: Bytes): Bytes {
  const cscd = (bytes: Bytes): Bytes =>
    join(Uint8Array.of(0xe4, 0, 0, 0, 1, 3, 0, bytes.length), bytes, new Uint8Array(20 - bytes.length), u32(512));
  const segment = join(Uint8Array.of(2, 0, 0, 0x18), u16(0, 0, 0, 4), u64(0), u64(20));
  return join(u16(0, 32), u32(0), u32(segment.length), u32(0), cscd(id), segment);
}

function copy(c: Connection, list: Bytes, status: { status?: number } | undefined): void {
  const cdb = join(Uint8Array.of(0x83, 0, 0, 0, 0, 0, 0, 0, 0, 0), u32(list.length), u16(0));
  const sent = c.command(cdb, { out: list });
  if (status !== undefined) c.status(sent, status);
}

describe('B3 EXTENDED COPY (SPC-4 section 6.5)', () => {
  const OTHER = `${TARGET}/1`;
  const FAR = `${TARGET}2/0`;
  const volumes = [claim(), claim({ lu: OTHER }), claim({ lu: FAR })];

  function known(): { bus: ScriptedBus; c: Connection } {
    const bus = new ScriptedBus();
    const c = bus.login();
    const far = bus.login({ targetName: `${TARGET}2` });
    for (const [on, lun, tail] of [
      [c, 0, 1],
      [c, 1, 2],
      [far, 0, 3],
    ] as const)
      on.ask(inquiry(0x83), identification({ type: 3, bytes: naa6(tail) }), { lun });
    far.link.ack('host');
    return { bus, c };
  }

  function doubts(bus: ScriptedBus): unknown[] {
    const found = bus.run({ volumes });
    return [LU, OTHER, FAR].map((lu) => found.doubt(lu));
  }

  it('to its own LU, to another one and to one of another target, by NAA', () => {
    for (const tail of [1, 2, 3]) {
      const { bus, c } = known();
      copy(c, copyList(naa6(tail)), {});
      assert.deepEqual(
        doubts(bus),
        [1, 2, 3].map((n) => (n === tail ? [[20, 4]] : [])),
      );
    }
  });

  it('without its status the other LU is in doubt, too', () => {
    const { bus, c } = known();
    copy(c, copyList(naa6(2)), undefined);
    assert.deepEqual(doubts(bus)[1], [[20, 4]]);
  });

  it('to an LU that nobody has heard of: any without an identity may be it', () => {
    const { bus, c } = known();
    copy(c, copyList(naa6(9)), {});
    assert.deepEqual(doubts(bus), [[], [], []]);
    const blind = new ScriptedBus();
    copy(blind.login(), copyList(naa6(9)), {});
    assert.deepEqual(doubts(blind), ['whole', 'whole', 'whole']);
  });

  it('with a list that was not seen any LU may have been written', () => {
    const { bus, c } = known();
    const list = copyList(naa6(2));
    const cdb = join(Uint8Array.of(0x83, 0, 0, 0, 0, 0, 0, 0, 0, 0), u32(list.length), u16(0));
    const sent = c.command(cdb, { out: list, immediate: 0 });
    c.r2t(sent, 0, list.length);
    c.link.lose(() => c.dataOut(sent, 0, list.length, { ttt: 7 }));
    c.status(sent);
    assert.deepEqual(doubts(bus), ['whole', 'whole', 'whole']);
  });

  it('a write on the other LU while it was copied is not exact, one after it is', () => {
    const { bus, c } = known();
    const list = copyList(naa6(2));
    const cdb = join(Uint8Array.of(0x83, 0, 0, 0, 0, 0, 0, 0, 0, 0), u32(list.length), u16(0));
    const sent = c.command(cdb, { out: list });
    write(c, 20, blocks(1), { lun: 1 });
    c.status(sent);
    write(c, 21, blocks(2), { lun: 1 });
    assert.deepEqual(doubts(bus)[1], [
      [20, 1],
      [22, 2],
    ]);
  });
});
