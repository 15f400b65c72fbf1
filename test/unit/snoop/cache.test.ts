import assert from 'node:assert/strict';
import { blocks, claim, HOST, LU, ScriptedBus, sync, TARGET, write } from '../../kit/bus.ts';
import { cachingPage, capacity10, cdb10, modeSense6, readCapacity10, sense, sync10 } from '../../kit/cdb.ts';
import type { Connection } from '../../kit/connection.ts';

const POWER_ON = sense(6, 0x29, 0x00);
const TEST_UNIT_READY = new Uint8Array(6);

/** TEST UNIT READY that meets a unit attention. */
function attention(c: Connection, data = POWER_ON): void {
  c.status(c.command(TEST_UNIT_READY), { sense: data });
}

function wce(c: Connection, on: boolean): void {
  c.ask(modeSense6(), cachingPage(on));
}

describe('B2b a volatile cache that was lost (SBC-4 section 4.15, SPC-5 29h/00h)', () => {
  it('a nexus in use meets a power-on: everything since the last SYNCHRONIZE CACHE is LBN-only', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    write(c, 10, blocks(1));
    sync(c);
    write(c, 20, blocks(2));
    attention(c);
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), [[20, 1]]);
    assert.ok(found.noticed(/restarted/));
    assert.equal(found.barriers.length, 1);
  });

  it('the target ended the connection, and a new login meets a power-on', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    write(c, 10, blocks(1));
    c.close('target');
    attention(bus.login({ isid: 2 }));
    assert.deepEqual(bus.run().doubt(LU), [[10, 1]]);
  });

  it('the connection vanished without an end, and the same host comes back', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    write(c, 10, blocks(1));
    c.ping();
    attention(bus.login());
    assert.deepEqual(bus.run().doubt(LU), [[10, 1]]);
  });

  it('the host gave up waiting for a target that had vanished', () => {
    for (const [ms, doubt] of [
      [5000, [10, 20]],
      [100, [20]],
    ] as const) {
      const bus = new ScriptedBus();
      const c = bus.login();
      write(c, 10, blocks(1));
      c.ping();
      c.command(cdb10(0x2a, 20, 1), { out: blocks(2) });
      c.link.ack('target');
      bus.wait(ms);
      c.link.rst('host');
      attention(bus.login({ isid: 2 }));
      assert.deepEqual(
        bus.run().doubt(LU),
        doubt.map((lbn) => [lbn, 1]),
      );
    }
  });

  it('writes before the restart stay in doubt, those after it are exact', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    write(c, 10, blocks(1, 2));
    attention(c);
    write(c, 11, blocks(2));
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), [[10, 1]]);
  });

  it('the unit attention that greets an ordinary login proves nothing', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    attention(c);
    write(c, 10, blocks(1));
    c.logout();
    c.close('host');
    attention(bus.login({ isid: 2 }));
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), []);
    assert.ok(!found.noticed(/restarted/));
  });

  it('nor does one behind INQUIRY, REPORT LUNS or REQUEST SENSE, which it lets pass (SAM-6 section 5.14.4)', () => {
    for (const cdb of [
      [0x12, 0, 0, 0, 36, 0],
      [0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0],
      [0x03, 0, 0, 0, 18, 0],
    ]) {
      const bus = new ScriptedBus();
      const other = bus.login();
      write(other, 10, blocks(1));
      const c = bus.login({ isid: 2 });
      c.ask(Uint8Array.from(cdb), new Uint8Array(16));
      attention(c);
      const found = bus.run();
      assert.deepEqual(found.doubt(LU), []);
      assert.ok(!found.noticed(/restarted/));
    }
  });

  it('a reset by task management explains the unit attention', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    write(c, 10, blocks(1));
    c.managed(c.manage(5));
    attention(c);
    assert.deepEqual(bus.run().doubt(LU), []);
  });

  it('WCE=0 was seen: GOOD was on the medium (SBC-4 section 6.5.6)', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    wce(c, false);
    write(c, 10, blocks(1));
    attention(c);
    assert.deepEqual(bus.run().doubt(LU), []);
  });

  it('MODE SELECT may have switched the cache on since (SPC-5 section 6.14)', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    wce(c, false);
    c.status(c.command(Uint8Array.of(0x15, 0x10, 0, 0, 24, 0), { out: cachingPage(true) }));
    write(c, 10, blocks(1));
    attention(c);
    assert.deepEqual(bus.run().doubt(LU), [[10, 1]]);
  });

  it('FUA went to the medium', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    c.status(c.command(cdb10(0x2a, 10, 1, 0x08), { out: blocks(1) }));
    write(c, 20, blocks(2));
    attention(c);
    assert.deepEqual(bus.run().doubt(LU), [[20, 1]]);
  });

  it('a SYNCHRONIZE CACHE of a range covers that range (SBC-4 section 5.33)', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    write(c, 10, blocks(1, 4));
    sync(c, 11, 2);
    attention(c);
    assert.deepEqual(bus.run().doubt(LU), [
      [10, 1],
      [13, 1],
    ]);
  });

  it('a write that ended after the SYNCHRONIZE CACHE was sent is not covered by it', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    write(c, 10, blocks(1));
    const flush = c.command(sync10());
    write(c, 20, blocks(2));
    c.status(flush);
    attention(c);
    assert.deepEqual(bus.run().doubt(LU), [[20, 1]]);
  });

  it('nor one that ended on another connection before the SYNCHRONIZE CACHE was delivered late', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const d = bus.login({ isid: 2, initiator: `${HOST}2` });
    write(d, 5, blocks(5));
    d.link.target.lateAcks = true;
    const flush = d.command(sync10());
    write(c, 20, blocks(2));
    c.link.ack('host');
    d.link.target.lateAcks = false;
    d.status(flush);
    d.link.ack('host');
    attention(d);
    assert.deepEqual(bus.run().doubt(LU), [[20, 1]]);
  });

  it('IMMED and a failed SYNCHRONIZE CACHE promise nothing', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    write(c, 10, blocks(1));
    c.status(c.command(sync10(0, 0, true)));
    c.status(c.command(sync10()), { sense: sense(3, 0x0c) });
    attention(c);
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), [[10, 1]]);
    assert.equal(found.barriers.length, 0);
  });

  it('a restart is about every LU of the target, and of no other', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const far = bus.login({ targetName: `${TARGET}2`, target: [10, 0, 0, 3] });
    write(c, 10, blocks(1));
    write(c, 20, blocks(2), { lun: 1 });
    write(far, 30, blocks(3));
    attention(c);
    const other = `${TARGET}/1`;
    const third = `${TARGET}2/0`;
    const found = bus.run({ volumes: [claim(), claim({ lu: other }), claim({ lu: third })] });
    assert.deepEqual([found.doubt(LU), found.doubt(other), found.doubt(third)], [[[10, 1]], [[20, 1]], []]);
  });
});

describe('B2b capacity changes (SPC-5 2Ah/09h)', () => {
  it('another READ CAPACITY is told, and what is written behind the old end is kept', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    c.ask(readCapacity10(), capacity10(1000, 512), { edtl: 8 });
    attention(c, sense(6, 0x2a, 0x09));
    c.ask(readCapacity10(), capacity10(2000, 512), { edtl: 8 });
    write(c, 1500, blocks(1));
    const found = bus.run();
    assert.ok(found.noticed(/capacity changed/));
    assert.deepEqual(found.facts.at(-1)?.blocks, 2000);
    assert.equal(found.model(LU).read(1500, 1)[0], 1);
  });

  it('a write in GOOD beyond the known end proves that it has moved', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    write(c, 1500, blocks(1, 2));
    const found = bus.run();
    assert.equal(found.model(LU).read(1501, 1)[0], 1);
    assert.equal(found.facts.at(-1)?.blocks, 1502);
    assert.ok(found.noticed(/grown/));
  });
});
