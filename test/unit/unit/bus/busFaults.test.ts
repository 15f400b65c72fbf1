import assert from 'node:assert/strict';
import { Room } from '../../../../src/buffer/room.ts';
import { BusFaults } from '../../../../src/unit/bus/busFaults.ts';

const BUFFER = { bytes: 4096, freeBytes: 0, state: 'data', falls: 0 } as const;
const SOURCE = { kind: 'tap', text: 'tap eth1' } as const;

describe('H2 faults of the bus', () => {
  let now: number;
  let told: string[];
  let room: Room;
  let faults: BusFaults;

  beforeEach(() => {
    now = 0;
    told = [];
    room = new Room({ bytes: 4096, threshold: 0.25, whenFull: 'lbn' });
    faults = new BusFaults({ room, notice: (text) => void told.push(text), now: () => now });
  });

  const pass = (ms: number, lasting = false): void => {
    for (let at = 0; at < ms; at += 100) {
      now += 100e6;
      faults.tick(lasting);
    }
  };
  const missed = (fault?: string): string | undefined => faults.source(SOURCE, { fault }).error?.message;

  it('are what a tap missed, until nothing more is missed for some seconds', () => {
    assert.equal(missed(), undefined);
    faults.missed('5 frames are lost');
    pass(2000);
    faults.missed('2 frames are lost');
    pass(2000);
    assert.equal(missed(), '2 frames are lost');
    pass(2000);
    assert.equal(missed(), undefined);
    assert.deepEqual(told, ['5 frames are lost', '2 frames are lost', 'nothing more is missed on the bus']);
  });

  it('last as long as the source says that it cannot follow', () => {
    faults.missed('nothing is heard');
    pass(60_000, true);
    assert.equal(missed('nothing is heard at all'), 'nothing is heard at all');
    assert.equal(told.length, 1);
    pass(5000);
    assert.deepEqual(told.slice(1), ['nothing more is missed on the bus']);
  });

  it('are a buffer without room, told once however often it comes and goes', () => {
    assert.equal(faults.buffer(BUFFER).error, undefined);
    for (let n = 0; n < 20; n++) {
      // Short for less than a tick.
      const leases = [room.take(2048), room.take(2048), room.take(512)];
      for (const lease of leases) if (lease) room.give(lease);
      pass(500);
    }
    assert.match(faults.buffer(BUFFER).error?.message ?? '', /^the buffer is short of room/);
    assert.deepEqual(told, [faults.buffer(BUFFER).error?.message]);
    pass(5000);
    assert.equal(faults.buffer(BUFFER).error, undefined);
    assert.equal(told.length, 2);
  });
});
