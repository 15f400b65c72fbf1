import assert from 'node:assert/strict';
import { blocks, HOST, LU, ScriptedBus, startWrite, write } from '../../kit/bus.ts';
import { unmap, unmapList } from '../../kit/cdb.ts';

describe('B2 writes in flight together on the same blocks (SAM-5 section 8: no order among simple tasks)', () => {
  it('write after write in sequence is exact', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    for (let i = 1; i <= 20; i++) write(c, 10, blocks(i));
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), []);
    assert.equal(found.model(LU).read(10, 1)[0], 20);
  });

  it('two on one connection: only the common blocks are LBN-only', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const a = startWrite(c, 10, blocks(1, 4));
    const b = startWrite(c, 12, blocks(2, 4));
    c.status(a);
    c.status(b);
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), [[12, 2]]);
    assert.equal(found.model(LU).read(11, 1)[0], 1);
    assert.equal(found.model(LU).read(14, 1)[0], 2);
    assert.deepEqual(found.doubts, ['overlap', 'overlap']);
  });

  it('a third after both is exact again', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const a = startWrite(c, 10, blocks(1, 2));
    const b = startWrite(c, 10, blocks(2, 2));
    c.status(b);
    c.status(a);
    write(c, 11, blocks(3));
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), [[10, 1]]);
    assert.equal(found.model(LU).read(11, 1)[0], 3);
  });

  it('one that overlaps both of two in sequence takes its blocks from both', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const long = startWrite(c, 10, blocks(9, 3));
    write(c, 10, blocks(1));
    write(c, 12, blocks(2));
    c.status(long);
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), [
      [10, 1],
      [12, 1],
    ]);
    assert.equal(found.model(LU).read(11, 1)[0], 9);
  });

  it('a rival that was refused leaves doubt on the common blocks only', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const a = startWrite(c, 10, blocks(1));
    const b = startWrite(c, 10, blocks(2));
    c.status(b, { status: 8 });
    c.status(a);
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), []);
    assert.equal(found.model(LU).read(10, 1)[0], 1);
  });

  it('two sessions: LBN-only where they met', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const d = bus.login({ isid: 2, initiator: `${HOST}2` });
    const a = startWrite(c, 10, blocks(1, 2));
    const b = startWrite(d, 11, blocks(2, 2));
    c.status(a);
    d.status(b);
    assert.deepEqual(bus.run().doubt(LU), [[11, 1]]);
  });

  it('two sessions in sequence stay exact although the first status was acknowledged late', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const d = bus.login({ isid: 2, initiator: `${HOST}2` });
    c.link.host.lateAcks = true;
    c.status(startWrite(c, 10, blocks(1, 2)));
    write(d, 11, blocks(2, 2));
    d.link.ack('host');
    c.link.ack('host');
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), []);
    assert.deepEqual(
      [...found.model(LU).read(10, 3)].filter((_, i) => i % 512 === 0),
      [1, 2, 2],
    );
  });

  it('a command that was acknowledged late met one that had ended before it was delivered', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const d = bus.login({ isid: 2, initiator: `${HOST}2` });
    const a = startWrite(c, 10, blocks(1, 2));
    d.link.target.lateAcks = true;
    const b = startWrite(d, 11, blocks(2, 2));
    c.status(a);
    c.ping();
    c.link.ack('host');
    d.link.target.lateAcks = false;
    d.status(b);
    d.link.ack('host');
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), [[11, 1]]);
    assert.equal(found.model(LU).read(12, 1)[0], 2);
  });

  it('an UNMAP in flight meets writes by the extents of its list', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const list = unmapList([10, 1], [20, 1]);
    const a = c.command(unmap(list.length), { out: list });
    write(c, 20, blocks(1));
    write(c, 15, blocks(2));
    c.status(a);
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), [
      [10, 1],
      [20, 1],
    ]);
    assert.equal(found.model(LU).read(15, 1)[0], 2);
  });

  it('thousands in flight on one block cost neither time nor exactness elsewhere', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const sent = Array.from({ length: 3000 }, (_, i) => startWrite(c, 10, blocks(i & 255)));
    write(c, 11, blocks(7));
    for (const one of sent) c.status(one);
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), [[10, 1]]);
    assert.equal(found.model(LU).read(11, 1)[0], 7);
  });
});
