import assert from 'node:assert/strict';
import fc from 'fast-check';
import { copyOf } from '../../../src/base/bytes.ts';
import { Extents } from '../../../src/base/extents.ts';
import type { ReadWatch } from '../../../src/base/reads.ts';
import { blocks, claim, LU, ScriptedBus, startWrite, TARGET, write } from '../../kit/bus.ts';
import { cdb10, cdb16, readCapacity10 } from '../../kit/cdb.ts';
import type { Connection, Sent } from '../../kit/connection.ts';
import { InlineBus } from '../../kit/inline.ts';
import { run } from '../../kit/run.ts';

const BLOCK = 512;
const DIGESTS = { HeaderDigest: 'CRC32C', DataDigest: 'CRC32C' };

interface Seen {
  lu: string;
  offset: number;
  bytes: Uint8Array;
  unsure: [number, number][];
}

/** Looks at everything, as far as `most` bytes of each read, and counts what it lends. */
class Watch implements ReadWatch {
  readonly seen: Seen[] = [];
  readonly lent = new Set<Uint8Array>();
  most = Number.MAX_SAFE_INTEGER;
  given = 0;

  take(_lu: string, _offset: number, length: number): Uint8Array | undefined {
    const bytes = new Uint8Array(Math.min(length, this.most)).fill(0xaa);
    this.lent.add(bytes);
    return bytes;
  }

  read(lu: string, offset: number, bytes: Uint8Array, unsure: Extents): void {
    assert.ok(this.lent.delete(bytes), 'given back once');
    this.seen.push({ lu, offset, bytes: copyOf(bytes), unsure: unsure.toRanges() });
  }

  give(_lu: string, bytes: Uint8Array): void {
    assert.ok(this.lent.delete(bytes), 'given back once');
    this.given++;
  }
}

function startRead(c: Connection, lbn: number, count: number): Sent {
  return c.command(cdb10(0x28, lbn, count), { in: count * BLOCK });
}

function read(c: Connection, lbn: number, data: Uint8Array): void {
  c.dataIn(startRead(c, lbn, data.length / BLOCK), data, { status: 0 });
}

function inline(o: { most?: number; digests?: boolean } = {}): { bus: InlineBus; c: Connection; watch: Watch } {
  const watch = new Watch();
  const bus = new InlineBus({ reads: watch });
  const keys = o.digests ? { keys: DIGESTS, answer: DIGESTS } : {};
  return { bus, c: bus.login({ ...(o.most === undefined ? {} : { most: o.most }), ...keys }), watch };
}

/** Bytes that tell where they belong. */
function pattern(lbn: number, count: number): Uint8Array {
  return new Uint8Array(count * BLOCK).map((_, i) => ((lbn * BLOCK + i) * 2654435761) >>> 13);
}

describe('D5 what hosts read', () => {
  it('is given whole, however it is cut into PDUs, in whatever order they come, and however their bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5000 }),
        fc.boolean(),
        fc.array(fc.integer({ min: 1, max: 4095 }), { maxLength: 6 }),
        fc.infiniteStream(fc.nat()),
        (most, digests, cuts, order) => {
          const { bus, c, watch } = inline({ most, digests });
          const data = pattern(40, 8);
          const ends = [...new Set([0, ...cuts.map((at) => at & ~3), data.length])].sort((a, b) => a - b);
          const runs = ends.slice(1).map((end, i) => [ends[i], end] as const);
          const sent = startRead(c, 40, 8);
          while (runs.length > 0) {
            const [[start, end]] = runs.splice((order.next().value as number) % runs.length, 1);
            c.dataIn(sent, data.subarray(start, end), { offset: start });
          }
          c.status(sent);
          bus.finish();
          assert.deepEqual(watch.seen, [{ lu: LU, offset: 40 * BLOCK, bytes: data, unsure: [] }]);
          assert.equal(watch.lent.size, 0);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is given as far as somebody wants it, and by READ(6) and READ(16) as well', () => {
    const { bus, c, watch } = inline();
    watch.most = 700;
    read(c, 3, pattern(3, 4));
    const six = Uint8Array.of(0x08, 0, 0, 9, 1, 0);
    c.dataIn(c.command(six, { in: BLOCK }), pattern(9, 1), { status: 0 });
    c.dataIn(c.command(cdb16(0x88, 11, 1), { in: BLOCK }), pattern(11, 1), { status: 0 });
    bus.finish();
    assert.deepEqual(
      watch.seen.map(({ offset, bytes, unsure }) => [offset, bytes, unsure]),
      [
        [3 * BLOCK, pattern(3, 4).subarray(0, 700), []],
        [9 * BLOCK, pattern(9, 1), []],
        [11 * BLOCK, pattern(11, 1), []],
      ],
    );
  });

  it('is believed as far as it came: short transfers, missing PDUs, copies that differ, wrong digests', () => {
    const { bus, c, watch } = inline({ digests: true });
    // A residual: 2 blocks of 4 (RFC 7143 section 11.4.5).
    c.dataIn(startRead(c, 0, 4), pattern(0, 2), { status: 0, underflow: 2 * BLOCK });
    // The PDU in the middle never came.
    const holed = startRead(c, 8, 3);
    c.dataIn(holed, pattern(8, 1), { offset: 0 });
    c.dataIn(holed, pattern(10, 1), { offset: 2 * BLOCK });
    c.status(holed);
    // The same place twice, with other bytes.
    const twice = startRead(c, 16, 2);
    c.dataIn(twice, pattern(16, 2));
    c.dataIn(twice, pattern(99, 1), { offset: BLOCK });
    c.status(twice);
    // A data digest that is wrong (RFC 7143 section 13.1).
    const wrong = startRead(c, 24, 2);
    c.dataIn(wrong, pattern(24, 1));
    c.alter = (bytes) => bytes.with(bytes.length - 1, bytes[bytes.length - 1] ^ 1);
    c.dataIn(wrong, pattern(25, 1), { offset: BLOCK });
    c.status(wrong);
    bus.finish();
    const unsure = watch.seen.map((one) => {
      const set = new Extents();
      for (const [start, length] of one.unsure) set.add(start, start + length);
      return [
        one.offset / BLOCK,
        [0, 1, 2, 3].map((n) => set.intersects(one.offset + n * BLOCK, one.offset + (n + 1) * BLOCK)),
      ];
    });
    assert.deepEqual(unsure, [
      [0, [false, false, true, true]],
      [8, [false, true, false, false]],
      [16, [false, true, false, false]],
      [24, [false, true, false, false]],
    ]);
    assert.equal(watch.lent.size, 0);
  });

  it('is not given where it may be something else than the blocks, or ended otherwise', () => {
    const { bus, c, watch } = inline();
    // RDPROTECT, an error, more data than blocks, an answer, and a connection that breaks.
    c.dataIn(c.command(cdb10(0x28, 0, 1, 0x20), { in: BLOCK }), pattern(0, 1), { status: 0 });
    c.dataIn(startRead(c, 0, 1), pattern(0, 1), { status: 2 });
    c.dataIn(c.command(cdb10(0x28, 0, 1), { in: 2 * BLOCK }), pattern(0, 2), { status: 0 });
    c.ask(readCapacity10(), Uint8Array.of(0, 0, 3, 0xe7, 0, 0, 2, 0));
    const open = startRead(c, 0, 2);
    c.dataIn(open, pattern(0, 1));
    c.close();
    bus.finish();
    assert.deepEqual(watch.seen, []);
    assert.equal(watch.given, 3);
    assert.equal(watch.lent.size, 0);
  });

  it('says nothing of blocks that a write ended at meanwhile; what is still open others know', () => {
    const { bus, c, watch } = inline();
    const other = bus.login({ isid: 2 });
    write(other, 2, blocks(1));
    const sent = startRead(c, 0, 8);
    write(other, 3, blocks(2));
    const open = startWrite(other, 6, blocks(3));
    c.dataIn(sent, pattern(0, 8), { status: 0 });
    assert.deepEqual(watch.seen[0].unsure, [[3 * BLOCK, BLOCK]]);
    assert.ok(bus.snoop.outstanding(LU)?.blocks?.covers(6, 7));
    other.status(open);
    const later = startRead(c, 0, 8);
    c.dataIn(later, pattern(0, 8), { status: 0 });
    assert.deepEqual(watch.seen[1].unsure, []);
    bus.finish();
  });

  it('is not given where something was lost meanwhile that no command told of', () => {
    const { bus, c, watch } = inline();
    const sent = startRead(c, 0, 8);
    bus.snoop.lose();
    c.dataIn(sent, pattern(0, 8), { status: 0 });
    assert.deepEqual([watch.seen.length, watch.given], [0, 1]);
    bus.finish();
  });

  it('is kept of configured volumes only', () => {
    const watch = new Watch();
    const bus = new InlineBus({ reads: watch, volumes: [claim({ lu: `${TARGET}/7` })] });
    read(bus.login(), 0, pattern(0, 1));
    bus.finish();
    assert.deepEqual([watch.seen.length, watch.given], [0, 0]);
  });

  it('is given from a capture, too, where a write of another connection is found ended in time', () => {
    const bus = new ScriptedBus();
    const watch = new Watch();
    const [c, other] = [bus.login(), bus.login({ isid: 2 })];
    const sent = startRead(c, 0, 8);
    write(other, 3, blocks(2));
    // What waits for a late ACK is told by then: nobody waits for it any longer.
    bus.wait(1000);
    other.ping();
    c.dataIn(sent, pattern(0, 8), { status: 0 });
    read(c, 0, pattern(0, 8));
    c.close();
    other.close();
    run(bus.wire, { volumes: [claim()], batch: 1, reads: watch });
    assert.deepEqual(
      watch.seen.map(({ unsure }) => unsure),
      [[[3 * BLOCK, BLOCK]], []],
    );
  });
});
