import assert from 'node:assert/strict';
import { BLOCK, blocks, claim, HOST, LU, ScriptedBus, startWrite, TARGET, write } from '../../kit/bus.ts';
import { unmap, unmapList, write10 } from '../../kit/cdb.ts';

const WHOLE: [number, number] = [0, Number.MAX_SAFE_INTEGER];

describe('B6 where a command is about to write (DESIGN, Persistence)', () => {
  it('is told before any of its data, and also when it never ends', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    startWrite(c, 7, blocks(1, 3));
    const found = bus.run({ without: (frame) => frame > bus.wire.frames.length - 1 });
    assert.deepEqual(found.intents.get(LU), [[7 * BLOCK, 3 * BLOCK]]);
  });

  it('is the whole LU while the block size is not known', () => {
    const bus = new ScriptedBus();
    write(bus.login(), 7, blocks(1));
    const found = bus.run({ volumes: [{ lu: LU }] });
    assert.deepEqual(found.intents.get(LU), [WHOLE]);
  });

  it('is not cut at the capacity, which may have grown', () => {
    const bus = new ScriptedBus();
    startWrite(bus.login(), 998, blocks(1, 4));
    const found = bus.run({ volumes: [claim({ blocks: 1000 })] });
    assert.deepEqual(found.intents.get(LU), [[998 * BLOCK, 4 * BLOCK]]);
  });

  it('is what the parameter list of UNMAP names (SBC-4 section 5.35)', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const list = unmapList([3, 2], [10, 1]);
    c.status(c.command(unmap(list.length), { out: list }));
    assert.deepEqual(bus.run().intents.get(LU), [
      [3 * BLOCK, 2 * BLOCK],
      [10 * BLOCK, BLOCK],
    ]);
  });

  it('is the whole LU for an EXTENDED COPY whose list cannot be read, and for every LU that it could mean', () => {
    const other = `${TARGET}/1`;
    const bus = new ScriptedBus();
    const c = bus.login();
    const list = new Uint8Array(16);
    list[3] = 0xff; // more CSCD descriptors than there are bytes
    const cdb = new Uint8Array(16);
    cdb[0] = 0x83;
    cdb[13] = list.length;
    c.status(c.command(cdb, { out: list }));
    const found = bus.run({ volumes: [claim(), claim({ lu: other })] });
    assert.ok(found.intents.get(LU)?.some(([, length]) => length === WHOLE[1]));
    assert.ok(found.intents.get(other)?.some(([, length]) => length === WHOLE[1]));
  });

  it('is nothing for a read', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const cdb = write10(0, 1);
    cdb[0] = 0x28;
    c.ask(cdb, blocks(1), { edtl: BLOCK });
    assert.equal(bus.run().intents.size, 0);
  });
});

describe("B6b the unit's own sessions", () => {
  it('are left out', () => {
    const bus = new ScriptedBus();
    write(bus.login(), 7, blocks(1));
    write(bus.login({ initiator: 'iqn.2001-04.com.example:unit', isid: 2 }), 9, blocks(2));
    const found = bus.run({ own: ['iqn.2001-04.com.example:unit'] });
    assert.equal(found.changes.length, 1);
    assert.deepEqual(
      found.commands.map(({ host }) => host),
      [HOST],
    );
  });
});

describe('B6 a bus that was joined while it went on', () => {
  /** A connection without its login, which then breaks. */
  function joined(waitMs: number): ScriptedBus {
    const bus = new ScriptedBus();
    const c = bus.login();
    write(c, 1, blocks(1));
    bus.wire.frames.splice(0, bus.wire.frames.length - 1);
    for (let i = 0; i < 4; i++) write(c, 10 + i, blocks(2));
    bus.wait(waitMs);
    write(c, 20, blocks(3));
    c.link.rst('host');
    return bus;
  }

  it('what was under way on a connection that ends soon may still land: the LU is in doubt whole', () => {
    const found = joined(100).run({ joins: true, volumes: [claim({ portals: [] })] });
    assert.ok(found.doubts.includes('aborted'));
  });

  it('and not for a capture, nor when it ends long after', () => {
    const soon = joined(100).run();
    assert.equal(soon.doubts.includes('aborted'), false);
    const late = joined(40_000).run({ joins: true });
    assert.equal(late.doubts.includes('aborted'), false);
  });
});
