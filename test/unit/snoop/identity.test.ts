import assert from 'node:assert/strict';
import { BLOCK, blocks, claim, HOST, LU, ScriptedBus, startWrite, TARGET, write } from '../../kit/bus.ts';
import { identification, inquiry, naa6 } from '../../kit/cdb.ts';
import type { Connection } from '../../kit/connection.ts';
import type { Findings } from '../../kit/run.ts';
import { u32 } from '../parsers/net/build.ts';

const PORTAL = '10.0.0.2:3260';
const SECOND = `${TARGET}:second`;

function identify(c: Connection, tail: number, o: { lun?: number; type?: number; local?: boolean } = {}): void {
  const bytes = naa6(tail);
  if (o.local) bytes[0] = 0x30;
  c.ask(inquiry(0x83), identification({ type: o.type ?? 3, bytes: o.local ? bytes.subarray(0, 8) : bytes }), {
    lun: o.lun ?? 0,
  });
}

function value(found: Findings, lu: string, lbn: number): number {
  return found.model(lu).read(lbn, 1)[0];
}

/** A session whose login was not captured. */
function unnamed(bus: ScriptedBus, o: { target?: readonly number[] } = {}): Connection {
  const before = bus.wire.frames.length;
  const c = bus.login(o);
  bus.wire.frames.length = before;
  for (let i = 0; i < 8; i++) c.ping();
  return c;
}

describe('A9 hosts, targets and LUs', () => {
  it('several hosts, targets and LUs at once go their own ways', () => {
    const bus = new ScriptedBus();
    const a = bus.login();
    const b = bus.login({ initiator: `${HOST}2`, isid: 2, host: [10, 0, 0, 9] });
    const far = bus.login({ targetName: SECOND, target: [10, 0, 0, 3] });
    write(a, 10, blocks(1));
    write(b, 11, blocks(2));
    write(a, 10, blocks(3), { lun: 1 });
    write(far, 10, blocks(4));
    const lus = [LU, `${TARGET}/1`, `${SECOND}/0`];
    const found = bus.run({ volumes: lus.map((lu) => claim({ lu })) });
    assert.deepEqual([value(found, LU, 10), value(found, LU, 11)], [1, 2]);
    assert.deepEqual([value(found, lus[1], 10), value(found, lus[2], 10)], [3, 4]);
    assert.deepEqual(new Set(found.commands.map((view) => view.host)), new Set([HOST, `${HOST}2`]));
  });

  it('flat and peripheral addressing name the same LU (SAM-5 sections 4.7.7.2, 4.7.7.3)', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    write(c, 10, blocks(1), { flat: true });
    write(c, 11, blocks(2), { flat: false });
    const found = bus.run();
    assert.deepEqual([value(found, LU, 10), value(found, LU, 11)], [1, 2]);
  });

  it('LUN 300 is flat', () => {
    const bus = new ScriptedBus();
    write(bus.login(), 10, blocks(1), { lun: 300 });
    const lu = `${TARGET}/300`;
    assert.equal(value(bus.run({ volumes: [claim({ lu })] }), lu, 10), 1);
  });
});

describe('A9 sessions whose login was not seen', () => {
  it('a volume named by its portal', () => {
    const bus = new ScriptedBus();
    write(unnamed(bus), 10, blocks(1));
    const lu = `${PORTAL}/0`;
    assert.equal(value(bus.run({ volumes: [claim({ lu })] }), lu, 10), 1);
  });

  it('the only volume that lists the portal with that LUN', () => {
    const bus = new ScriptedBus();
    write(unnamed(bus), 10, blocks(1));
    const far = claim({ lu: `${SECOND}/0`, portals: ['10.0.0.3:3260'] });
    const found = bus.run({ volumes: [claim({ portals: [PORTAL] }), far] });
    assert.equal(value(found, LU, 10), 1);
    assert.deepEqual(found.doubt(far.lu), []);
  });

  it('two that it could be are both in doubt whole', () => {
    const bus = new ScriptedBus();
    write(unnamed(bus), 10, blocks(1));
    const both = [claim({ portals: [PORTAL] }), claim({ lu: `${SECOND}/0`, portals: [PORTAL] })];
    const found = bus.run({ volumes: both });
    assert.deepEqual([found.doubt(LU), found.doubt(`${SECOND}/0`)], ['whole', 'whole']);
    assert.ok(found.noticed(/not proved which/));
  });

  it('the VPD page 83h of a named session proves which it is (SPC-5 section 7.7.6)', () => {
    const bus = new ScriptedBus();
    const named = bus.login({ isid: 7 });
    identify(named, 1);
    named.link.ack('host');
    const c = unnamed(bus, { target: [10, 0, 0, 5] });
    // Whether data digests are in use shows only when a PDU follows the first data.
    identify(c, 1);
    c.ping();
    write(c, 10, blocks(1));
    const volumes = [claim(), claim({ lu: `${SECOND}/0` })];
    const found = bus.run({ volumes });
    assert.deepEqual([value(found, LU, 10), found.doubt(LU), found.doubt(`${SECOND}/0`)], [1, [], []]);
  });
});

describe('A9 one LU under several names (SPC-5 section 7.7.6)', () => {
  it('another target name with the same NAA: its writes are the volume’s', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const d = bus.login({ targetName: SECOND });
    identify(c, 1);
    c.link.ack('host');
    identify(d, 1);
    write(d, 10, blocks(1));
    write(c, 11, blocks(2));
    const found = bus.run();
    assert.deepEqual([value(found, LU, 10), value(found, LU, 11)], [1, 2]);
    assert.deepEqual(found.doubt(LU), []);
  });

  it('in whatever order they tell it, and with what was written before', () => {
    const bus = new ScriptedBus();
    const d = bus.login({ targetName: SECOND });
    write(d, 10, blocks(1, 2));
    identify(d, 1);
    d.link.ack('host');
    const c = bus.login();
    identify(c, 1);
    c.link.ack('host');
    write(d, 11, blocks(2));
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), [[10, 1]]);
    assert.equal(value(found, LU, 11), 2);
  });

  it('a write that was in flight under the other name is in doubt', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    identify(c, 1);
    c.link.ack('host');
    const d = bus.login({ targetName: SECOND });
    const open = startWrite(d, 10, blocks(1));
    identify(d, 1);
    d.status(open);
    d.link.ack('host');
    assert.deepEqual(bus.run().doubt(LU), [[10, 1]]);
  });

  it('two configured names of one medium: what happens under one is read back under the other', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const d = bus.login({ targetName: SECOND });
    identify(c, 1);
    identify(d, 1);
    d.link.ack('host');
    write(c, 10, blocks(1));
    c.link.ack('host');
    write(d, 20, blocks(2));
    const second = `${SECOND}/0`;
    const found = bus.run({ volumes: [claim(), claim({ lu: second })] });
    assert.deepEqual([found.doubt(LU), found.doubt(second)], [[[20, 1]], [[10, 1]]]);
    assert.deepEqual([value(found, LU, 10), value(found, second, 20)], [1, 2]);
  });

  it('a T10 vendor id and a locally assigned NAA never make two LUs one', () => {
    for (const o of [{ type: 1 }, { local: true }]) {
      const bus = new ScriptedBus();
      const c = bus.login();
      const d = bus.login({ targetName: SECOND });
      identify(c, 1, o);
      c.link.ack('host');
      identify(d, 1, o);
      write(d, 10, blocks(1));
      const second = `${SECOND}/0`;
      const found = bus.run({ volumes: [claim(), claim({ lu: second })] });
      assert.deepEqual([value(found, LU, 10), value(found, second, 10)], [0, 1]);
    }
  });

  it('the same NAA on the LU’s own reset and sizes carries over', () => {
    const bus = new ScriptedBus();
    const d = bus.login({ targetName: SECOND });
    d.ask(Uint8Array.of(0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0), u32(999, BLOCK), { edtl: 8 });
    const c = bus.login();
    identify(c, 1);
    c.link.ack('host');
    identify(d, 1);
    write(c, 10, blocks(1));
    const found = bus.run({ volumes: [{ lu: LU }] });
    assert.equal(value(found, LU, 10), 1);
    assert.deepEqual(found.doubt(LU), []);
  });
});
