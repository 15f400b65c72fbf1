import assert from 'node:assert/strict';
import { CONFLICT, READ, reads, stage, TUR } from './reservationStage.ts';
import {
  CLEAR,
  EA,
  EA_AR,
  EA_RO,
  keys,
  move,
  out,
  PREEMPT,
  PREEMPT_AND_ABORT,
  REGISTER,
  reservation,
  TYPES,
  WE,
  WE_AR,
} from './reserve.ts';

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
