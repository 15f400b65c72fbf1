import assert from 'node:assert/strict';
import { blocks, LU, ScriptedBus, write } from '../../kit/bus.ts';
import { capacity10, capacity16, cdb10, readCapacity10, readCapacity16, write10 } from '../../kit/cdb.ts';
import type { Connection } from '../../kit/connection.ts';
import type { Findings } from '../../kit/run.ts';

const unknown = { volumes: [{ lu: LU }] };

function write4k(c: Connection, lbn: number, value: number, count: number): void {
  c.status(c.command(write10(lbn, count), { out: blocks(value, count, 4096) }));
}

function sizes(found: Findings): number[] {
  return found.facts.map((facts) => facts.blockSize);
}

describe('B3b the block size', () => {
  it('comes from READ CAPACITY(10) and (16), and what was held is let out in order (SBC-4 sections 5.20, 5.21)', () => {
    for (const long of [false, true]) {
      const bus = new ScriptedBus();
      const c = bus.login();
      write(c, 10, blocks(1, 2));
      write(c, 11, blocks(2, 2));
      if (long) c.ask(readCapacity16(), capacity16(1000, 512), { edtl: 32 });
      else c.ask(readCapacity10(), capacity10(1000, 512), { edtl: 8 });
      write(c, 12, blocks(3));
      const found = bus.run(unknown);
      assert.deepEqual(
        [10, 11, 12].map((lbn) => found.model(LU).read(lbn, 1)[0]),
        [1, 2, 3],
      );
      assert.deepEqual(found.doubt(LU), []);
    }
  });

  it('comes from two residual-free transfers that agree', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    write4k(c, 10, 1, 1);
    write4k(c, 20, 2, 3);
    const found = bus.run(unknown);
    assert.deepEqual(sizes(found), [4096]);
    assert.deepEqual(
      found.changes.flatMap((change) => (change.pieces === 'wholeLu' ? [] : change.pieces.map((p) => p.offset))),
      [40960, 81920],
    );
  });

  it('not from one, nor from two that disagree: then the LU is in doubt whole', () => {
    const one = new ScriptedBus();
    write4k(one.login(), 10, 1, 1);
    assert.equal(one.run(unknown).doubt(LU), 'whole');
    const two = new ScriptedBus();
    const c = two.login();
    write4k(c, 10, 1, 1);
    write(c, 20, blocks(1));
    const found = two.run(unknown);
    assert.equal(found.doubt(LU), 'whole');
    assert.deepEqual(found.doubts, ['block-size']);
  });

  it('not from transfers with a residual of either kind (RFC 7143 section 11.4.5)', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    for (const lbn of [10, 20])
      c.status(c.command(write10(lbn, 8), { out: blocks(1, 8, 1024) }), { overflow: 8 * 3072 });
    assert.deepEqual(sizes(bus.run(unknown)), []);
  });

  it('not from transfers with protection information (SBC-4 section 4.21)', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    for (const lbn of [10, 20]) c.status(c.command(cdb10(0x2a, lbn, 1, 0x20), { out: blocks(1) }));
    assert.deepEqual(sizes(bus.run(unknown)), []);
  });

  it('what is held does not settle a doubt that came after it', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    write(c, 10, blocks(1));
    c.status(c.command(Uint8Array.of(0xd7, 0, 0, 0, 0, 0), { out: blocks(9) }));
    c.ask(readCapacity10(), capacity10(1000, 512), { edtl: 8 });
    const found = bus.run(unknown);
    assert.equal(found.doubt(LU), 'whole');
  });

  it('held changes are bounded: beyond that the LU is in doubt whole, and what follows is let out', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    for (let i = 0; i < 4100; i++) c.status(c.command(write10(10, 3), { out: new Uint8Array(3) }));
    c.ask(readCapacity10(), capacity10(1000, 512), { edtl: 8 });
    write(c, 11, blocks(2));
    const found = bus.run(unknown);
    assert.equal(found.model(LU).read(11, 1)[0], 2);
    assert.ok(found.doubts.includes('block-size'));
    assert.equal(found.model(LU).unresolved.covers(10, 11), true);
  });

  it('a size that the configuration gives is not asked from the bus; a contradiction is told', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    c.ask(readCapacity10(), capacity10(1000, 4096), { edtl: 8 });
    write(c, 10, blocks(1));
    const found = bus.run();
    assert.ok(found.noticed(/configured with blocks of 512 bytes/));
    assert.equal(found.model(LU).read(10, 1)[0], 1);
  });

  it('a new block size puts the LU in doubt whole', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    c.ask(readCapacity10(), capacity10(1000, 512), { edtl: 8 });
    write(c, 10, blocks(1));
    c.ask(readCapacity10(), capacity10(125, 4096), { edtl: 8 });
    assert.equal(bus.run(unknown).doubt(LU), 'whole');
  });

  it('a capacity whose digest is wrong is not believed (RFC 7143 section 11.2.1.5)', () => {
    const bus = new ScriptedBus();
    const c = bus.login({ keys: { DataDigest: 'CRC32C,None' }, answer: { DataDigest: 'CRC32C' } });
    const sent = c.command(readCapacity10(), { in: 8 });
    c.alter = (bytes) => bytes.fill(0x7f, 50, 52);
    c.dataIn(sent, capacity10(1000, 512), { status: 0 });
    assert.deepEqual(sizes(bus.run(unknown)), []);
  });
});
