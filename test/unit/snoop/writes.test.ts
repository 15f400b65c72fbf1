import assert from 'node:assert/strict';
import { isFill } from '../../../src/base/payload.ts';
import { BLOCK, blocks, claim, LU, ScriptedBus, write } from '../../kit/bus.ts';
import {
  capacity16,
  cdb10,
  cdb12,
  cdb16,
  cdb32,
  compareAndWrite,
  readCapacity16,
  u64,
  write6,
  write10,
  writeAtomic,
} from '../../kit/cdb.ts';
import type { CommandShape, StatusShape } from '../../kit/connection.ts';
import type { Bytes } from '../../kit/link.ts';
import { type Findings, TestRoom } from '../../kit/run.ts';
import { join, u16, u32 } from '../parsers/net/build.ts';

/** The volume full of 0xEE, then one command that ends so. */
function result(cdb: Bytes, shape: CommandShape = {}, status: StatusShape = {}, prot?: Bytes): Findings {
  const bus = new ScriptedBus();
  const c = bus.login();
  if (prot !== undefined) c.ask(readCapacity16(), prot, { edtl: 32 });
  write(c, 0, blocks(0xee, 64));
  c.status(c.command(cdb, shape), status);
  return bus.run();
}

/** First byte of each of the blocks from 8 to 15. */
function values(found: Findings): number[] {
  return [...found.model(LU).read(8, 8)].filter((_, i) => i % BLOCK === 0);
}

const OLD = 0xee;

describe('B3 commands whose data lands at its LBN (SBC-4 sections 5.40 to 5.57)', () => {
  for (const [name, cdb] of [
    ['WRITE(6)', write6(9, 2)],
    ['WRITE(10)', cdb10(0x2a, 9, 2)],
    ['WRITE(12)', cdb12(0xaa, 9, 2)],
    ['WRITE(16)', cdb16(0x8a, 9, 2)],
    ['WRITE AND VERIFY(10)', cdb10(0x2e, 9, 2)],
    ['WRITE AND VERIFY(16)', cdb16(0x8e, 9, 2)],
    ['WRITE ATOMIC(16)', writeAtomic(9, 2)],
    ['WRITE(32) over an AHS', cdb32(0x0b, 9, 2)],
    ['WRITE AND VERIFY(32) over an AHS', cdb32(0x0c, 9, 2)],
  ] as const) {
    it(name, () => {
      const found = result(cdb, { out: join(blocks(1), blocks(2)) });
      assert.deepEqual(values(found), [OLD, 1, 2, OLD, OLD, OLD, OLD, OLD]);
      assert.deepEqual(found.doubt(LU), []);
    });
  }

  it('WRITE(6) with a count of zero is 256 blocks (SBC-2 section 5.24)', () => {
    const found = result(write6(9, 0), { out: blocks(1, 256) });
    assert.equal(found.model(LU).read(264, 1)[0], 1);
  });

  it('WRITE(10) with a count of zero writes nothing', () => {
    assert.equal(result(write10(9, 0)).changes.length, 1);
  });

  it('an EDTL shorter than the CDB: only that much was written (RFC 7143 section 11.4.5.2)', () => {
    const found = result(write10(9, 4), { out: blocks(1, 2) }, { overflow: 1024 });
    assert.deepEqual(values(found), [OLD, 1, 1, OLD, OLD, OLD, OLD, OLD]);
    assert.deepEqual(found.doubt(LU), []);
  });

  it('an EDTL longer than the CDB: the CDB counts', () => {
    const found = result(write10(9, 1), { out: blocks(1, 3) }, { underflow: 1024 });
    assert.deepEqual(values(found), [OLD, 1, OLD, OLD, OLD, OLD, OLD, OLD]);
    assert.deepEqual(found.doubt(LU), []);
  });

  it('a part of a block is written as that part', () => {
    const found = result(write10(9, 2), { out: blocks(1, 2).subarray(0, 700) }, { overflow: 324 });
    const block = found.model(LU).read(10, 1);
    assert.deepEqual([block[187], block[188]], [1, OLD]);
    assert.deepEqual(found.doubt(LU), []);
  });

  it('what the target did not take of the data it asked for is LBN-only', () => {
    const found = result(write10(9, 4), { out: blocks(1, 4) }, { underflow: 1024 });
    assert.deepEqual(found.doubt(LU), [[11, 2]]);
  });

  it('FUA travels with the change', () => {
    const found = result(write10(9, 1, 0x08), { out: blocks(1) });
    assert.deepEqual(
      found.changes.map((change) => change.fua),
      [false, true],
    );
  });

  it('COMPARE AND WRITE writes the second half of its data (SBC-4 section 5.3)', () => {
    const found = result(compareAndWrite(9, 2), { out: join(blocks(OLD, 2), blocks(1), blocks(2)) });
    assert.deepEqual(values(found), [OLD, 1, 2, OLD, OLD, OLD, OLD, OLD]);
  });

  it('an LBN above 2^53-1 is refused: the LU is in doubt whole', () => {
    const found = result(cdb16(0x8a, 1n << 60n, 1), { out: blocks(1) });
    assert.equal(found.doubt(LU), 'whole');
  });

  it('blocks that no number of bytes can address put an LU of unknown capacity in doubt whole', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    c.status(c.command(cdb16(0x8a, 2 ** 50, 1), { out: blocks(1) }));
    const found = bus.run({ volumes: [{ lu: LU, blockSize: BLOCK }] });
    assert.equal(found.doubt(LU), 'whole');
  });

  it('short of room only the LBNs are kept (B4)', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    write(c, 9, blocks(1, 4));
    const room = new TestRoom();
    room.bytesMax = 1024;
    const found = bus.run({ room });
    assert.deepEqual(found.doubt(LU), [[9, 4]]);
    assert.deepEqual(found.doubts, ['no-room']);
  });
});

describe('B3 protection information (SBC-4 section 4.21)', () => {
  const tuples = (n: number): Bytes =>
    join(...Array.from({ length: n }, (_, i) => join(blocks(i + 1), new Uint8Array(8).fill(0xcc))));

  it('WRPROTECT with a known format: it is stripped', () => {
    const found = result(write10(9, 3, 0x20), { out: tuples(3) }, {}, capacity16(1000, BLOCK, { prot: 1 }));
    assert.deepEqual(values(found), [OLD, 1, 2, 3, OLD, OLD, OLD, OLD]);
    assert.deepEqual(found.doubt(LU), []);
  });

  it('intervals smaller than a block (P_I_EXPONENT, SBC-4 section 5.21.2)', () => {
    const half = new Uint8Array(BLOCK / 2).fill(1);
    const tuple = new Uint8Array(8).fill(0xcc);
    const found = result(
      write10(9, 1, 0x20),
      { out: join(half, tuple, half, tuple) },
      {},
      capacity16(1000, BLOCK, { prot: 1, exponent: 0x10 }),
    );
    assert.deepEqual(new Set(found.model(LU).read(9, 1)), new Set([1]));
    assert.deepEqual(found.doubt(LU), []);
  });

  it('while the format is unknown: LBN-only', () => {
    assert.deepEqual(result(write10(9, 3, 0x20), { out: tuples(3) }).doubt(LU), [[9, 3]]);
  });

  it('a transfer that is not as long as the format says: LBN-only', () => {
    const found = result(write10(9, 3, 0x20), { out: tuples(2) }, {}, capacity16(1000, BLOCK, { prot: 1 }));
    assert.deepEqual(found.doubt(LU), [[9, 3]]);
  });
});

describe('B3 WRITE SAME (SBC-4 section 5.52)', () => {
  it('one block over all, kept once', () => {
    const found = result(cdb10(0x41, 9, 4), { out: blocks(5) });
    assert.deepEqual(values(found), [OLD, 5, 5, 5, 5, OLD, OLD, OLD]);
    const pieces = found.changes.at(-1)?.pieces ?? 'wholeLu';
    assert.ok(pieces !== 'wholeLu' && isFill(pieces[0].payload));
  });

  it('a block of zeros, and NDOB without a data-out, are zeros', () => {
    for (const found of [result(cdb16(0x93, 9, 2), { out: blocks(0) }), result(cdb16(0x93, 9, 2, 0x01))]) {
      assert.deepEqual(values(found), [OLD, 0, 0, OLD, OLD, OLD, OLD, OLD]);
      const pieces = found.changes.at(-1)?.pieces ?? 'wholeLu';
      assert.ok(pieces !== 'wholeLu' && pieces[0].payload === 'zeros');
    }
  });

  it('UNMAP and ANCHOR leave the pattern as it would read (SBC-4 section 4.7.3.4)', () => {
    assert.deepEqual(values(result(cdb16(0x93, 9, 1, 0x08), { out: blocks(0) })).slice(0, 3), [OLD, 0, OLD]);
    assert.deepEqual(values(result(cdb16(0x93, 9, 1, 0x18), { out: blocks(6) })).slice(0, 3), [OLD, 6, OLD]);
  });

  it('WRITE SAME(32) over an AHS', () => {
    assert.deepEqual(values(result(cdb32(0x0d, 9, 2), { out: blocks(7) })).slice(0, 4), [OLD, 7, 7, OLD]);
  });

  it('a count of zero goes to the end of the LU', () => {
    const found = result(cdb10(0x41, 990, 0), { out: blocks(5) });
    assert.deepEqual([found.model(LU).read(989, 1)[0], found.model(LU).read(999, 1)[0]], [0, 5]);
    assert.deepEqual(found.doubt(LU), []);
  });

  it('to the end of an LU whose end is not known: in doubt', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    c.status(c.command(cdb10(0x41, 5, 0), { out: blocks(5) }));
    const doubt = bus.run({ volumes: [{ lu: LU, blockSize: BLOCK }] }).doubt(LU);
    assert.equal(doubt, 'whole');
  });

  it('its block lost or short, or PBDATA and LBDATA of SBC-2: LBN-only', () => {
    assert.deepEqual(result(cdb10(0x41, 9, 2), { out: blocks(5).subarray(0, 100) }).doubt(LU), [[9, 2]]);
    assert.deepEqual(result(cdb10(0x41, 9, 2, 0x04), { out: blocks(5) }).doubt(LU), [[9, 2]]);
    assert.deepEqual(result(cdb10(0x41, 9, 2, 0x02), { out: blocks(5) }).doubt(LU), [[9, 2]]);
  });
});

describe('B3 commands whose effect is not in their data', () => {
  const scattered = join(
    new Uint8Array(32),
    ...[10, 13].map((lbn) => join(u64(lbn), u32(1), new Uint8Array(20))),
    new Uint8Array(BLOCK - 96),
    blocks(1),
    blocks(2),
  );
  const scatteredCdb = join(Uint8Array.of(0x9f, 0x12, 0, 0), u16(1, 0, 2), u32(2), Uint8Array.of(0, 0));
  for (const [name, cdb, out, doubt] of [
    ['XDWRITE(10)', cdb10(0x50, 9, 2), blocks(1, 2), [[9, 2]]],
    ['XPWRITE(10)', cdb10(0x51, 9, 2), blocks(1, 2), [[9, 2]]],
    ['XDWRITEREAD(10)', cdb10(0x53, 9, 2), blocks(1, 2), [[9, 2]]],
    ['XDWRITE(32)', cdb32(0x04, 9, 2), blocks(1, 2), [[9, 2]]],
    ['WRITE LONG(10)', cdb10(0x3f, 9, 520), new Uint8Array(520), [[9, 1]]],
    [
      'WRITE SCATTERED(16)',
      scatteredCdb,
      scattered,
      [
        [10, 1],
        [13, 1],
      ],
    ],
    [
      'REASSIGN BLOCKS',
      Uint8Array.of(0x07, 0, 0, 0, 0, 0),
      join(u16(0, 8), u32(9, 12)),
      [
        [9, 1],
        [12, 1],
      ],
    ],
    ['FORMAT UNIT', Uint8Array.of(0x04, 0, 0, 0, 0, 0), new Uint8Array(0), 'whole'],
    ['SANITIZE', Uint8Array.of(0x48, 0x03, 0, 0, 0, 0, 0, 0, 0, 0), new Uint8Array(0), 'whole'],
    ['an unknown opcode with the W bit (B1)', Uint8Array.of(0xd7, 0, 0, 0, 0, 0), blocks(1), 'whole'],
    ['WRITE LONG(10) of an unknown physical block', cdb10(0x3f, 9, 520, 0x20), new Uint8Array(520), 'whole'],
  ] as const) {
    it(`${name} is LBN-only on its blocks`, () => {
      const found = result(cdb, { out });
      assert.deepEqual(found.doubt(LU), doubt);
    });
  }

  it('an unknown opcode without the W bit is none of the medium; with it an operator is told', () => {
    assert.deepEqual(result(Uint8Array.of(0xd7, 0, 0, 0, 0, 0)).changes.length, 1);
    assert.ok(result(Uint8Array.of(0xd7, 0, 0, 0, 0, 0), { out: blocks(1) }).noticed(/D7h/));
  });

  it('WRITE USING TOKEN names its blocks (SBC-4 section 5.59)', () => {
    const list = join(u16(534 + 16), new Uint8Array(514), new Uint8Array(18), u16(16), u64(9), u32(3, 0));
    assert.equal(list.length, 536 + 16);
    const cdb = join(Uint8Array.of(0x83, 0x11, 0, 0, 0, 0), u32(1, list.length), Uint8Array.of(0, 0));
    assert.deepEqual(result(cdb, { out: list }).doubt(LU), [[9, 3]]);
  });

  it('a parameter list that was not seen whole puts the LU in doubt whole', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const sent = c.command(Uint8Array.of(0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0), { out: new Uint8Array(24), immediate: 0 });
    c.r2t(sent, 0, 24);
    c.link.lose(() => c.dataOut(sent, 0, 24, { ttt: 7 }));
    c.status(sent);
    assert.equal(bus.run({ volumes: [claim()] }).doubt(LU), 'whole');
  });
});
