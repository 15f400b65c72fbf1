import assert from 'node:assert/strict';
import { Bench, be, pattern } from './host.ts';
import { CONFLICT, reads, stage, TUR, WRITE, writes } from './reservationStage.ts';
import {
  EA,
  EA_AR,
  EA_RO,
  generation,
  keys,
  out,
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
