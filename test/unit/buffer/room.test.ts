import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Lease } from '../../../src/base/change.ts';
import { Fault } from '../../../src/base/fault.ts';
import { Room, type RoomHolder } from '../../../src/buffer/room.ts';

const holder = (heldBytes: number, crowded = false, shed: (bytes: number) => number = () => 0): RoomHolder => ({
  heldBytes,
  crowded,
  shed,
});

describe('B4 Room', () => {
  it('lends disjoint memory, whole and within its bound, however it is taken and given', () => {
    const step = fc.oneof(fc.record({ take: fc.integer({ min: 1, max: 30_000 }) }), fc.record({ give: fc.nat() }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.constantFrom(65_536, 100_000, 2 << 20), (steps, bytes) => {
        const room = new Room({ bytes, threshold: 0, whenFull: 'lbn' });
        const all = room.freeBytes;
        const open: { lease: Lease; mark: number }[] = [];
        let used = 0;
        steps.forEach((s, mark) => {
          if ('take' in s) {
            const lease = room.take(s.take);
            if (!lease) {
              assert.ok(used + s.take + 4096 > all, 'refused only when it does not fit');
              return;
            }
            assert.ok(lease.parts.reduce((n, part) => n + part.length, 0) >= s.take);
            for (const part of lease.parts) part.fill(mark);
            used += lease.bytes;
            assert.ok(used <= bytes);
            open.push({ lease, mark });
          } else if (open.length > 0) {
            const [{ lease }] = open.splice(s.give % open.length, 1);
            used -= lease.bytes;
            room.give(lease);
          }
          for (const { lease, mark } of open) {
            for (const part of lease.parts)
              assert.ok(
                part.every((byte) => byte === mark),
                'lent to one only',
              );
          }
        });
        for (const { lease } of open) room.give(lease);
        assert.equal(room.freeBytes, all);
        const whole = room.take(all);
        assert.equal(whole?.parts.length, 1, 'free neighbours have grown together');
      }),
      { numRuns: 60 },
    );
  });

  it('gives several parts where no run is long enough', () => {
    const room = new Room({ bytes: 8 * 512, threshold: 0 });
    const leases = Array.from({ length: 8 }, () => room.take(512) as Lease);
    for (const i of [1, 2, 4, 6]) room.give(leases[i]);
    const lease = room.take(4 * 512);
    assert.deepEqual(
      lease?.parts.map((part) => part.length),
      [1024, 512, 512],
    );
    assert.equal(room.freeBytes, 0);
  });

  it('falls to LBN-only below the threshold and keeps data again when room returns', () => {
    const room = new Room({ bytes: 65_536, threshold: 0.25, whenFull: 'lbn' });
    room.tick(1000);
    const lease = room.take(49_152) as Lease;
    assert.equal(room.state, 'data');
    assert.equal(room.take(512), undefined, 'one byte more would leave less than a quarter');
    assert.equal(room.state, 'lbnOnly');
    room.tick(1500);
    assert.equal(room.take(512), undefined);
    room.tick(1600);
    room.give(lease);
    assert.equal(room.state, 'data');
    room.tick(2000);
    assert.deepEqual(room.report(), {
      bytes: 65_536,
      threshold: 0.25,
      whenFull: 'lbn',
      state: 'data',
      falls: 1,
      refusedLeases: 2,
      peakBytes: 49_152,
      dataNs: 400,
      lbnOnlyNs: 600,
    });
    assert.equal(room.full, false, 'a bus does not wait');
  });

  it('makes a file source wait while a ring has something to drain, and wakes it', () => {
    const room = new Room({ bytes: 65_536, threshold: 0.25, whenFull: 'wait' });
    const tasks = room.take(40_000) as Lease;
    const ring = { heldBytes: 0, crowded: false, shed: () => 0 };
    room.register(ring);
    assert.equal(room.full, false, 'open tasks alone would never drain');
    ring.heldBytes = 512;
    assert.equal(room.full, true);
    let woken = 0;
    room.onRoom(() => woken++);
    assert.equal(woken, 0);
    room.give(tasks);
    assert.equal(woken, 1);
    room.onRoom(() => woken++);
    assert.equal(woken, 2, 'at once when there is room');
    ring.crowded = true;
    assert.equal(room.full, true, 'too many entries wait, if they hold no data');
    room.unregister(ring);
    assert.equal(room.full, false);
  });

  it('in wait mode lends what is left below the threshold rather than give up data', () => {
    const room = new Room({ bytes: 65_536, threshold: 0.25, whenFull: 'wait' });
    assert.ok(room.take(65_536));
    assert.equal(room.take(1), undefined);
  });

  it('in wait mode refuses no single write, whatever came before it, that fits into the whole room', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 65_536 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(sizes, fc.double({ min: 0, max: 0.99, noNaN: true }), (sizes, threshold) => {
        const room = new Room({ bytes: 65_536, threshold, whenFull: 'wait' });
        const waiting: Lease[] = [];
        room.register({
          get heldBytes() {
            return waiting.reduce((sum, { bytes }) => sum + bytes, 0);
          },
          crowded: false,
          shed: () => 0,
        });
        for (const size of sizes) {
          while (room.full) room.give(waiting.shift() as Lease);
          const lease = room.take(size);
          assert.ok(lease, `${size} bytes`);
          waiting.push(lease);
        }
      }),
    );
  });

  it('asks the fullest ring to shed before it refuses, and for no more than can help', () => {
    const room = new Room({ bytes: 65_536, threshold: 0.25, whenFull: 'lbn' });
    const held = room.take(49_152) as Lease;
    const asked: [string, number][] = [];
    room.register(
      holder(100, false, (bytes) => {
        asked.push(['small', bytes]);
        return 0;
      }),
    );
    room.register(
      holder(49_152, false, (bytes) => {
        asked.push(['large', bytes]);
        room.give(held);
        return held.bytes;
      }),
    );
    assert.ok(room.take(1024));
    assert.deepEqual(asked, [['large', 1024]]);
    assert.equal(room.take(50_000), undefined);
    assert.equal(asked.length, 1, 'nothing is shed for what can never fit');
  });

  it('refuses a lease given twice and senseless bounds', () => {
    const room = new Room({ bytes: 65_536 });
    const lease = room.take(1) as Lease;
    room.give(lease);
    assert.throws(() => room.give(lease), Fault);
    assert.throws(() => room.give({ parts: [], bytes: 512 }), Fault);
    assert.throws(() => new Room({ bytes: 100 }), Fault);
    assert.throws(() => new Room({ bytes: 65_536, threshold: 1 }), Fault);
    assert.throws(() => new Room({ bytes: 65_536, threshold: Number.NaN }), Fault);
  });
});
