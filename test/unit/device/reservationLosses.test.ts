import assert from 'node:assert/strict';
import { Fault } from '../../../src/base/fault.ts';
import { Bench, be } from './host.ts';
import { CONFLICT, reads, stage, TUR, writes } from './reservationStage.ts';
import {
  CLEAR,
  EA,
  EA_RO,
  generation,
  keys,
  out,
  PREEMPT,
  REGISTER,
  RESERVE,
  read,
  reservation,
  WE,
} from './reserve.ts';

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
