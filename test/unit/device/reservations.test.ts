import assert from 'node:assert/strict';
import { Fault } from '../../../src/base/fault.ts';
import type { Host, Options } from './host.ts';
import { Bench, be, pattern } from './host.ts';
import {
  CLEAR,
  EA,
  EA_AR,
  EA_RO,
  generation,
  keys,
  move,
  out,
  PREEMPT,
  PREEMPT_AND_ABORT,
  REGISTER,
  REGISTER_AND_IGNORE,
  RELEASE,
  RESERVE,
  read,
  reservation,
  TYPES,
  transportId,
  WE,
  WE_AR,
  WE_RO,
} from './reserve.ts';

const CONFLICT = 0x18;
const READ = [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0];
const WRITE = [0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0];
const TUR = [0, 0, 0, 0, 0, 0];

interface Stage {
  bench: Bench;
  one: Host;
  two: Host;
  three: Host;
}

/** Three hosts; the first two are registered with keys 1 and 2, the first holds a reservation of `type` if any. */
function stage(type = 0, options: Options = {}): Stage {
  const bench = new Bench(options);
  const one = bench.host('one');
  const two = bench.host('two');
  const three = bench.host('three');
  assert.equal(out(one, REGISTER, { sark: 1 }).status, 0);
  assert.equal(out(two, REGISTER, { sark: 2 }).status, 0);
  if (type !== 0) assert.equal(out(one, RESERVE, { key: 1, type }).status, 0);
  return { bench, one, two, three };
}

function reads(host: Host): boolean {
  const { status } = host.send(READ);
  assert.ok(status === 0 || status === CONFLICT);
  return status === 0;
}

function writes(host: Host): boolean {
  const { status } = host.send(WRITE, { dataOut: pattern(512, 1) });
  assert.ok(status === 0 || status === CONFLICT);
  return status === 0;
}

describe('persistent reservations: what others may do (SPC-5 5.14.1)', () => {
  // Holder, registered, not registered: reads and writes.
  const table: [number, string, string, string][] = [
    [WE, 'rw', 'r', 'r'],
    [EA, 'rw', '', ''],
    [WE_RO, 'rw', 'rw', 'r'],
    [EA_RO, 'rw', 'rw', ''],
    [WE_AR, 'rw', 'rw', 'r'],
    [EA_AR, 'rw', 'rw', ''],
  ];
  for (const [type, ...allowed] of table) {
    it(`type ${type}`, () => {
      const { one, two, three } = stage(type);
      const can = [one, two, three].map((host) => (reads(host) ? 'r' : '') + (writes(host) ? 'w' : ''));
      assert.deepEqual(can, allowed);
    });
  }

  it('lets through what looks at the unit alone', () => {
    const { three } = stage(EA);
    const free = [TUR, [0x12, 0, 0, 0, 36, 0], [0x03, 0, 0, 0, 18, 0], [0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]];
    free.push([0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0x4d, 0, 0x40, 0, 0, 0, 0, 0, 64, 0]);
    for (const cdb of free) assert.equal(three.send(cdb).status, 0, `opcode ${cdb[0]}`);
    for (const cdb of [
      [0x1a, 0, 0x08, 0, 255, 0],
      [0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      [0x9e, 0x12, ...be(0, 8), ...be(24, 4), 0, 0],
    ]) {
      assert.equal(three.send(cdb).status, CONFLICT, `opcode ${cdb[0]}`);
    }
  });

  it('takes no data from a host that is refused', () => {
    const { three, bench } = stage(EA);
    assert.equal(three.send(WRITE, { dataOut: pattern(512, 1) }).takes, 0);
    assert.ok(bench.medium().bytes.every((byte) => byte === 0));
  });
});

describe('REGISTER (SPC-5 5.14.7)', () => {
  it('asks for the key that is registered', () => {
    const { one, three } = stage();
    assert.equal(out(one, REGISTER, { key: 9, sark: 5 }).status, CONFLICT);
    assert.equal(out(three, REGISTER, { key: 9, sark: 5 }).status, CONFLICT);
    assert.equal(out(one, REGISTER, { key: 1, sark: 5 }).status, 0);
    assert.deepEqual(keys(one), [2, 5]);
  });

  it('does not ask with REGISTER AND IGNORE EXISTING KEY', () => {
    const { one, three } = stage();
    assert.equal(out(one, REGISTER_AND_IGNORE, { key: 99, sark: 7 }).status, 0);
    assert.equal(out(three, REGISTER_AND_IGNORE, { key: 99, sark: 8 }).status, 0);
    assert.deepEqual(keys(one), [2, 7, 8]);
  });

  it('registers nobody with a key of zero, and unregisters who is registered', () => {
    const { one, two, three } = stage();
    assert.equal(out(three, REGISTER, { sark: 0 }).status, 0);
    assert.equal(out(two, REGISTER, { key: 2, sark: 0 }).status, 0);
    assert.deepEqual(keys(one), [1]);
  });

  for (const type of TYPES) {
    it(`ends the reservation of type ${type} with its holder's registration, that of all with the last`, () => {
      const { one, two } = stage(type);
      assert.equal(out(one, REGISTER, { key: 1, sark: 0 }).status, 0);
      const isForAll = type === WE_AR || type === EA_AR;
      assert.deepEqual(reservation(one), isForAll ? { key: 0, type } : undefined);
      const told = two.send(TUR);
      // RESERVATIONS RELEASED, for those who shared it.
      if (type === WE_RO || type === EA_RO) assert.deepEqual([told.status, told.key, told.code], [2, 6, 0x2a04]);
      else assert.equal(told.status, 0);
      assert.equal(out(two, REGISTER, { key: 2, sark: 0 }).status, 0);
      assert.equal(reservation(one), undefined);
    });
  }

  it('counts its generation', () => {
    const { one } = stage();
    assert.equal(generation(one), 2);
    out(one, RESERVE, { key: 1, type: WE });
    out(one, RELEASE, { key: 1, type: WE });
    assert.equal(generation(one), 2);
    out(one, REGISTER, { key: 9, sark: 3 });
    assert.equal(generation(one), 2);
    out(one, REGISTER, { key: 1, sark: 1 });
    assert.equal(generation(one), 3);
  });

  it('registers others as well, all or none (SPEC_I_PT)', () => {
    const bench = new Bench();
    const one = bench.host('one');
    const four = bench.stranger('four', '0x00023d000004');
    four.send(TUR);
    const ids = transportId(four.nexus.initiatorPort);
    const list = { sark: 4, flags: 0x08, more: [...be(ids.length, 4), ...ids] };
    assert.equal(out(one, REGISTER, list).status, 0);
    assert.deepEqual(keys(one), [4, 4]);
    assert.equal(out(four, RESERVE, { key: 4, type: WE }).status, 0);
    // Who is registered registers no others.
    assert.equal(out(one, REGISTER, { key: 4, ...list }).code, 0x2600);
    assert.equal(out(one, REGISTER_AND_IGNORE, list).code, 0x2600);
    const wrong = [0x46, ...ids.slice(1)];
    assert.equal(
      out(bench.host('five'), REGISTER, { sark: 1, flags: 8, more: [...be(ids.length, 4), ...wrong] }).code,
      0x2600,
    );
    assert.equal(out(bench.host('six'), REGISTER, { sark: 1, flags: 8, more: [...be(200, 4), ...ids] }).code, 0x1a00);
    assert.deepEqual(keys(one), [4, 4]);
  });

  it('names all ports of an initiator by its name alone', () => {
    const bench = new Bench();
    const one = bench.host('one');
    bench.host('two', '0x00000000000a');
    bench.host('two', '0x00000000000b');
    const ids = transportId('iqn.2026-01.example.host:two');
    assert.equal(out(one, REGISTER, { sark: 4, flags: 0x08, more: [...be(ids.length, 4), ...ids] }).status, 0);
    assert.deepEqual(keys(one), [4, 4, 4]);
  });

  it('registers for all target ports (ALL_TG_PT)', () => {
    const bench = new Bench();
    const one = bench.host('one');
    assert.equal(out(one, REGISTER, { sark: 6, flags: 0x04 }).status, 0);
    const elsewhere = bench.stranger('one', '0x000000000001', 2);
    elsewhere.send(TUR);
    assert.equal(out(elsewhere, RESERVE, { key: 6, type: EA }).status, 0);
    assert.equal(reads(one), true);
    const full = read(one, 3).data;
    assert.equal(full[8 + 12], 0x03);
  });

  it('refuses lists of a wrong length', () => {
    const { one } = stage();
    assert.equal(out(one, REGISTER, { key: 1, more: [0, 0, 0, 0] }).code, 0x1a00);
    assert.equal(one.send([0x5f, 0, 0, 0, 0, ...be(23, 4), 0], { dataOut: new Uint8Array(23) }).code, 0x1a00);
    const short = one.send([0x5f, 0, 0, 0, 0, ...be(24, 4), 0], { dataOut: new Uint8Array(20) });
    assert.equal(short.code, 0x1a00);
  });
});

describe('RESERVE and RELEASE (SPC-5 5.14.10, 5.14.11.2)', () => {
  it('are for the registered', () => {
    const { one, three } = stage();
    assert.equal(out(three, RESERVE, { key: 0, type: WE }).status, CONFLICT);
    assert.equal(out(one, RESERVE, { key: 9, type: WE }).status, CONFLICT);
    assert.equal(out(one, RESERVE, { key: 1, type: 2 }).code, 0x2400);
    assert.equal(out(one, RESERVE, { key: 1, type: 0x11 }).code, 0x2400);
    assert.equal(reservation(one), undefined);
  });

  for (const type of TYPES) {
    it(`type ${type}: again by the holder is fine, by others or of another type a conflict`, () => {
      const { one, two } = stage(type);
      assert.equal(out(one, RESERVE, { key: 1, type }).status, 0);
      const isForAll = type === WE_AR || type === EA_AR;
      assert.equal(out(two, RESERVE, { key: 2, type }).status, isForAll ? 0 : CONFLICT);
      assert.equal(out(one, RESERVE, { key: 1, type: type === WE ? EA : WE }).status, CONFLICT);
      assert.deepEqual(reservation(two), { key: isForAll ? 0 : 1, type });
    });

    it(`type ${type}: released by its holder, of that type`, () => {
      const { one, two } = stage(type);
      assert.equal(out(one, RELEASE, { key: 1, type: type === WE ? EA : WE }).code, 0x2604);
      assert.equal(out(one, RELEASE, { key: 9, type }).status, CONFLICT);
      assert.notEqual(reservation(one), undefined);
      const isForAll = type === WE_AR || type === EA_AR;
      assert.equal(out(two, RELEASE, { key: 2, type }).status, 0);
      assert.equal(reservation(two) === undefined, isForAll);
      if (isForAll) assert.equal(one.send(TUR).code, 0x2a04);
      assert.equal(out(one, RELEASE, { key: 1, type }).status, 0);
      assert.equal(reservation(one), undefined);
      // Those who shared it are told, but for who released it.
      const told = two.send(TUR).code;
      assert.equal(told, type === WE_RO || type === EA_RO ? 0x2a04 : 0);
      assert.equal(one.send(TUR).status, 0);
    });
  }
});

describe('CLEAR (SPC-5 5.14.11.6)', () => {
  it('takes away everything and tells the others', () => {
    const { one, two, three } = stage(EA_RO);
    assert.equal(out(three, CLEAR, { key: 0 }).status, CONFLICT);
    assert.equal(out(two, CLEAR, { key: 2 }).status, 0);
    assert.equal(one.send(TUR).code, 0x2a03);
    assert.equal(two.send(TUR).status, 0);
    assert.equal(three.send(TUR).status, 0);
    assert.deepEqual(keys(one), []);
    assert.equal(reservation(one), undefined);
  });
});

describe('PREEMPT (SPC-5 5.14.11.4)', () => {
  it('removes registrations where there is no reservation', () => {
    const { one, two } = stage();
    assert.equal(out(one, PREEMPT, { key: 1, sark: 0, type: WE }).code, 0x2600);
    assert.equal(out(one, PREEMPT, { key: 1, sark: 5, type: WE }).status, CONFLICT);
    assert.equal(out(one, PREEMPT, { key: 1, sark: 2, type: WE }).status, 0);
    assert.deepEqual(keys(one), [1]);
    assert.equal(reservation(one), undefined);
    assert.equal(two.send(TUR).code, 0x2a05);
  });

  for (const type of TYPES.slice(0, 4)) {
    it(`takes a reservation of type ${type} from its holder`, () => {
      const { one, two, three } = stage(type);
      out(three, REGISTER, { sark: 3 });
      assert.equal(out(two, PREEMPT, { key: 2, sark: 1, type: EA }).status, 0);
      assert.deepEqual(reservation(two), { key: 2, type: EA });
      assert.deepEqual(keys(two), [2, 3]);
      assert.equal(one.send(TUR).code, 0x2a05);
      // Who stays registered is told that it is another reservation now.
      if (type !== EA) assert.equal(three.send(TUR).code, 0x2a04);
      assert.equal(three.send(TUR).status, 0);
      assert.equal(two.send(TUR).status, 0);
    });
  }

  it('removes others without touching the reservation', () => {
    const { one, two, three } = stage(EA_RO);
    out(three, REGISTER, { sark: 3 });
    assert.equal(out(two, PREEMPT, { key: 2, sark: 3, type: WE }).status, 0);
    assert.deepEqual(reservation(one), { key: 1, type: EA_RO });
    assert.deepEqual(keys(one), [1, 2]);
    assert.equal(three.send(TUR).code, 0x2a05);
    assert.equal(out(two, PREEMPT, { key: 2, sark: 0, type: WE }).code, 0x2600);
  });

  it('changes the type of what one holds', () => {
    const { one, two } = stage(WE);
    assert.equal(out(one, PREEMPT, { key: 1, sark: 1, type: EA_RO }).status, 0);
    assert.deepEqual(reservation(one), { key: 1, type: EA_RO });
    assert.deepEqual(keys(one), [1, 2]);
    assert.equal(two.send(TUR).code, 0x2a04);
  });

  it('with a key of zero takes the reservation of all registrants and removes the others', () => {
    const { one, two } = stage(EA_AR);
    assert.equal(out(two, PREEMPT, { key: 2, sark: 0, type: WE }).status, 0);
    assert.deepEqual(reservation(two), { key: 2, type: WE });
    assert.deepEqual(keys(two), [2]);
    assert.equal(one.send(TUR).code, 0x2a05);
  });

  it('AND ABORT stops the tasks of those it removes', () => {
    const { bench, one, two, three } = stage(EA);
    const mine = two.begin(READ, { tag: 50 });
    const theirs = one.begin(READ, { tag: 60 });
    const others = three.begin(TUR, { tag: 70 });
    assert.equal(out(two, PREEMPT_AND_ABORT, { key: 2, sark: 1, type: EA }).status, 0);
    assert.deepEqual(bench.stopped, [{ nexus: one.nexus.id, tag: 60 }]);
    for (const task of [mine, theirs, others]) task.end();
    assert.equal(one.send(TUR).code, 0x2f00);
    assert.equal(one.send(TUR).code, 0x2a05);
    assert.equal(reads(two), true);
  });
});

describe('REGISTER AND MOVE (SPC-5 5.14.8)', () => {
  it('hands the reservation over', () => {
    const { bench, one, two, three } = stage(EA);
    assert.equal(move(two, { key: 2, sark: 9, to: three.nexus.initiatorPort }).status, CONFLICT);
    assert.equal(move(one, { key: 1, sark: 0, to: three.nexus.initiatorPort }).code, 0x2600);
    assert.equal(move(one, { key: 1, sark: 9, to: one.nexus.initiatorPort }).code, 0x2600);
    assert.equal(move(one, { key: 1, sark: 9, to: 'iqn.2026-01.example.host:three' }).code, 0x2600);
    assert.equal(move(one, { key: 1, sark: 9, to: three.nexus.initiatorPort, unregister: true }).status, 0);
    assert.deepEqual(reservation(one), { key: 9, type: EA });
    assert.deepEqual(keys(one), [2, 9]);
    assert.equal(reads(three), true);
    assert.equal(reads(one), false);
    assert.equal(bench.kept.size, 0);
  });

  it('not where all registrants hold it', () => {
    const { one, three } = stage(WE_AR);
    assert.equal(move(one, { key: 1, sark: 9, to: three.nexus.initiatorPort }).status, CONFLICT);
  });
});

describe('PERSISTENT RESERVE IN (SPC-5 6.16)', () => {
  it('tells full status', () => {
    const { one } = stage(WE_RO);
    const data = Buffer.from(read(one, 3).data);
    assert.equal(data.readUInt32BE(0), 2);
    assert.equal(data.readUInt32BE(4), data.length - 8);
    const id = transportId(one.nexus.initiatorPort);
    const expected = [...be(1, 8), 0, 0, 0, 0, 1, WE_RO, 0, 0, 0, 0, ...be(1, 2), ...be(id.length, 4), ...id];
    assert.deepEqual([...data.subarray(8, 8 + expected.length)], expected);
  });

  it('tells what it can do', () => {
    const { one } = stage();
    assert.deepEqual([...read(one, 2).data], [0, 8, 0x1d, 0x90, 0xea, 0x01, 0, 0]);
  });

  it('cuts at the allocation length and keeps the full length in its header', () => {
    const { one } = stage();
    const data = Buffer.from(read(one, 0, 12).data);
    assert.equal(data.length, 12);
    assert.equal(data.readUInt32BE(4), 16);
    assert.equal(read(one, 4).code, 0x2400);
  });
});

describe('reservations over losses and restarts', () => {
  it('stay when a nexus is lost, and are the same nexus again with the same names', () => {
    const { bench, one, two } = stage(EA);
    bench.device.close(one.nexus);
    assert.equal(reads(two), false);
    const back = bench.host('one');
    assert.equal(back.nexus.initiatorPort, one.nexus.initiatorPort);
    assert.equal(reads(back), true);
  });

  it('are kept with APTPL, and given up by a registration without', () => {
    const { bench, one, two } = stage();
    assert.equal(bench.kept.size, 0);
    out(one, REGISTER, { key: 1, sark: 1, flags: 1 });
    out(two, RESERVE, { key: 2, type: EA_RO });
    const kept = bench.kept.get('100 reservations') as Uint8Array;
    const again = new Bench({ saved: { reservations: kept } });
    const back = again.host('two');
    const stranger = again.host('three');
    assert.deepEqual(reservation(stranger), { key: 2, type: EA_RO });
    assert.deepEqual(keys(stranger), [1, 2]);
    assert.equal(generation(stranger), 0);
    assert.equal(reads(stranger), false);
    assert.equal(writes(back), true);
    assert.equal(read(back, 2).data[3], 0x91);
    out(back, REGISTER, { key: 2, sark: 2, flags: 0 });
    const gone = new Bench({ saved: { reservations: again.kept.get('100 reservations') as Uint8Array } });
    assert.deepEqual(keys(gone.host('two')), []);
  });

  it('are as they were where they cannot be kept', () => {
    const { bench, one, two } = stage(EA);
    out(one, REGISTER, { key: 1, sark: 1, flags: 1 });
    const before = [keys(one), reservation(one), generation(one)];
    for (const [host, action, order] of [
      [two, PREEMPT, { key: 2, sark: 1, type: WE }],
      [one, CLEAR, { key: 1 }],
      [one, REGISTER, { key: 1, sark: 8 }],
    ] as const) {
      bench.fail = { kind: 'keep', error: new Fault('local', 'no room') };
      assert.equal(out(host, action, order).status, 2);
      one.send(TUR);
      two.send(TUR);
      assert.deepEqual([keys(one), reservation(one), generation(one)], before);
    }
  });

  it('are not promised where nobody keeps anything', () => {
    const host = new Bench({ keeps: false }).host();
    assert.equal(read(host, 2).data[2], 0x1c);
    assert.equal(out(host, REGISTER, { sark: 1, flags: 1 }).code, 0x2600);
    assert.equal(out(host, REGISTER, { sark: 1 }).status, 0);
  });

  it('change one command after the other', () => {
    const { one, two } = stage();
    const list = Uint8Array.from([...be(1, 8), ...be(7, 8), 0, 0, 0, 0, 1, 0, 0, 0]);
    const first = one.begin([0x5f, REGISTER, 0, 0, 0, ...be(24, 4), 0], { dataOut: list });
    const steps = first.run([list]);
    assert.equal((steps.next().value as { kind: string }).kind, 'keep');
    const other = Uint8Array.from([...be(2, 8), ...be(9, 8), ...be(0, 8)]);
    const second = two.begin([0x5f, REGISTER, 0, 0, 0, ...be(24, 4), 0], { dataOut: other });
    const later = second.run([other]);
    assert.deepEqual(later.next().value, { kind: 'wait' });
    // The first is aborted: it has happened all the same, as what is kept says.
    steps.return({ status: 0 });
    first.end();
    assert.equal((later.next().value as { kind: string }).kind, 'keep');
    assert.equal(later.next().done, true);
    assert.deepEqual(keys(one), [7, 9]);
  });

  it('are not touched by a reset', () => {
    const { bench, one, two } = stage(EA);
    bench.device.manage({ kind: 'targetColdReset', nexus: two.nexus });
    two.send(TUR);
    assert.equal(reads(two), false);
    assert.deepEqual(reservation(two), { key: 1, type: EA });
    assert.equal(one.send(TUR).code, 0x2903);
  });
});

describe('RESERVE(6) and RELEASE(6) (SPC-2 5.5)', () => {
  const RESERVE_6 = [0x16, 0, 0, 0, 0, 0];
  const RELEASE_6 = [0x17, 0, 0, 0, 0, 0];

  it('keep others out until the holder, or a loss or a reset of it, ends it', () => {
    const bench = new Bench();
    const one = bench.host('one');
    const two = bench.host('two');
    const ends = [
      () => one.send(RELEASE_6),
      () => bench.device.manage({ kind: 'lunReset', nexus: two.nexus, lun: new Uint8Array(8) }),
      () => bench.device.close(one.nexus),
    ];
    for (const end of ends) {
      assert.equal(one.send(RESERVE_6).status, 0);
      assert.equal(one.send(RESERVE_6).status, 0);
      assert.equal(two.send(RESERVE_6).status, CONFLICT);
      assert.equal(reads(two), false);
      assert.equal(two.send([0x12, 0, 0, 0, 36, 0]).status, 0);
      assert.equal(two.send(RELEASE_6).status, 0);
      assert.equal(reads(two), false);
      end();
      two.send(TUR);
      one.send(TUR);
      assert.equal(reads(two), true);
    }
  });

  it('conflict with registrations, unless one shares the reservation (CRH)', () => {
    const { one, two, three } = stage();
    assert.equal(one.send(RESERVE_6).status, CONFLICT);
    out(one, RESERVE, { key: 1, type: EA_RO });
    assert.equal(two.send(RESERVE_6).status, 0);
    assert.equal(three.send(RESERVE_6).status, CONFLICT);
    assert.equal(reads(one), true);
  });
});
