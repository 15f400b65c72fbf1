import assert from 'node:assert/strict';
import { blocks, LU, ScriptedBus, startWrite, write } from '../../kit/bus.ts';
import { cdb10, compareAndWrite, sense } from '../../kit/cdb.ts';
import type { StatusShape } from '../../kit/connection.ts';
import { join } from '../parsers/net/build.ts';

/** One block at LBN 10 that ends so; what it left there and what is in doubt. */
function ending(status: StatusShape): { value: number; doubt: unknown; reasons: string[] } {
  const bus = new ScriptedBus();
  const c = bus.login();
  write(c, 10, blocks(1));
  c.status(startWrite(c, 10, blocks(2)), status);
  const found = bus.run();
  return { value: found.model(LU).read(10, 1)[0], doubt: found.doubt(LU), reasons: found.doubts };
}

describe('B2 what a status proves about the medium (SAM-5 section 5.3.1)', () => {
  it('GOOD and CONDITION MET make it a change with its data', () => {
    assert.deepEqual(ending({ status: 0 }), { value: 2, doubt: [], reasons: [] });
    assert.deepEqual(ending({ status: 4 }), { value: 2, doubt: [], reasons: [] });
  });

  for (const [name, status] of [
    ['BUSY', 0x08],
    ['RESERVATION CONFLICT', 0x18],
    ['TASK SET FULL', 0x28],
    ['ACA ACTIVE', 0x30],
  ] as const) {
    it(`${name} refuses: nothing changed`, () => {
      assert.deepEqual(ending({ status }), { value: 1, doubt: [], reasons: [] });
    });
  }

  for (const [name, key] of [
    ['NOT READY', 2],
    ['ILLEGAL REQUEST', 5],
    ['UNIT ATTENTION', 6],
    ['DATA PROTECT', 7],
    ['MISCOMPARE', 14],
  ] as const) {
    it(`CHECK CONDITION with ${name} changes nothing (SPC-5 section 4.4.8)`, () => {
      assert.deepEqual(ending({ sense: sense(key, 0x21) }), { value: 1, doubt: [], reasons: [] });
    });
  }

  for (const [name, key] of [
    ['NO SENSE', 0],
    ['RECOVERED ERROR', 1],
    ['MEDIUM ERROR', 3],
    ['HARDWARE ERROR', 4],
    ['BLANK CHECK', 8],
    ['VENDOR SPECIFIC', 9],
    ['COPY ABORTED', 10],
    ['ABORTED COMMAND', 11],
    ['VOLUME OVERFLOW', 13],
  ] as const) {
    it(`CHECK CONDITION with ${name} may have written a part: LBN-only`, () => {
      assert.deepEqual(ending({ sense: sense(key) }), { value: 1, doubt: [[10, 1]], reasons: ['outcome'] });
    });
  }

  it('27h/07h, space allocation failed, may have written a part (SBC-4 section 4.7.3.6)', () => {
    assert.deepEqual(ending({ sense: sense(7, 0x27, 0x07) }).doubt, [[10, 1]]);
  });

  it('CHECK CONDITION without sense data, TASK ABORTED and a target failure are LBN-only (RFC 7143 section 11.4.3)', () => {
    assert.deepEqual(ending({ status: 2 }).doubt, [[10, 1]]);
    assert.deepEqual(ending({ status: 0x40 }).doubt, [[10, 1]]);
    assert.deepEqual(ending({ status: 0, response: 1 }).doubt, [[10, 1]]);
  });

  it('deferred sense is about another command and leaves this one open (SPC-5 section 4.4.5)', () => {
    const deferred = sense(5, 0x24);
    deferred[2] = 0x71;
    assert.deepEqual(ending({ sense: deferred }).doubt, [[10, 1]]);
  });

  it('WRITE AND VERIFY has written what then miscompared (SBC-4 section 5.44)', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    c.status(c.command(cdb10(0x2e, 10, 1), { out: blocks(1) }), { sense: sense(14, 0x1d) });
    assert.deepEqual(bus.run().doubt(LU), [[10, 1]]);
  });

  it('COMPARE AND WRITE that miscompared wrote nothing (SBC-4 section 5.3)', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    c.status(c.command(compareAndWrite(10, 1), { out: join(blocks(1), blocks(2)) }), { sense: sense(14, 0x1d) });
    const found = bus.run();
    assert.deepEqual(found.changes, []);
  });

  it('a doubtful write reaches no further than its EDTL (RFC 7143 section 11.3.4)', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    c.status(c.command(cdb10(0x2a, 10, 8), { out: blocks(1, 3) }), { sense: sense(3) });
    assert.deepEqual(bus.run().doubt(LU), [[10, 3]]);
  });

  it('extents in doubt are clipped to the capacity', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    c.status(startWrite(c, 998, blocks(1, 8)), { sense: sense(3) });
    assert.deepEqual(bus.run().doubt(LU), [[998, 2]]);
  });
});
